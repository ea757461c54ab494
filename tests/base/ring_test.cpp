#include "base/ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "base/block_vector.hpp"
#include "base/random.hpp"
#include "base/shared.hpp"

namespace lastack {
namespace {

TEST(Ring, IsTheQueueThatDequeIs) {
  Ring<int> ring;
  std::deque<int> reference;
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const bool grow = (i / 1000) % 2 == 0;
    if (random.next() % 10 < (grow ? 6U : 4U)) {
      ring.push_back(i);
      reference.push_back(i);
    } else if (!reference.empty()) {
      ASSERT_EQ(ring.front(), reference.front());
      ASSERT_EQ(ring.pop_front(), reference.front());
      reference.pop_front();
    }
    ASSERT_EQ(ring.size(), reference.size());
    ASSERT_EQ(ring.empty(), reference.empty());
  }
}

TEST(Ring, LetsGoOfWhatHasLeft) {
  Ring<std::shared_ptr<int>> ring;
  const auto held = std::make_shared<int>(7);
  ring.push_back(held);
  EXPECT_EQ(*ring.pop_front(), 7);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(BlockVector, ElementsStayWhereTheyAre) {
  BlockVector<int, 4> v;
  EXPECT_EQ(v.push_back(1), 0U);
  const int* const first = &v[0];
  for (int i = 2; i <= 100; ++i) EXPECT_EQ(v.push_back(i), static_cast<std::size_t>(i - 1));
  EXPECT_EQ(first, &v[0]);
  for (std::size_t i = 0; i < v.size(); ++i) EXPECT_EQ(v[i], static_cast<int>(i) + 1);
}

struct Counted {
  int value = 0;
  std::shared_ptr<int> witness{};
  friend bool operator==(const Counted& a, const Counted& b) { return a.value == b.value; }
};

TEST(Shared, ComparesValuesAndFreesTheLast) {
  const auto witness = std::make_shared<int>(0);
  {
    Shared<Counted> a(Counted{1, witness});
    Shared<Counted> b = a;
    const Shared<Counted> c(Counted{1});
    EXPECT_EQ(&*a, &*b);
    EXPECT_EQ(a, c);
    EXPECT_NE(a, Shared<Counted>(Counted{2}));
    EXPECT_NE(a, Shared<Counted>());
    EXPECT_EQ(Shared<Counted>(), Shared<Counted>());
    a = Shared<Counted>();
    EXPECT_FALSE(a);
    EXPECT_EQ(witness.use_count(), 2);
    const Shared<Counted>& same = b;
    b = same;
    EXPECT_EQ(b->value, 1);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace lastack
