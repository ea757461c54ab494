#include "insight/scenarios.hpp"

#include <algorithm>
#include <vector>

namespace lastack::insight {

std::span<const Scenario> scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> joined;
    for (const auto group : {opening_scenarios(), closing_scenarios(), holder_scenarios(),
                             reset_scenarios(), loss_scenarios()}) {
      joined.insert(joined.end(), group.begin(), group.end());
    }
    return joined;
  }();
  return all;
}

const Scenario* find_scenario(std::string_view name) {
  const auto all = scenarios();
  const auto found = std::ranges::find(all, name, &Scenario::name);
  return found != all.end() ? &*found : nullptr;
}

sim::TwoHostsConfig config_of(const Scenario& scenario, bool v6, bool as_linux) {
  sim::TwoHostsConfig config;
  config.v6 = v6;
  config.settings.close_as_linux(as_linux);
  if (scenario.prepare != nullptr) scenario.prepare(config);
  return config;
}

}  // namespace lastack::insight
