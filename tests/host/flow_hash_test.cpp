// What the table's hash depends on: every part of a flow, and the host's key.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>

#include "host/flow_table.hpp"

namespace lastack::host {
namespace {

constexpr HashKey kKey{1, 2};

Flow flow_of(const char* local, std::uint16_t local_port, const char* remote,
             std::uint16_t remote_port) {
  return {{*wire::IpAddress::parse(local), local_port},
          {*wire::IpAddress::parse(remote), remote_port}};
}

TEST(FlowHash, EveryPartCounts) {
  std::set<std::uint32_t> hashes;
  const std::array flows{
      flow_of("10.0.0.1", 80, "10.0.0.2", 1000), flow_of("10.0.0.3", 80, "10.0.0.2", 1000),
      flow_of("10.0.0.1", 81, "10.0.0.2", 1000), flow_of("10.0.0.1", 80, "10.0.0.3", 1000),
      flow_of("10.0.0.1", 80, "10.0.0.2", 1001), flow_of("10.0.0.2", 80, "10.0.0.1", 1000),
      flow_of("fd00::1", 80, "fd00::2", 1000),   flow_of("fd00::3", 80, "fd00::2", 1000),
      flow_of("fd01::1", 80, "fd00::2", 1000),   flow_of("fd00::1", 80, "fd01::2", 1000),
      flow_of("fd00::1", 80, "fd00::2", 1001),   flow_of("fd00::1", 81, "fd00::2", 1000),
      flow_of("fd00::1", 1000, "fd00::2", 80),
  };
  for (const Flow& flow : flows) {
    hashes.insert(hash_of(flow, kKey));
    hashes.insert(hash_of(flow, {1, 3}));
  }
  EXPECT_EQ(hashes.size(), 2 * flows.size());
}

TEST(FlowHash, OneThatIsRememberedIsTheSame) {
  RememberedHash remembered(kKey);
  const std::array flows{Flow{}, flow_of("10.0.0.1", 80, "10.0.0.2", 1000),
                         flow_of("10.0.0.1", 80, "10.0.0.2", 1001),
                         flow_of("fd00::1", 80, "fd00::2", 1001)};
  for (int round = 0; round < 2; ++round) {
    for (const Flow& flow : flows) {
      EXPECT_EQ(remembered.of(flow), hash_of(flow, kKey));
      EXPECT_EQ(remembered.of(flow), hash_of(flow, kKey));
    }
  }
}

}  // namespace
}  // namespace lastack::host
