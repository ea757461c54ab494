// The bounds whose endpoints are open sockets.
#include "explore/socket_bounds.hpp"

#include "explore/explorer.hpp"

namespace lastack::explore {
namespace {

using Kind = SocketAction::Kind;

constexpr std::uint8_t kAny = Bounds::kNoLimit;

/// Octets are urgent, or say that more follow; calls hold back what is not full, or let it go.
std::vector<Kind> marks() {
  return {Kind::send_more, Kind::send_urgent, Kind::cork, Kind::uncork, Kind::no_delay};
}

/// What several holders, and any number of calls, make of one connection.
std::vector<Bounds> holders_and_calls() {
  return {
      {.name = "three holders",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = {3, 3}},
      {.name = "three holders, a call of the client",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 0},
       .holders = {3, 3}},
      {.name = "three holders, a call of the server",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 1},
       .holders = {3, 3}},
      {.name = "a call of each",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 1},
       .holders = {1, 1}},
      {.name = "any calls of the client",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {kAny, 0},
       .holders = {1, 1}},
      {.name = "any calls of the server",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, kAny},
       .holders = {1, 1}},
      {.name = "a listener with three holders",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 1},
       .holders = {1, 1},
       .listener_holders = 3},
  };
}

/// Several holders with more than a handshake between them, and octets that are not like the
/// others.
std::vector<Bounds> holders_and_marks() {
  return {
      {.name = "three holders, an octet unread",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 1},
       .calls = {0, 0},
       .holders = {3, 3}},
      {.name = "three holders, a lost packet",
       .losses = 1,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = {3, 3}},
      {.name = "octets that are urgent, or held back",
       .losses = 0,
       .duplicates = 0,
       .octets = {2, 0},
       .calls = {0, 0},
       .holders = {1, 1},
       .also = marks()},
      {.name = "an octet that is urgent, or held back, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {1, 0},
       .calls = {1, 0},
       .holders = {1, 1},
       .also = marks()},
  };
}

/// Octets that are read or not, and a wire that is worse.
std::vector<Bounds> octets_and_wires() {
  return {
      {.name = "an octet of the client",
       .losses = 0,
       .duplicates = 0,
       .octets = {1, 0},
       .calls = {0, 0},
       .holders = {1, 1}},
      {.name = "an octet unread, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 1},
       .calls = {1, 0},
       .holders = {1, 1}},
      {.name = "an octet unread, a call, as Linux",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 1},
       .calls = {1, 0},
       .linux_profile = true,
       .holders = {1, 1}},
      {.name = "a lost packet, a call of the client",
       .losses = 1,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 0},
       .holders = {1, 1}},
      {.name = "a doubled packet, two holders",
       .losses = 0,
       .duplicates = 1,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = {2, 2}},
      {.name = "three packets in flight",
       .in_flight = 3,
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = {2, 2}},
      {.name = "a client that connects again",
       .losses = 0,
       .duplicates = 0,
       .opens = {2, 0},
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = {2, 2}},
      {.name = "both connect",
       .losses = 0,
       .duplicates = 0,
       .opens = {1, 1},
       .listens = {false, false},
       .octets = {0, 0},
       .calls = {1, 1},
       .holders = {2, 2}},
  };
}

}  // namespace

std::vector<Bounds> socket_bounds() {
  auto all = holders_and_calls();
  for (const auto& more : {holders_and_marks(), octets_and_wires(), socket_bounds_of_calls()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace lastack::explore
