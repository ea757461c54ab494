// The table of states against another one, typed from RFC 4861's appendix C by hand.
#include "ip/neighbour_state.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace lastack::ip {
namespace {

constexpr std::array kStates{"NONE", "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE"};

/// Where each event leads from the states in the order above; "-" where nothing changes.
const std::map<NeighbourEvent, std::array<const char*, 6>> kAppendixC{
    {NeighbourEvent::wanted, {"INCOMPLETE", "-", "-", "DELAY", "-", "-"}},
    {NeighbourEvent::answered,
     {"-", "REACHABLE", "REACHABLE", "REACHABLE", "REACHABLE", "REACHABLE"}},
    {NeighbourEvent::progress, {"-", "-", "REACHABLE", "REACHABLE", "REACHABLE", "REACHABLE"}},
    {NeighbourEvent::told, {"STALE", "STALE", "STALE", "STALE", "STALE", "STALE"}},
    {NeighbourEvent::contradicted, {"-", "-", "STALE", "-", "-", "-"}},
    {NeighbourEvent::doubted, {"-", "-", "STALE", "-", "-", "-"}},
    {NeighbourEvent::reachable_over, {"-", "-", "STALE", "-", "-", "-"}},
    {NeighbourEvent::delay_over, {"-", "-", "-", "-", "PROBE", "-"}},
    {NeighbourEvent::gave_up, {"-", "NONE", "-", "-", "-", "NONE"}},
    {NeighbourEvent::forgotten, {"-", "NONE", "NONE", "NONE", "NONE", "NONE"}},
};

TEST(NeighbourState, IsTheTableOfTheAppendix) {
  ASSERT_EQ(kAppendixC.size(), kNeighbourEventCount);
  for (const auto& [event, leads_to] : kAppendixC) {
    for (std::size_t i = 0; i < kNeighbourStateCount; ++i) {
      const auto from = static_cast<NeighbourState>(i);
      EXPECT_EQ(to_string(from), kStates[i]);
      const auto to = next(from, event);
      EXPECT_EQ(to ? to_string(*to) : "-", leads_to[i]) << to_string(event) << " in " << kStates[i];
    }
  }
}

}  // namespace
}  // namespace lastack::ip
