// Count24: three octets that do not run over.
#include "base/count24.hpp"

#include <gtest/gtest.h>

namespace lastack {
namespace {

TEST(Count24, KeepsWhatItIsGiven) {
  for (const std::uint32_t v : {0U, 1U, 255U, 256U, 65'536U, Count24::kMost}) {
    EXPECT_EQ(Count24(v).value(), v);
  }
}

TEST(Count24, StaysAtItsMost) {
  EXPECT_EQ(Count24(Count24::kMost + 1ULL).value(), Count24::kMost);
  EXPECT_EQ(Count24(UINT64_MAX).value(), Count24::kMost);
  Count24 count(Count24::kMost - 1);
  ++count;
  EXPECT_EQ(count.value(), Count24::kMost);
  ++count;
  EXPECT_EQ(count.value(), Count24::kMost);
}

}  // namespace
}  // namespace lastack
