#include "ip/parking.hpp"

#include <gtest/gtest.h>

#include <string>

namespace lastack::ip {
namespace {

const auto kHopA = wire::IpAddress::v4(10, 0, 0, 2);
const auto kHopB = wire::IpAddress::v4(10, 0, 0, 3);

std::string taken(Parking<std::string>& parking, const wire::IpAddress& next_hop) {
  std::string all;
  parking.take(next_hop, [&all](const std::string& packet) { all += packet; });
  return all;
}

TEST(Parking, GivesEachNeighbourItsPacketsInOrder) {
  Parking<std::string> parking;
  EXPECT_EQ(parking.park(kHopA, "1", 10), 0U);
  EXPECT_EQ(parking.park(kHopB, "2", 10), 0U);
  EXPECT_EQ(parking.park(kHopA, "3", 10), 0U);
  EXPECT_EQ(parking.octets(), 30U);
  EXPECT_EQ(taken(parking, kHopA), "13");
  EXPECT_EQ(taken(parking, kHopA), "");
  EXPECT_EQ(parking.size(), 1U);
  EXPECT_EQ(parking.octets(), 10U);
}

TEST(Parking, KeepsTheLatestFewOfEach) {
  Parking<std::string> parking({.most_each = 2});
  for (const char* packet : {"1", "2", "3", "4"}) parking.park(kHopA, packet, 1);
  EXPECT_EQ(parking.park(kHopB, "5", 1), 0U);
  EXPECT_EQ(taken(parking, kHopA), "34");
  EXPECT_EQ(taken(parking, kHopB), "5");
}

TEST(Parking, IsBoundedInOctetsAndInAll) {
  Parking<std::string> parking({.most_each = 100, .most = 3, .most_octets = 100});
  EXPECT_EQ(parking.park(kHopA, "1", 60), 0U);
  EXPECT_EQ(parking.park(kHopB, "2", 60), 1U) << "the oldest goes";
  EXPECT_EQ(parking.octets(), 60U);
  EXPECT_EQ(parking.park(kHopA, "3", 101), 1U) << "too large for any place";
  EXPECT_EQ(parking.octets(), 60U);
  for (const char* packet : {"4", "5", "6"}) parking.park(kHopA, packet, 1);
  EXPECT_EQ(parking.size(), 3U);
  EXPECT_EQ(taken(parking, kHopA), "456");
  EXPECT_EQ(parking.octets(), 0U);
}

}  // namespace
}  // namespace lastack::ip
