#include "explore/socket_sides.hpp"

#include <utility>

#include "wire/ip.hpp"

namespace lastack::explore {

SocketSides::SocketSides(const Bounds& bounds) : bounds_(bounds) {
  for (std::uint8_t i = 0; i < 2; ++i) make_first(i);
}

void SocketSides::make_first(std::uint8_t i) {
  std::string wrong;
  Record record;
  record.index = i;
  first_[i] = add(make_side(i, bounds_), std::move(record), wrong);
}

void SocketSides::apply(Side& side, const Record& record) const {
  if (record.kind == Kind::deliver) {
    side.deliver(packets_[record.packet].octets);
  } else {
    side.act(record.kind);
  }
}

const SocketSides::Step& SocketSides::step(std::uint32_t side, Kind kind, std::uint32_t packet) {
  const auto [at, fresh] = steps_.try_emplace(Key{side, packet, kind});
  Step& step = at->second;
  if (!fresh) return step;
  auto next = this->side(side).copy();
  Record record;
  record.parent = side;
  record.packet = packet;
  record.kind = kind;
  record.index = records_[side].index;
  apply(*next, record);
  step.wrong = next->wrong();
  for (const Slice& octets : next->sent()) step.sent.push_back(number_of(octets));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i] = rows_[i] || next->counters().transitions[i] > 0;
  }
  step.to = add(std::move(next), std::move(record), step.wrong);
  return step;
}

/// The number of `side`, which may be known. Two are the same where they look the same at the same
/// time and count from the same initial numbers: then the same packets mean the same to both.
std::uint32_t SocketSides::add(std::unique_ptr<Side> side, Record record, std::string& wrong) {
  View& view = record.view;
  Encoder out(view.form);
  side->encode(out);
  view.iss = side->iss();
  view.peers = side->peers();
  std::vector<std::uint8_t> all = view.form;
  Encoder more(all);
  more.byte(record.index);
  more.seq(view.iss, Seq(0));
  more.seq(view.peers, Seq(0));
  more.word(static_cast<std::uint64_t>(side->now().time_since_epoch() / 1ms));
  const auto number = static_cast<std::uint32_t>(records_.size());
  const auto [at, added] = seen_.try_emplace(digest_of(all), number);
  if (!added) return at->second;
  view.actions = side->actions();
  view.waits_for_ever = side->waits_for_ever();
  view.state = side->state();
  view.can_read = side->can_read();
  const bool over = side->is_over();
  if (wrong.empty()) wrong = side->copy()->wrong_with_answers();
  if (wrong.empty()) wrong = side->copy()->wrong_with_calls();
  records_.push_back(std::move(record));
  keep(number, std::move(side));
  if (over && wrong.empty()) wrong = wrong_in_the_end(number);
  return number;
}

/// What is left where everything has ended, on a side that is nobody's copy: its buffers and counts
/// are those of a whole life.
std::string SocketSides::wrong_in_the_end(std::uint32_t at) const {
  std::vector<std::uint32_t> way;
  for (; records_[at].parent != kNone; at = records_[at].parent) way.push_back(at);
  const auto life = make_side(records_[at].index, bounds_);
  while (!way.empty()) {
    apply(*life, records_[way.back()]);
    way.pop_back();
  }
  return life->left();
}

Side& SocketSides::side(std::uint32_t at) {
  std::vector<std::uint32_t> way;
  std::uint32_t from = at;
  for (; !records_[from].side && records_[from].parent != kNone; from = records_[from].parent) {
    way.push_back(from);
  }
  if (way.empty()) return *records_[at].side;
  auto again =
      records_[from].side ? records_[from].side->copy() : make_side(records_[from].index, bounds_);
  while (!way.empty()) {
    apply(*again, records_[way.back()]);
    way.pop_back();
  }
  keep(at, std::move(again));
  return *records_[at].side;
}

void SocketSides::keep(std::uint32_t at, std::unique_ptr<Side> side) {
  records_[at].side = std::move(side);
  if (records_[at].parent == kNone) return;  // where all begin stays
  kept_.push_back(at);
  if (kept_.size() > kMostKept) records_[kept_.pop_front()].side.reset();
}

std::uint32_t SocketSides::number_of(const Slice& packet) {
  const auto bytes = packet.bytes();
  const auto [at, added] = packet_numbers_.try_emplace(
      std::vector<std::byte>(bytes.begin(), bytes.end()), packets_.size());
  if (!added) return at->second;
  const auto ip = wire::parse_ip(bytes);
  Packet one{.octets = packet, .header = {}, .payload = 0};
  if (ip->header.protocol == wire::kProtocolTcp) {
    const auto tcp = wire::parse_tcp(ip->payload);
    one.header = tcp->header;
    one.payload = static_cast<std::uint8_t>(tcp->payload.size());
  }
  packets_.push_back(std::move(one));
  return at->second;
}

}  // namespace lastack::explore
