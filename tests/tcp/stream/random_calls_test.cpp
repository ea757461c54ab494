// A million random calls on each stream buffer against the plain reference.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tcp/stream/calls.hpp"
#include "tools/sanitized.hpp"

namespace lastack_test {
namespace {

// Sanitizers are slow; the million is for the builds without.
constexpr int kSeeds = 20;
constexpr int kCallsPerSeed = kSanitized ? 10'000 : 50'000;

/// LASTACK_SEED replays one seed that failed.
template <typename Random>
void run() {
  const char* const given = std::getenv("LASTACK_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
  const std::uint64_t last = given != nullptr ? first : kSeeds;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Random random{Seeded(seed)};
    for (int i = 0; i < kCallsPerSeed && random.failure().empty(); ++i) random.step();
    random.finish();
    ASSERT_EQ(random.failure(), "") << "replay with LASTACK_SEED=" << seed;
  }
}

TEST(SendBuffer, AMillionRandomCalls) { run<SendCalls<Seeded>>(); }
TEST(ReceiveBuffer, AMillionRandomCalls) { run<ReceiveCalls<Seeded>>(); }

}  // namespace
}  // namespace lastack_test
