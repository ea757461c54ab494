#include "host/flow_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace lastack::host {
namespace {

/// A table beside a map that says what is in it. Hashes are drawn from few, so that many share one.
class Model {
 public:
  explicit Model(std::uint32_t hashes) : hashes_(hashes) {}

  void insert() {
    const Handle handle{Handle::Kind::connection, next_++};
    const auto hash = static_cast<std::uint32_t>(random_.next() % hashes_) * 0x9e3779b9U;
    table_.insert(hash, handle);
    there_[handle.index()] = {hash, handle};
  }
  void erase() {
    const auto it = any();
    table_.erase(it->second.first, it->second.second);
    there_.erase(it);
  }
  void replace() {
    const auto it = any();
    const Handle to{Handle::Kind::time_wait, it->first};
    table_.replace(it->second.first, it->second.second, to);
    it->second.second = to;
  }
  void check() const {
    ASSERT_EQ(table_.size(), there_.size());
    for (const auto& [index, entry] : there_) {
      const Handle handle = entry.second;
      EXPECT_EQ(table_.find(entry.first, [&](Handle h) { return h == handle; }), handle);
    }
    EXPECT_FALSE(table_.find(12345, [](Handle) { return false; }));
  }
  [[nodiscard]] std::size_t size() const { return there_.size(); }
  Random& random() { return random_; }

 private:
  using There = std::map<std::uint32_t, std::pair<std::uint32_t, Handle>>;
  There::iterator any() {
    return std::next(there_.begin(), static_cast<long>(random_.next() % there_.size()));
  }

  std::uint32_t hashes_;
  Random random_{1};
  FlowTable table_;
  There there_;
  std::uint32_t next_ = 0;
};

class FlowTableOf : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(FlowTableOf, FindsAllThatIsThereAndNothingElse) {
  Model model(GetParam());
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t what = model.random().next() % 100;
    if (model.size() == 0 || what < 45) {
      model.insert();
    } else if (what < 85) {
      model.erase();
    } else {
      model.replace();
    }
    if (i % 50 == 0) model.check();
  }
  model.check();
}
INSTANTIATE_TEST_SUITE_P(Hashes, FlowTableOf, ::testing::Values(1U, 7U, 1000U, 1U << 31U));

TEST(FlowTable, FindsNothingWhereNothingIs) {
  const FlowTable table;
  EXPECT_FALSE(table.find(1, [](Handle) { return true; }));
}

TEST(FlowTable, WhatIsNotKeptOfAHashTellsNothingApart) {
  FlowTable table;
  const Handle low{Handle::Kind::connection, 0};
  const Handle high{Handle::Kind::connection, 1};
  table.insert(5, low);
  table.insert(5U | 1U << 31U, high);
  EXPECT_EQ(table.find(5, [&](Handle h) { return h == low; }), low);
  EXPECT_EQ(table.find(5U | 1U << 31U, [&](Handle h) { return h == high; }), high);
  table.erase(5, low);
  EXPECT_FALSE(table.find(5, [&](Handle h) { return h == low; }));
  EXPECT_EQ(table.find(5U | 1U << 31U, [&](Handle h) { return h == high; }), high);
}

/// Tables of more than 2^24 slots look at bits of the tag for a home: those that meet in a smaller
/// one part there, and are moved up as they should.
TEST(FlowTable, HasMoreSlotsThanTheBitsBesideTheTagCount) {
  constexpr std::uint32_t kTag = 1U << 24U;
  constexpr std::uint32_t kPairs = kTag / 8 * 3 + 1;  // more than three quarters of 2^24
  const auto hash_of = [](std::uint32_t i) { return 2 * (i / 2) + (i % 2 != 0 ? kTag : 0); };
  const auto found = [&](const FlowTable& table, std::uint32_t i) {
    const Handle handle{Handle::Kind::connection, i};
    return table.find(hash_of(i), [handle](Handle h) { return h == handle; }) == handle;
  };
  FlowTable table;
  for (std::uint32_t i = 0; i < 2 * kPairs; ++i) {
    table.insert(hash_of(i), {Handle::Kind::connection, i});
  }
  ASSERT_EQ(table.size(), 2U * kPairs);
  for (std::uint32_t i = 0; i < 2 * kPairs; i += 997) EXPECT_TRUE(found(table, i)) << i;
  const Handle beside{Handle::Kind::connection, 2 * kPairs};
  table.insert(hash_of(1), beside);  // in the slot behind that
  table.erase(hash_of(1), {Handle::Kind::connection, 1});
  EXPECT_EQ(table.find(hash_of(1), [&](Handle h) { return h == beside; }), beside);
  EXPECT_FALSE(found(table, 1));
  EXPECT_TRUE(found(table, 0));
  EXPECT_TRUE(found(table, 3));
}

}  // namespace
}  // namespace lastack::host
