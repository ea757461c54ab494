// One seeded trial: everything its plan says happens, then all of it is judged.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "link/pcapng.hpp"
#include "sim/plan.hpp"
#include "tcp/table.hpp"

namespace lastack::sim {

struct TrialResult {
  std::uint64_t seed = 0;
  std::vector<std::string> failures;  ///< empty: all is as it must be
  std::uint64_t trace = 0;            ///< World::trace_hash()
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;  ///< read by programs
  Duration took{0};          ///< virtual
  std::uint32_t conversations = 0;
  std::uint32_t whole = 0;        ///< of them, those that had to arrive whole, and did
  std::uint32_t both_opened = 0;  ///< simultaneous opens that met
  std::array<std::uint64_t, tcp::kTable.size()> transitions{};  ///< by row of the table

  [[nodiscard]] bool passed() const { return failures.empty(); }
};

/// Runs `plan`; with a sink the packets of both hosts are captured to it.
[[nodiscard]] TrialResult run_trial(const Plan& plan, link::ByteSink* capture = nullptr);

}  // namespace lastack::sim
