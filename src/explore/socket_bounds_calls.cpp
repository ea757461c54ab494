// The bounds of open sockets whose holders call more than the sockets of the other sets do.
#include <initializer_list>
#include <utility>

#include "explore/explorer.hpp"
#include "explore/socket_bounds.hpp"

namespace lastack::explore {
namespace {

using Kind = SocketAction::Kind;
using Pair = std::array<std::uint8_t, 2>;

/// A good wire, one holder, and nothing to say.
Bounds plain(std::string name, std::vector<Kind> also = {}) {
  return {.name = std::move(name),
          .losses = 0,
          .duplicates = 0,
          .octets = {0, 0},
          .calls = {0, 0},
          .holders = {1, 1},
          .also = std::move(also)};
}

Bounds with(Bounds bounds, Pair holders, Pair octets, Pair calls) {
  bounds.holders = holders;
  bounds.octets = octets;
  bounds.calls = calls;
  return bounds;
}

/// Whoever of three holds it calls while octets are on their way.
std::vector<Bounds> holders_and_octets() {
  Bounds client =
      with(plain("three holders of the client, octets both ways, a call"), {3, 1}, {1, 1}, {1, 0});
  Bounds server =
      with(plain("three holders of the server, octets both ways, a call"), {1, 3}, {1, 1}, {0, 1});
  client.in_flight = server.in_flight = 1;
  const std::vector<Kind> urgent{Kind::send_urgent};
  const std::vector<Kind> held_back{Kind::send_more, Kind::cork, Kind::uncork};
  return {
      with(plain("three holders, octets both ways"), {3, 3}, {1, 1}, {0, 0}),
      client,
      server,
      with(plain("three holders, an urgent octet, a call", urgent), {3, 1}, {1, 0}, {1, 0}),
      with(plain("three holders, an urgent octet comes, a call", urgent), {3, 1}, {0, 1}, {1, 0}),
      with(plain("three holders, an octet held back, a call", held_back), {3, 1}, {1, 0}, {1, 0}),
      with(plain("three holders, two octets come, read apart",
                 {Kind::receive_one, Kind::receive_cut, Kind::send_two}),
           {1, 3}, {2, 0}, {0, 0}),
  };
}

/// Options that are set at any time; those that say nothing of how it ends among fewer calls.
std::vector<Bounds> options() {
  std::vector<Bounds> all{
      with(plain("SO_OOBINLINE", {Kind::send_urgent, Kind::in_line}), {1, 1}, {2, 0}, {0, 1}),
      with(plain("SO_RCVLOWAT", {Kind::low_mark}), {1, 1}, {2, 0}, {0, 1}),
      with(plain("TCP_NOTSENT_LOWAT", {Kind::unsent_mark}), {1, 1}, {2, 0}, {1, 0}),
      with(plain("TCP_QUICKACK", {Kind::quick_acks}), {1, 1}, {2, 0}, {0, 1}),
      with(plain("TCP_DEFER_ACCEPT", {Kind::defer_accept, Kind::defer_no_more}), {1, 1}, {1, 0},
           {0, 2}),
  };
  for (Bounds& bounds : all) bounds.shuts = false;
  all.front().in_flight = 1;
  all.push_back(with(plain("SO_RCVBUF", {Kind::receive_room}), {1, 1}, {1, 1}, {1, 0}));
  all.back().in_flight = 1;
  all.push_back(
      with(plain("SO_RCVBUF that takes room away", {Kind::receive_room}), {1, 2}, {2, 0}, {0, 1}));
  all.back().window = 5000;
  all.back().in_flight = 1;
  all.push_back(with(plain("SO_SNDBUF, TCP_MAXSEG", {Kind::send_room, Kind::small_parts}), {1, 1},
                     {1, 0}, {1, 0}));
  all.push_back(with(plain("TCP_SYNCNT", {Kind::another_syn}), {2, 1}, {0, 0}, {1, 0}));
  all.back().losses = 1;
  all.push_back(with(plain("SO_KEEPALIVE", {Kind::keepalive}), {2, 1}, {0, 0}, {1, 0}));
  all.push_back(with(plain("TCP_USER_TIMEOUT", {Kind::user_timeout}), {2, 1}, {1, 0}, {1, 0}));
  all.push_back(with(plain("TCP_LINGER2", {Kind::no_fin_wait}), {2, 1}, {0, 0}, {1, 0}));
  return all;
}

/// More than one listener, one after the other or at once.
std::vector<Bounds> listeners() {
  Bounds again =
      with(plain("a server that is started again", {Kind::restart}), {1, 1}, {0, 0}, {0, 2});
  Bounds reuse = again;
  reuse.name = "a server that is started again, SO_REUSEADDR";
  reuse.reuses_address = true;
  again.opens = reuse.opens = {2, 0};
  Bounds both = with(plain("two listeners, SO_REUSEPORT", {Kind::restart}), {1, 1}, {0, 0}, {0, 1});
  both.two_listeners = true;
  both.opens = {1, 0};
  return {again, reuse, both};
}

/// Sockets of UDP. The wire brings datagrams in any order.
std::vector<Bounds> datagrams() {
  const auto udp = [](std::string name, Pair holders, Pair octets, Pair calls) {
    Bounds bounds = with(plain("UDP: " + std::move(name)), holders, octets, calls);
    bounds.datagrams = true;
    bounds.opens = {0, 0};
    return bounds;
  };
  std::vector<Bounds> all{
      udp("three holders", {3, 3}, {2, 2}, {1, 1}),
      udp("calls of the client", {2, 1}, {2, 2}, {5, 0}),
      udp("calls of both", {1, 1}, {2, 2}, {2, 2}),
      udp("another socket sends, too", {1, 1}, {2, 2}, {3, 0}),
      udp("sockets that come again", {1, 1}, {2, 1}, {2, 2}),
      udp("datagrams in several calls", {2, 1}, {3, 1}, {3, 1}),
      udp("lost and doubled", {2, 1}, {2, 2}, {1, 1}),
  };
  all[3].second = true;
  all[4].opens = {1, 1};
  all[5].also = {Kind::send_more, Kind::cork, Kind::uncork};
  all[6].losses = all[6].duplicates = 1;
  for (Bounds& bounds : all) bounds.in_flight = 4;
  return all;
}

}  // namespace

std::vector<Bounds> socket_bounds_of_calls() {
  std::vector<Bounds> all = holders_and_octets();
  for (const auto& more : {options(), listeners(), datagrams()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace lastack::explore
