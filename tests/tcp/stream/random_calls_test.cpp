// A million random calls on each stream buffer against the plain reference.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tcp/stream/calls.hpp"

namespace lastack_test {
namespace {

// Sanitizers are slow; the million is for the builds without.
#if defined(__has_feature)
#define LASTACK_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LASTACK_SANITIZED 1
#else
#define LASTACK_SANITIZED 0
#endif
constexpr int kSeeds = 20;
constexpr int kCallsPerSeed = LASTACK_SANITIZED ? 10'000 : 50'000;

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
