#include "host/elders.hpp"

#include <gtest/gtest.h>

namespace lastack::host {
namespace {

const auto any = [](int) { return true; };

TEST(Elders, TheOldestThatIsStillThere) {
  Slab<int> slab;
  Elders<int> elders;
  EXPECT_FALSE(elders.oldest(slab, 10, any));
  std::vector<std::uint32_t> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(slab.make(int{i}));
    elders.add(slab, all.back());
  }
  EXPECT_EQ(elders.oldest(slab, 10, any), all[0]);
  slab.drop(all[0]);
  EXPECT_EQ(elders.oldest(slab, 10, any), all[1]);
  const std::uint32_t young = slab.make(9);  // in the place of the first, but not as old
  ASSERT_EQ(young, all[0]);
  elders.add(slab, young);
  slab.drop(all[1]);
  EXPECT_EQ(elders.oldest(slab, 10, any), all[2]);
  slab.drop(all[2]);
  EXPECT_EQ(elders.oldest(slab, 10, any), young);
  slab.forget_ids(young);
  EXPECT_FALSE(elders.oldest(slab, 10, any));
}

TEST(Elders, TheOldestThatIsWantedAmongSoMany) {
  Slab<int> slab;
  Elders<int> elders;
  for (int i = 0; i < 10; ++i) elders.add(slab, slab.make(int{i}));
  const auto is_seven = [](int value) { return value == 7; };
  EXPECT_EQ(elders.oldest(slab, 10, is_seven), 7U);
  EXPECT_EQ(elders.oldest(slab, 7, is_seven), 0U);  // not looked for so far
  slab.drop(2);
  EXPECT_EQ(elders.oldest(slab, 7, is_seven), 7U);  // those that have gone do not count
}

TEST(Elders, TheyDoNotPileUpBehindOneThatStays) {
  Slab<int> slab;
  Elders<int> elders;
  const std::uint32_t stays = slab.make(0);
  elders.add(slab, stays);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t index = slab.make(int{i});
    elders.add(slab, index);
    slab.drop(index);
  }
  EXPECT_LE(elders.size(), 70U);
  EXPECT_EQ(elders.oldest(slab, 1, any), stays);
}

}  // namespace
}  // namespace lastack::host
