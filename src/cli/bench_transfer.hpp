// A stream between the two hosts of a benchmark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cli/bench_world.hpp"

namespace lastack::cli {

/// One way, as fast as both ends go: the program writes and reads a chunk at a time.
class Transfer {
 public:
  Transfer(BenchWorld& world, std::size_t chunk);
  /// `total` octets; with `check` each is compared with what was sent.
  void run(std::uint64_t total, bool check);
  /// Octets of payload of a full segment.
  [[nodiscard]] std::uint64_t segment();

 private:
  [[nodiscard]] bool as_sent(std::uint64_t from, std::size_t n) const;

  BenchWorld& world_;
  BenchWorld::Pair fds_;
  std::vector<std::byte> chunk_;
  std::vector<std::byte> into_;
};

}  // namespace lastack::cli
