#include "explore/datagram_side.hpp"

#include <algorithm>
#include <array>

#include "io/packet_ref.hpp"
#include "link/link.hpp"
#include "wire/icmp.hpp"
#include "wire/ip.hpp"
#include "wire/quote.hpp"
#include "wire/udp.hpp"

namespace lastack::explore {

using socket::Fd;

namespace {

constexpr std::array<std::uint16_t, 2> kPorts{4000, 53};
constexpr std::uint16_t kSecondPort = 54;

host::Endpoint datagram_place(std::size_t i) {
  return {wire::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1)), kPorts[i]};
}

host::Config datagram_config(std::size_t i) {
  host::Config config;
  config.addresses = {{datagram_place(i).address, 24}};
  config.first_port = config.last_port = kPorts[i];
  return config;
}

std::span<const std::byte> octets_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(wire::Bytes octets) {
  std::string text;
  for (const std::byte octet : octets) text += static_cast<char>(octet);
  return text;
}

/// The same packet, whatever was sent before it: its number tells nothing here.
Slice without_number(const Slice& packet) {
  const auto ip = wire::parse_ip(packet.bytes());
  wire::IpHeader header = ip->header;
  header.identification = 0;
  std::vector<std::byte> octets(wire::kIpv4Header + ip->payload.size());
  wire::emit_ip(header, ip->payload.size(), octets);
  std::ranges::copy(ip->payload, octets.begin() + wire::kIpv4Header);
  return Slice::copy_of(octets);
}

}  // namespace

DatagramSide::DatagramSide(std::uint8_t i, const Bounds& bounds)
    : Side(i, bounds, datagram_config(i)) {
  copies_ = {*sockets_.socket(socket::kAfInet, socket::kSockDgram)};
  if (i == 0) return;
  (void)sockets_.bind(copies_.front(), place());
  model_.has_endpoint = model_.has_port = model_.chosen = true;
  if (!bounds.second) return;
  seconds_ = {*sockets_.socket(socket::kAfInet, socket::kSockDgram)};
  (void)sockets_.bind(seconds_.front(), {place().address, kSecondPort});
}

DatagramSide::DatagramSide(const DatagramSide& other)
    : Side(other),
      seconds_(other.seconds_),
      said_(other.said_),
      for_second_(other.for_second_),
      model_(other.model_) {}

host::Endpoint DatagramSide::place() const { return datagram_place(index_); }
host::Endpoint DatagramSide::place_of_peer() const { return datagram_place(1U - index_); }

std::string DatagramSide::standing() const {
  if (copies_.empty()) return "closed";
  std::string where = model_.peer ? "connected" : model_.has_port ? "bound" : "nowhere";
  if (model_.error != Errno::none) where += ", an error";
  return where + ", " + std::to_string(model_.queue.size()) + " wait";
}

// --- what may happen

std::vector<DatagramSide::Kind> DatagramSide::actions() const {
  std::vector<Kind> all;
  if (!seconds_.empty()) {
    all.push_back(Kind::close_second);
    if (octets_left_ > 0) all.push_back(Kind::send_other);
  }
  if (copies_.empty()) {
    if (opens_left_ > 0 && calls_left_ > 0) all.push_back(Kind::open);
    return all;
  }
  all.push_back(Kind::close);
  if (copies_.size() < bounds_->holders[index_]) all.push_back(Kind::dup);
  if (!model_.queue.empty() || model_.error != Errno::none) all.push_back(Kind::receive);
  if (octets_left_ > 0) {
    all.push_back(Kind::send_to);
    if (model_.peer) all.push_back(Kind::send);
    if (std::ranges::find(bounds_->also, Kind::send_more) != bounds_->also.end()) {
      all.push_back(Kind::send_more);
    }
  }
  if (calls_left_ == 0) return all;
  for (const Kind kind : {Kind::connect, Kind::disconnect, Kind::shut_rd, Kind::shut_wr,
                          Kind::shut_rdwr, Kind::take_error}) {
    all.push_back(kind);
  }
  if (!model_.has_port) all.push_back(Kind::bind);
  if (bounds_->second && index_ == 0) all.push_back(Kind::connect_other);
  for (const Kind kind : bounds_->also) {
    if (kind == Kind::cork || kind == Kind::uncork) all.push_back(kind);
  }
  return all;
}

// --- what happens

