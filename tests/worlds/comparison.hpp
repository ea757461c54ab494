// Scripts in two worlds, side by side.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worlds/kernel_world.hpp"
#include "worlds/lastack_world.hpp"

namespace lastack::worlds {

/// Ports that no script before has used, and a kernel's world that is made anew now and then: what
/// is left of connections stays in its namespaces.
class KernelWorlds {
 public:
  using Make = std::function<std::unique_ptr<World>()>;
  explicit KernelWorlds(Make make) : make_(std::move(make)) {}

  /// Where the next script runs; its ports are ports().
  World& next();
  [[nodiscard]] std::uint16_t ports() const { return ports_; }

  /// The kernel on both sides, or lastack's host on side `ours`.
  [[nodiscard]] static std::unique_ptr<World> both();
  [[nodiscard]] static std::unique_ptr<World> with_ours(int ours, bool as_linux);

 private:
  Make make_;
  std::unique_ptr<World> world_;
  int runs_ = 0;
  std::uint16_t ports_ = 0;
};

/// The transcript of a script where a kernel is, whose clock is the wall's: a run that took so long
/// that a SYN may have been sent again says nothing, and is done anew. So a slow machine takes
/// longer, and says the same.
[[nodiscard]] std::vector<std::string> run_in_time(KernelWorlds& worlds, const Script& script);

/// lastack's sockets beside the kernel's.
class Comparison {
 public:
  /// The first step at which they differ; nothing where they don't.
  std::optional<std::size_t> compare(const Script& script, bool as_linux = true);

  std::vector<std::string> ours, kernels;

 private:
  LastackWorld as_linux_{true};
  LastackWorld by_default_{false};
  KernelWorlds kernel_{KernelWorlds::both};
};

}  // namespace lastack::worlds
