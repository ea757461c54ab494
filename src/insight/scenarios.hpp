// The scenarios of `lastack demo`: what they show, and how they end.
#pragma once

#include <span>
#include <string_view>

#include "insight/stage.hpp"

namespace lastack::insight {

/// The two sides.
inline constexpr auto kA = Stage::kA;
inline constexpr auto kB = Stage::kB;

struct Scenario {
  std::string_view name;  ///< as on the command line
  Text title;
  void (*play)(Stage& stage);
  /// The states both sides must be in when it is over.
  std::string_view a;
  std::string_view b;
  std::string_view next;  ///< what to try after it
  /// How the hosts and the wire differ from the usual; null where they don't.
  void (*prepare)(sim::TwoHostsConfig& config) = nullptr;
  /// The states in the end where the hosts do as Linux does; empty where they are the same.
  std::string_view a_as_linux{};
  std::string_view b_as_linux{};
};

/// The hosts and the wire that a scenario is played on. `as_linux`: with the three settings that
/// docs/linux.md has.
[[nodiscard]] sim::TwoHostsConfig config_of(const Scenario& scenario, bool v6 = false,
                                            bool as_linux = false);

/// All of them, in the order in which they are best read.
[[nodiscard]] std::span<const Scenario> scenarios();
/// Null where there is none of that name.
[[nodiscard]] const Scenario* find_scenario(std::string_view name);

// One group a file, src/insight/scenarios/.
[[nodiscard]] std::span<const Scenario> opening_scenarios();
[[nodiscard]] std::span<const Scenario> closing_scenarios();
[[nodiscard]] std::span<const Scenario> holder_scenarios();
[[nodiscard]] std::span<const Scenario> reset_scenarios();
[[nodiscard]] std::span<const Scenario> loss_scenarios();

}  // namespace lastack::insight