/// Who is connected hears its peer alone, who is not hears all; where nobody does, an ICMP error
/// says so. That is told to whom it is about, where it is connected so.
void DatagramSide::deliver(const Slice& packet) {
  const auto ip = wire::parse_ip(packet.bytes());
  bool taken = true;
  if (ip->header.protocol == wire::kProtocolUdp) {
    const auto udp = wire::parse_udp(ip->payload);
    const host::Endpoint from{ip->header.source, udp->header.source_port};
    const bool ours = udp->header.destination_port == place().port && model_.has_port &&
                      (!model_.peer || *model_.peer == from);
    const bool second = udp->header.destination_port == kSecondPort && !seconds_.empty();
    taken = ours || second;
    if (ours) model_.queue.push_back({from, text_of(udp->payload)});
    if (second) ++for_second_;
  } else {
    const auto icmp = wire::parse_icmp(wire::Family::v4, ip->payload);
    const auto about = wire::parse_quote(icmp->body);
    const host::Endpoint to{about->destination, about->destination_port};
    const bool ours = about->source_port == place().port && model_.has_port && model_.peer == to;
    if (ours) model_.error = Errno::econnrefused;
  }
  host_->packet_arrives(packet, now_);
  send_all();
  const bool answered =
      sent_.size() == 1 && wire::parse_ip(sent_[0].bytes())->header.protocol == wire::kProtocolIcmp;
  if (!taken && !answered) wrong("nobody takes a datagram, and no ICMP error says so");
  if (taken && !sent_.empty()) wrong("what was taken is answered");
  check_books();
}

void DatagramSide::act(Kind kind) {
  call(kind);
  send_all();
  const bool sends = (kind >= Kind::send && kind <= Kind::send_more) || kind == Kind::send_to ||
                     kind == Kind::send_other || kind == Kind::uncork;
  if (!sends && !sent_.empty()) wrong(to_string(kind) + " sends something");
  check_books();
}

void DatagramSide::call(Kind kind) {
  if (is_counted(kind)) --calls_left_;
  switch (kind) {
    case Kind::send:
    case Kind::send_to: return send(kind, false);
    case Kind::send_more: return send(kind, true);
    case Kind::receive: return receive(0);
    case Kind::take_error: return take_error();
    case Kind::shut_rd: return shut(socket::kShutRd);
    case Kind::shut_wr: return shut(socket::kShutWr);
    case Kind::shut_rdwr: return shut(socket::kShutRdwr);
    case Kind::connect: return connect(place_of_peer());
    case Kind::connect_other: return connect({place_of_peer().address, kSecondPort});
    case Kind::disconnect: return disconnect();
    case Kind::close: return close();
    case Kind::dup: copies_.push_back(*sockets_.dup(copies_.front())); break;
    case Kind::open:
      --opens_left_;
      copies_ = {*sockets_.socket(socket::kAfInet, socket::kSockDgram)};
      break;
    case Kind::bind:
      if (!sockets_.bind(copies_.front(), place())) wrong("bind() finds its port taken");
      model_.has_endpoint = model_.has_port = model_.chosen = true;
      break;
    case Kind::close_second:
      (void)sockets_.close(seconds_.back(), now_);
      seconds_.clear();
      for_second_ = 0;
      break;
    case Kind::send_other: {
      --octets_left_;
      const std::string text = "S" + std::to_string(++said_);
      const auto octets = octets_of(text);
      (void)sockets_.sendmsg(seconds_.front(), {&octets, 1}, now_, 0, place_of_peer());
      break;
    }
    case Kind::cork:
    case Kind::uncork: {
      const bool on = kind == Kind::cork;
      model_.corked = on;
      (void)sockets_.set_option(copies_.front(), socket::kSolUdp, socket::kUdpCork, on ? 1 : 0,
                                now_);
      const auto begun = on ? std::nullopt : std::exchange(model_.begun, std::nullopt);
      if (!on) check_sent(begun);
      break;
    }
    default: break;
  }
}

