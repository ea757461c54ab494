#include "explore/socket_world.hpp"

#include <algorithm>
#include <utility>

#include "explore/encoder.hpp"
#include "wire/ip.hpp"
#include "wire/udp.hpp"

namespace lastack::explore {

using tcp::State;

namespace {

/// A packet that is not TCP's.
std::string datagram_in_words(const Slice& packet) {
  const auto ip = wire::parse_ip(packet.bytes());
  if (ip->header.protocol != wire::kProtocolUdp) return "the ICMP error";
  const auto udp = wire::parse_udp(ip->payload);
  std::string words = "a datagram (";
  for (const std::byte octet : udp->payload) words += static_cast<char>(octet);
  return words + ") of port " + std::to_string(udp->header.source_port);
}

}  // namespace

SocketWorld::SocketWorld(const Bounds& bounds, const SocketSides& sides)
    : sides_{sides.first(0), sides.first(1)},
      losses_left_(bounds.losses),
      duplicates_left_(bounds.duplicates) {}

std::vector<SocketAction> SocketWorld::actions(const SocketSides& sides) const {
  std::vector<SocketAction> all;
  for (std::uint8_t i = 0; i < flying_; ++i) {
    all.push_back({Kind::deliver, i});
    if (losses_left_ > 0) all.push_back({Kind::lose, i});
    if (duplicates_left_ > 0) all.push_back({Kind::duplicate, i});
  }
  for (std::uint8_t i = 0; i < 2; ++i) {
    for (const Kind kind : sides.view(sides_[i]).actions) all.push_back({kind, i});
  }
  return all;
}

std::string SocketWorld::act(const SocketAction& action, const Bounds& bounds, SocketSides& sides) {
  const bool on_wire = action.kind <= Kind::duplicate;
  const Flying flying = on_wire ? wire_[action.which] : Flying{};
  if (on_wire && action.kind != Kind::duplicate) take_off(action.which);
  if (action.kind == Kind::duplicate) --duplicates_left_;
  if (action.kind == Kind::lose) {
    --losses_left_;
    return {};
  }
  const std::uint8_t i = on_wire ? flying.to : action.which;
  const auto& step = on_wire ? sides.step(sides_[i], Kind::deliver, flying.packet)
                             : sides.step(sides_[i], action.kind);
  sides_[i] = step.to;
  put(static_cast<std::uint8_t>(1 - i), step.sent, bounds);
  if (!step.wrong.empty()) return step.wrong;
  for (const std::size_t end : {0U, 1U}) {
    if (std::string wrong = wrong_pair(end, bounds, sides); !wrong.empty()) return wrong;
  }
  return {};
}

/// A full wire drops.
void SocketWorld::put(std::uint8_t to, const std::vector<std::uint32_t>& packets,
                      const Bounds& bounds) {
  for (const std::uint32_t packet : packets) {
    if (flying_ < std::min(bounds.in_flight, kMost)) wire_[flying_++] = {packet, to};
  }
}

void SocketWorld::take_off(std::uint8_t at) {
  std::copy(wire_.begin() + at + 1, wire_.begin() + flying_, wire_.begin() + at);
  --flying_;
}

void SocketWorld::canonical(std::vector<std::uint8_t>& into, const SocketSides& sides) const {
  into.clear();
  Encoder out(into);
  out.byte(losses_left_);
  out.byte(duplicates_left_);
  for (const std::size_t i : {0U, 1U}) {
    const auto& side = sides.view(sides_[i]);
    into.insert(into.end(), side.form.begin(), side.form.end());
    out.near(side.peers, sides.view(sides_[1 - i]).iss);
  }
  std::vector<std::array<std::uint8_t, 6>> packets(flying_);
  for (std::size_t i = 0; i < flying_; ++i) {
    const auto& packet = sides.packet(wire_[i].packet);
    std::vector<std::uint8_t> form;
    Encoder one(form);
    one.byte(wire_[i].to);
    if (!packet.header) {  // a datagram has nothing that changes from one to the next
      one.byte(wire_[i].packet);
      one.byte(wire_[i].packet >> 8U);
      std::ranges::copy(form, packets[i].begin());
      continue;
    }
    one.byte(packet.header->flags.bits());
    one.near(packet.header->seq, sides.view(sides_[1U - wire_[i].to]).iss);
    one.near(packet.header->ack, sides.view(sides_[wire_[i].to]).iss);
    one.window(packet.header->window);
    one.byte(packet.payload);
    std::ranges::copy(form, packets[i].begin());
  }
  std::ranges::sort(packets);
  for (const auto& packet : packets) into.insert(into.end(), packet.begin(), packet.end());
}

bool SocketWorld::waits_for_user(const SocketSides& sides) const {
  return sides.view(sides_[0]).can_read || sides.view(sides_[1]).can_read;
}

/// What one end knows of the other's FIN is true, as long as the other is there to be asked.
std::string SocketWorld::wrong_pair(std::size_t i, const Bounds& bounds,
                                    const SocketSides& sides) const {
  const State ours = sides.view(sides_[i]).state;
  const State theirs = sides.view(sides_[1 - i]).state;
  const bool there = tcp::traits(theirs).synchronized;
  const bool fin_acked = ours == State::fin_wait_2 || ours == State::time_wait;
  std::string wrong;
  if (there && tcp::traits(ours).fin_received && !tcp::traits(theirs).closing) {
    wrong = "a FIN was received that nobody has sent";
  }
  if (there && fin_acked && !tcp::traits(theirs).fin_received) {
    wrong = "a FIN is acknowledged that nobody has received";
  }
  const bool whole = tcp::traits(ours).synchronized && ours != State::fin_wait_1;  // of SYN_RCVD
  if (whole && theirs == State::syn_sent && bounds.opens[1 - i] < 2) {
    wrong = "a handshake is over that the other end has only begun";
  }
  return wrong.empty() ? wrong : wrong + " at " + "AB"[i];
}

std::string SocketWorld::wrong_when_quiet(const SocketSides& sides) const {
  for (const std::size_t i : {0U, 1U}) {
    const std::string& wrong = sides.view(sides_[i]).waits_for_ever;
    if (!wrong.empty()) return wrong + " at " + "AB"[i];
  }
  return {};
}

std::string SocketWorld::in_words(const SocketAction& action, const SocketSides& sides) const {
  if (action.kind > Kind::duplicate) {
    return std::string(1, "AB"[action.which]) + ": " + to_string(action.kind);
  }
  const Flying& flying = wire_[action.which];
  const auto& packet = sides.packet(flying.packet);
  std::string words = to_string(action.kind) + " ";
  if (!packet.header) return words + datagram_in_words(packet.octets) + " to " + "AB"[flying.to];
  constexpr std::array kFlags{
      std::pair{wire::Flag::syn, "SYN,"}, std::pair{wire::Flag::fin, "FIN,"},
      std::pair{wire::Flag::rst, "RST,"}, std::pair{wire::Flag::ack, "ACK,"}};
  for (const auto& [flag, name] : kFlags) {
    if (packet.header->flags.has(flag)) words += name;
  }
  words.back() = ' ';
  if (packet.payload > 0) words += std::to_string(packet.payload) + " octets ";
  return words + "to " + "AB"[flying.to];
}

std::string SocketWorld::states(SocketSides& sides) const {
  const std::string first = sides.standing(sides_[0]);
  return first + ", " + sides.standing(sides_[1]);
}

}  // namespace lastack::explore
