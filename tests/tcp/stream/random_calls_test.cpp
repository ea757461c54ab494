// A million random calls on each stream buffer against the plain reference.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tcp/stream/calls.hpp"

namespace lastack_test {
namespace {

/// LASTACK_SEED replays one seed that failed.
template <typename Random>
void run(int calls) {
  const char* const given = std::getenv("LASTACK_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
  const std::uint64_t last = given != nullptr ? first : 20;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Random random{Seeded(seed)};
    for (int i = 0; i < calls / 20 && random.failure().empty(); ++i) random.step();
    random.finish();
    ASSERT_EQ(random.failure(), "") << "replay with LASTACK_SEED=" << seed;
  }
}

TEST(SendBuffer, AMillionRandomCalls) { run<SendCalls<Seeded>>(1'000'000); }
TEST(ReceiveBuffer, AMillionRandomCalls) { run<ReceiveCalls<Seeded>>(1'000'000); }

}  // namespace
}  // namespace lastack_test
