// Trials as a whole: what seeds draw, and that a seed says everything.
#include "sim/trial.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/content.hpp"

namespace lastack::sim {
namespace {

TEST(Trial, ASeedSaysEverything) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const TrialResult once = run_trial(draw_plan(seed));
    link::MemorySink sink;
    const TrialResult again = run_trial(draw_plan(seed), &sink);  // being captured changes nothing
    EXPECT_EQ(once.trace, again.trace) << "seed " << seed;
    EXPECT_EQ(once.octets, again.octets);
    EXPECT_EQ(once.took, again.took);
    EXPECT_GT(sink.octets().size(), 60 * once.packets);
  }
}

TEST(Trial, TheFirstSeedsPass) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const TrialResult result = run_trial(draw_plan(seed));
    EXPECT_TRUE(result.passed()) << "seed " << seed << ": " << result.failures[0]
                                 << "\n  again:  lastack sim --seed " << seed;
  }
}

// What the 2,000 seeds of ./test are made of: a change that loses one of these is noticed.
TEST(Plan, TwoThousandSeedsDrawAllThereIs) {
  double loss = 0;
  std::uint32_t least_mtu = UINT32_MAX;
  std::uint32_t most_mtu = 0;
  std::uint32_t least_buffer = UINT32_MAX;
  std::size_t v6 = 0;
  std::array<std::size_t, kEndings> endings{};
  std::array<std::size_t, 11> seen{};
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const Plan plan = draw_plan(seed);
    v6 += plan.v6 ? 1 : 0;
    seen[0] += plan.outage > Duration(0) ? 1U : 0U;
    seen[1] += plan.clean() ? 1U : 0U;
    for (const auto& wire : plan.wire) {
      loss = std::max(loss, wire.loss);
      seen[2] += wire.reorder > 0 ? 1U : 0U;
      seen[3] += wire.duplicate > 0 ? 1U : 0U;
      seen[4] += wire.corrupt > 0 ? 1U : 0U;
      seen[5] += wire.burst_loss > 0 ? 1U : 0U;
      seen[6] += wire.rate > 0 ? 1U : 0U;
    }
    for (const auto& host : plan.hosts) {
      least_mtu = std::min<std::uint32_t>(least_mtu, host.mtu);
      most_mtu = std::max<std::uint32_t>(most_mtu, host.mtu);
      least_buffer = std::min(least_buffer, host.settings.receive_buffer);
      seen[7] += host.super_segment > 0 ? 1U : 0U;
      seen[8] += host.settings.shut_rd_keeps_buffered ? 1U : 0U;
    }
    for (const auto& c : plan.conversations) {
      seen[9] += c.simultaneous ? 1U : 0U;
      seen[10] += c.same_ports ? 1U : 0U;
      for (const auto& side : c.sides) ++endings[static_cast<std::size_t>(side.ending)];
    }
  }
  EXPECT_GT(loss, 0.19);
  EXPECT_LE(loss, 0.2);
  EXPECT_EQ(least_mtu, 576U);
  EXPECT_EQ(most_mtu, 65535U);
  EXPECT_EQ(least_buffer, 1U);
  EXPECT_NEAR(static_cast<double>(v6), 1000, 150);
  for (std::size_t i = 0; i < endings.size(); ++i) EXPECT_GT(endings[i], 200U) << i;
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_GT(seen[i], 50U) << i;
}

TEST(Content, AnyPartIsTheSameAsInTheWhole) {
  const Content content(99);
  std::vector<std::byte> whole(1000);
  content.fill(0, whole);
  for (const std::size_t at : {0U, 1U, 7U, 8U, 9U, 500U}) {
    for (const std::size_t size : {1U, 2U, 8U, 9U, 100U}) {
      std::vector<std::byte> part(size);
      content.fill(at, part);
      EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(at, size)));
    }
  }
  Sha256 sha;
  sha.add(whole);
  EXPECT_EQ(content.digest(1000), sha.digest());
  EXPECT_NE(Content(100).digest(1000), sha.digest());
}

}  // namespace
}  // namespace lastack::sim
