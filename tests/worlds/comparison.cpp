#include "worlds/comparison.hpp"

#include <chrono>

namespace lastack::worlds {

World& KernelWorlds::next() {
  constexpr std::uint16_t kFirstPorts = 2000;
  constexpr std::uint16_t kLastPorts = 59000;
  constexpr int kRuns = 2000;
  if (!world_ || runs_++ == kRuns) {
    world_.reset();
    world_ = make_();
    runs_ = 0;
    ports_ = kFirstPorts;
  }
  ports_ = static_cast<std::uint16_t>(ports_ + kPlaces);
  if (ports_ > kLastPorts) ports_ = kFirstPorts;
  return *world_;
}

std::unique_ptr<World> KernelWorlds::both() {
  return std::make_unique<WiredWorld>(std::make_unique<KernelSide>(0),
                                      std::make_unique<KernelSide>(1));
}

std::unique_ptr<World> KernelWorlds::with_ours(int ours, bool as_linux) {
  std::unique_ptr<Side> kernels = std::make_unique<KernelSide>(1 - ours);
  std::unique_ptr<Side> lastacks = std::make_unique<LastackAlone>(ours, as_linux);
  if (ours == 0) std::swap(kernels, lastacks);
  return std::make_unique<WiredWorld>(std::move(kernels), std::move(lastacks));
}

std::vector<std::string> run_in_time(KernelWorlds& worlds, const Script& script) {
  constexpr auto kUntilSynAgain = std::chrono::milliseconds(900);
  constexpr int kMost = 1000;
  std::vector<std::string> lines;
  for (int i = 0; i < kMost; ++i) {
    World& world = worlds.next();
    const auto before = std::chrono::steady_clock::now();
    lines = run(world, script, worlds.ports());
    if (std::chrono::steady_clock::now() - before < kUntilSynAgain) break;
  }
  return lines;
}

std::optional<std::size_t> Comparison::compare(const Script& script, bool as_linux) {
  kernels = run_in_time(kernel_, script);
  ours = run(as_linux ? as_linux_ : by_default_, script, kernel_.ports());
  for (std::size_t i = 0; i < script.size(); ++i) {
    if (ours[i] != kernels[i]) return i;
  }
  return std::nullopt;
}

}  // namespace lastack::worlds
