// What several rounds of a measurement come to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

namespace lastack::cli {

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

[[nodiscard]] inline Spread spread_of(std::vector<double> figures) {
  std::ranges::sort(figures);
  const std::size_t half = figures.size() / 2;
  const double median =
      figures.size() % 2 == 1 ? figures[half] : (figures[half - 1] + figures[half]) / 2;
  return {median, figures.front(), figures.back()};
}

/// Ratios are those within a round: what else the machine does meets both.
[[nodiscard]] inline Spread spread_of_ratios(const std::vector<double>& of,
                                             const std::vector<double>& to) {
  std::vector<double> ratios;
  ratios.reserve(of.size());
  for (std::size_t i = 0; i < of.size(); ++i) ratios.push_back(of[i] / to[i]);
  return spread_of(std::move(ratios));
}

[[nodiscard]] inline nlohmann::json as_json(const Spread& spread) {
  return {{"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
}

}  // namespace lastack::cli