/// It has a port from now on, sent or not. What has begun goes on, wherever this one was to go.
socket::Errno DatagramSide::model_of_send(const std::string& octets,
                                          const std::optional<host::Endpoint>& to, bool more,
                                          std::optional<Waiting>& out) {
  model_.has_endpoint = model_.has_port = true;
  more |= model_.corked;
  if (!model_.begun) {
    if (!to && !model_.peer) return Errno::edestaddrreq;
    if (model_.error != Errno::none) return std::exchange(model_.error, Errno::none);
    if (model_.shut_write) return Errno::epipe;
    model_.begun = Waiting{to ? *to : *model_.peer, {}};
  }
  model_.begun->octets += octets;
  if (!more) out = std::exchange(model_.begun, std::nullopt);
  return Errno::none;
}

void DatagramSide::send(Kind kind, bool more) {
  --octets_left_;
  const std::string text = std::string(1, "AB"[index_]) + std::to_string(++said_);
  const auto octets = octets_of(text);
  std::optional<host::Endpoint> to;
  if (kind == Kind::send_to || (more && !model_.peer)) to = place_of_peer();
  std::optional<Waiting> out;
  const Errno expected = model_of_send(text, to, more, out);
  const auto sent =
      sockets_.sendmsg(copies_.back(), {&octets, 1}, now_, more ? int{socket::kMsgMore} : 0, to);
  const Errno error = sent ? Errno::none : sent.error();
  if (error != expected) wrong("sending answers " + std::string(to_string(error)));
  if (sent && *sent != text.size()) wrong("sending takes not all");
  check_sent(out);
}

/// What waits to go out, and nothing else.
void DatagramSide::check_sent(const std::optional<Waiting>& expected) {
  send_all();
  if (sent_.size() != (expected ? 1U : 0U)) return wrong("a datagram too many goes out, or none");
  if (!expected) return;
  const auto ip = wire::parse_ip(sent_[0].bytes());
  const auto udp = wire::parse_udp(ip->payload);
  const host::Endpoint to{ip->header.destination, udp->header.destination_port};
  if (to != expected->from || text_of(udp->payload) != expected->octets) {
    wrong("another datagram goes out");
  }
}

/// The error that is due comes first, once; then datagrams, as they came, from whom they came.
void DatagramSide::receive(int flags) {
  std::array<std::byte, 8> octets{};
  const std::span<std::byte> into(octets);
  const bool stays = (flags & socket::kMsgPeek) != 0;
  const auto got = sockets_.recvmsg(copies_.front(), {&into, 1}, now_, flags);
  if (model_.error != Errno::none) {
    const Errno due = std::exchange(model_.error, Errno::none);
    if (got || got.error() != due) wrong("an error is due and is not told");
    return;
  }
  if (model_.queue.empty()) {
    if (got || got.error() != Errno::eagain) wrong("there is nothing to receive, and something is");
    return;
  }
  const Waiting& front = model_.queue.front();
  if (!got || got->from != front.from || text_of(into.first(got->octets)) != front.octets) {
    return wrong("another datagram is received, or none");
  }
  if (!stays) model_.queue.pop_front();
}

void DatagramSide::take_error() {
  const Errno due = std::exchange(model_.error, Errno::none);
  const auto told = sockets_.take_error(copies_.back());
  if (told->value_or(Errno::none) != due) wrong("SO_ERROR tells another error");
}

void DatagramSide::shut(int how) {
  const bool done = sockets_.shutdown(copies_.back(), how, now_).has_value();
  if (done != model_.peer.has_value()) wrong("shutdown() minds whether it is connected");
  model_.shut_read |= how != socket::kShutWr;
  model_.shut_write |= how != socket::kShutRd;
}

void DatagramSide::connect(const host::Endpoint& to) {
  if (!sockets_.connect(copies_.back(), to, now_)) wrong("connect() does not");
  model_.has_endpoint = model_.has_port = true;
  model_.peer = to;
  if (model_.begun) model_.begun->from = to;
}

void DatagramSide::disconnect() {
  (void)sockets_.disconnect(copies_.back(), now_);
  model_.peer.reset();
  model_.has_port = model_.chosen;
}

/// What waits goes with the last one, and so does what has begun.
void DatagramSide::close() {
  (void)sockets_.close(copies_.front(), now_);
  copies_.erase(copies_.begin());
  if (copies_.empty()) model_ = {};
}

void DatagramSide::send_all() {
  hear();
  host::PacketOut out;
  while (host_->transmit(out, now_)) {
    sent_.push_back(without_number(link::copy_of(io::ref_to(out), now_).octets));
  }
  out.clear();
  hear();
}

}  // namespace lastack::explore
