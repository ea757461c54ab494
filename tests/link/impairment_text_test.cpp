#include "link/impairment_text.hpp"

#include <gtest/gtest.h>

namespace lastack::link {
namespace {

TEST(ImpairmentText, SaysAllThereIs) {
  const auto wire = parse_impairment(
      "loss=1%,burst=0.5%,burst-length=4,delay=20ms,jitter=500us,reorder=2%,reorder-by=1s,"
      "duplicate=100%,corrupt=0.1%,rate=50mbit,queue=100kB,ecn=30000B,seed=7");
  ASSERT_TRUE(wire) << wire.error();
  EXPECT_EQ(wire->impairment, (Impairment{.delay = 20ms,
                                          .jitter = 500us,
                                          .loss = 0.01,
                                          .turns_bad = 0.005,
                                          .turns_good = 0.25,
                                          .burst_loss = 1,
                                          .duplicate = 1,
                                          .reorder = 0.02,
                                          .reorder_by = 1s,
                                          .corrupt = 0.001,
                                          .rate = 6'250'000,
                                          .queue = 100'000,
                                          .ecn = 30'000}));
  EXPECT_EQ(wire->seed, 7U);
}

TEST(ImpairmentText, NothingHarmsNothing) {
  const auto wire = parse_impairment("");
  ASSERT_TRUE(wire);
  Impairment harmless = wire->impairment;
  harmless.turns_good = Impairment{}.turns_good;
  harmless.reorder_by = Duration(0);
  EXPECT_EQ(harmless, Impairment{});
  EXPECT_EQ(wire->seed, std::nullopt);
}

TEST(ImpairmentText, SaysWhatIsWrong) {
  for (const auto& [text, said] : std::initializer_list<std::pair<const char*, const char*>>{
           {"los=1%", "no 'los'"},
           {"loss", "as in loss=1%"},
           {"loss=1", "as in loss=1%"},
           {"loss=101%", "'loss=101%'"},
           {"loss=-1%", "'loss=-1%'"},
           {"loss=nan%", "'loss=nan%'"},
           {"delay=20", "as in delay=20ms"},
           {"delay=20ms,,loss=1%", "no ''"},
           {"rate=50", "as in rate=50mbit"},
           {"rate=0bit", "as in rate=50mbit"},
           {"rate=1mbit,queue=5", "as in queue=100kB"},
           {"queue=5kB", "without a rate"},
           {"burst-length=0.5", "as in burst-length=5"},
           {"seed=x", "as in seed=7"}}) {
    const auto wire = parse_impairment(text);
    ASSERT_FALSE(wire) << text;
    EXPECT_NE(wire.error().find(said), std::string::npos) << wire.error();
  }
}

}  // namespace
}  // namespace lastack::link
