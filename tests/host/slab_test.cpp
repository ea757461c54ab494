#include "host/slab.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"

namespace lastack::host {
namespace {

TEST(Slab, KeepsPlacesAndTellsStaleIndexes) {
  Slab<std::unique_ptr<int>> slab;
  std::map<std::uint32_t, std::pair<int, std::uint32_t>> there;  // index: value, generation
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gone;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    if (there.empty() || random.next() % 100 < 52) {
      const std::uint32_t index = slab.make(std::make_unique<int>(i));
      ASSERT_FALSE(there.contains(index));
      there[index] = {i, slab.generation(index)};
    } else {
      const auto it = std::next(there.begin(), static_cast<long>(random.next() % there.size()));
      gone.emplace_back(it->first, it->second.second);
      slab.drop(it->first);
      there.erase(it);
    }
    ASSERT_EQ(slab.size(), there.size());
  }
  std::size_t seen = 0;
  slab.each_index([&](std::uint32_t index, const std::unique_ptr<int>& value) {
    EXPECT_EQ(*value, there.at(index).first);
    ++seen;
  });
  EXPECT_EQ(seen, there.size());
  for (const auto& [index, generation] : gone) {
    EXPECT_TRUE(!slab.has(index) || slab.generation(index) != generation);
  }
  EXPECT_FALSE(slab.has(UINT32_MAX));
}

/// The last one that was found is remembered: not longer than it is there, or its id good.
TEST(Slab, WhatWasFoundIsNotFoundOnceItIsGone) {
  Slab<int> slab;
  const std::uint32_t index = slab.make(1);
  const std::uint32_t first = slab.generation(index);
  ASSERT_EQ(*slab.find(index, first), 1);
  slab.drop(index);
  EXPECT_EQ(slab.find(index, first), nullptr);
  EXPECT_EQ(slab.find(index), nullptr);
  ASSERT_EQ(slab.make(2), index);
  const std::uint32_t second = slab.generation(index);
  EXPECT_EQ(slab.find(index, first), nullptr);
  EXPECT_EQ(*slab.find(index, second), 2);
  slab.forget_ids(index);
  EXPECT_EQ(slab.find(index, second), nullptr);
  EXPECT_EQ(*slab.find(index), 2);
  const Slab<int> copy(slab);
  EXPECT_EQ(copy[index], 2);
}

TEST(Slab, ForgetsIdsWithoutTheEntry) {
  Slab<int> slab;
  const std::uint32_t index = slab.make(5);
  const std::uint32_t generation = slab.generation(index);
  slab.forget_ids(index);
  EXPECT_TRUE(slab.has(index));
  EXPECT_NE(slab.generation(index), generation);
  EXPECT_EQ(slab[index], 5);
}

}  // namespace
}  // namespace lastack::host
