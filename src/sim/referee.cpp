#include "sim/referee.hpp"

#include <algorithm>
#include <optional>

#include "wire/icmp.hpp"
#include "wire/ip.hpp"

namespace lastack::sim {
namespace {

using wire::Flag;
using wire::TcpOptions;

constexpr std::uint8_t kMostShift = 14;

struct Parsed {
  wire::ParsedIp ip;
  wire::ParsedTcp tcp;
};

/// A TCP segment whose checksums are right, or nothing.
std::optional<Parsed> parse(link::Bytes packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return std::nullopt;
  const auto sum = wire::tcp_sum(ip->header.source, ip->header.destination, ip->payload);
  if (sum.checksum() != 0) return std::nullopt;
  const auto tcp = wire::parse_tcp(ip->payload);
  if (!tcp) return std::nullopt;
  return Parsed{*ip, *tcp};
}

/// An ICMP error, as IPv6 answers a header that the wire has damaged: no checksum covers that.
bool is_icmp_error(link::Bytes packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip) return false;
  const auto& [header, payload] = *ip;
  const bool v4 = header.source.is_v4();
  if (header.protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) return false;
  if (wire::icmp_sum(header.source, header.destination, payload).checksum() != 0) return false;
  const auto icmp = wire::parse_icmp(header.source.family(), payload);
  return icmp && icmp->message.is_error();
}

}  // namespace

std::uint32_t Referee::Segment::length() const {
  return payload + (has(Flag::syn) ? 1U : 0U) + (has(Flag::fin) ? 1U : 0U);
}

void Referee::sent(std::size_t host, const link::PacketRef& packet, TimePoint now) {
  flat_.assign(packet.header.begin(), packet.header.end());
  for (const Slice& part : packet.payload) {
    flat_.insert(flat_.end(), part.bytes().begin(), part.bytes().end());
  }
  if (packet.checksum_partial) {
    wire::finish_tcp_checksum(std::span(flat_).subspan(packet.tcp_at));
  }
  const auto parsed = parse(flat_);
  if (!parsed) {
    if (is_icmp_error(flat_)) return;
    if (faults_.size() < kMostFaults) faults_.emplace_back("a packet that does not parse was sent");
    return;
  }
  ++segments_;
  const auto& [ip, tcp] = *parsed;
  const Segment s{.key = {host,
                          {ip.header.source, tcp.header.source_port},
                          {ip.header.destination, tcp.header.destination_port}},
                  .header = tcp.header,
                  .payload = static_cast<std::uint32_t>(tcp.payload.size()),
                  .header_octets = ip.payload.size() - tcp.payload.size()};
  if (s.has(Flag::rst)) return;  // belongs to no connection any more
  View& view = views_[s.key];
  // A new connection may begin where the one before it did, if no time has passed (RFC 6528 §3).
  const bool answers_another =
      s.has(Flag::ack) && view.peer.open && s.header.ack != view.peer.iss + 1;
  // And who sends a SYN alone has taken none of the peer's, whatever came.
  const bool begins =
      !view.own.open || view.own.iss != s.header.seq || answers_another || !s.has(Flag::ack);
  if (s.has(Flag::syn) && begins) {
    keep_answer(view);
    view.own = {};
    view.peer = s.has(Flag::ack) ? answered(s, view) : Side{};
    open(s, view.own);
  }
  judge(s, view, packet.segment_size, now);
  note(s, view.own, view.peer);
}

void Referee::arrived(std::size_t host, const Slice& packet, TimePoint) {
  const auto parsed = parse(packet.bytes());
  if (!parsed) return;
  const auto& [ip, tcp] = *parsed;
  const Segment s{.key = {host,
                          {ip.header.destination, tcp.header.destination_port},
                          {ip.header.source, tcp.header.source_port}},
                  .header = tcp.header,
                  .payload = static_cast<std::uint32_t>(tcp.payload.size())};
  if (s.has(Flag::rst)) return;
  View& view = views_[s.key];
  if (s.has(Flag::syn)) return meet(s, view);
  if (s.has(Flag::ack)) take_answer(s, view);
  if (view.peer.open) note(s, view.peer, view.own);
}

bool Referee::is_only_answer(const View& view) {
  return view.own.open && view.peer.open && view.own.high <= 1;  // the SYN, and nothing behind it
}

void Referee::keep_answer(View& view) {
  if (!is_only_answer(view)) return view.answers.clear();
  if (view.answers.size() == kMostAnswers) view.answers.erase(view.answers.begin());
  view.answers.emplace_back(view.own, view.peer);
}

/// An ACK came: the handshake that it completes need not be the one that was answered last.
void Referee::take_answer(const Segment& s, View& view) {
  if (!is_only_answer(view) || s.header.ack == view.own.iss + 1) return;
  for (auto& [own, peer] : view.answers) {
    if (own.iss + 1 != s.header.ack || peer.iss + 1 != s.header.seq) continue;
    std::swap(view.own, own);
    std::swap(view.peer, peer);
    return;
  }
}

/// A SYN came. It means something at once where the host has called and not been answered yet; and
/// one without ACK may be a caller's, which counts from when the host answers it.
void Referee::meet(const Segment& s, View& view) {
  if (!s.has(Flag::ack)) call(s, view);
  if (view.peer.open && view.peer.iss == s.header.seq) return note(s, view.peer, view.own);
  const bool answers = view.own.open && !view.peer.open;
  if (!answers || (s.has(Flag::ack) && s.header.ack != view.own.iss + 1)) return;
  view.peer = {};
  open(s, view.peer);
  note(s, view.peer, view.own);
}

void Referee::call(const Segment& s, View& view) {
  std::erase_if(view.callers, [&s](const Side& c) { return c.iss == s.header.seq; });
  if (view.callers.size() == kMostCallers) view.callers.erase(view.callers.begin());
  Side& caller = view.callers.emplace_back();
  open(s, caller);
  note(s, caller, view.own);
}

/// The caller that a SYN,ACK answers. It need not be the last one: of two SYNs that come in one
/// batch the first has made the connection.
Referee::Side Referee::answered(const Segment& s, const View& view) {
  for (const Side& caller : view.callers) {
    if (caller.iss + 1 == s.header.ack) return caller;
  }
  return {};
}

void Referee::open(const Segment& s, Side& side) {
  side.open = true;
  side.iss = s.header.seq;
  const TcpOptions& options = s.header.options;
  if (options.has(TcpOptions::kMss)) side.mss = options.mss;
  side.offers_scale = options.has(TcpOptions::kWindowScale);
  side.scale = std::min(options.window_scale, kMostShift);
}

/// Takes what a segment says into what is known of the side it comes from.
void Referee::note(const Segment& s, Side& side, const Side& other) {
  const Offset begin =
      side.high + distance(side.iss + static_cast<std::uint32_t>(side.high), s.header.seq);
  side.high = std::max(side.high, begin + s.length());
  if (s.has(Flag::fin) && side.fin == kNone) side.fin = begin + s.length() - 1;
  if (s.header.options.has(TcpOptions::kTimestamps)) {
    side.stamped = true;
    side.ts_val = s.header.options.ts_val;
  }
  if (!s.has(Flag::ack) || !other.open) {
    side.edge = std::max<Offset>(side.edge, 1 + s.header.window);  // of a SYN: from its own view
    return;
  }
  const Offset ack =
      side.ack + distance(other.iss + static_cast<std::uint32_t>(side.ack), s.header.ack);
  const bool scaled = side.offers_scale && other.offers_scale && !s.has(Flag::syn);
  side.ack = std::max(side.ack, ack);
  side.edge = std::max(side.edge, ack + (Offset{s.header.window} << (scaled ? side.scale : 0)));
}

void Referee::judge(const Segment& s, View& view, std::uint32_t segment_size, TimePoint now) {
  if (!view.own.open) return fault(s, now, "a segment of a connection that has not begun");
  judge_place(s, view, now);
  if (s.has(Flag::ack)) judge_ack(s, view, now);
  judge_size(s, view, segment_size, now);
  const TcpOptions& options = s.header.options;
  if (!s.has(Flag::syn) && view.own.stamped && !options.has(TcpOptions::kTimestamps) &&
      view.peer.stamped) {
    fault(s, now, "no timestamp, though both agreed on them");
  }
  if (options.has(TcpOptions::kTimestamps) && view.own.stamped &&
      static_cast<std::int32_t>(options.ts_val - view.own.ts_val) < 0) {
    fault(s, now, "a timestamp that goes back");
  }
}

/// Where its octets stand: inside the window that was offered, and never behind a FIN.
void Referee::judge_place(const Segment& s, const View& view, TimePoint now) {
  const Side& own = view.own;
  const Offset begin =
      own.high + distance(own.iss + static_cast<std::uint32_t>(own.high), s.header.seq);
  const Offset end = begin + s.length();
  if (own.fin != kNone && end > own.fin + 1) fault(s, now, "octets behind the FIN");
  if (own.fin != kNone && s.has(Flag::fin) && end != own.fin + 1) fault(s, now, "a FIN that moved");
  if (s.has(Flag::syn)) return;
  // A probe may be one octet beyond the window (§3.8.6.1); it counts once it is sent.
  const Offset edge = std::max(view.peer.edge, own.high);
  if (end > edge && s.length() > 1) fault(s, now, "octets beyond the window that was offered");
  if (end > view.peer.edge + 1) fault(s, now, "a probe too far beyond the window");
}

/// What it acknowledges has arrived, and nothing that was said is taken back (§3.8.6).
void Referee::judge_ack(const Segment& s, View& view, TimePoint now) {
  const Side& own = view.own;
  if (!view.peer.open) return fault(s, now, "an ACK of a peer that has not begun");
  const Offset ack =
      own.ack + distance(view.peer.iss + static_cast<std::uint32_t>(own.ack), s.header.ack);
  if (ack > view.peer.high) fault(s, now, "an ACK of what has not arrived");
  if (ack < own.ack) fault(s, now, "an ACK that goes back");
  const bool scaled = own.offers_scale && view.peer.offers_scale && !s.has(Flag::syn);
  const Offset edge = ack + (Offset{s.header.window} << (scaled ? own.scale : 0));
  // The window of a SYN is never scaled: one that is sent again can't say more than 65535. Less
  // than a unit of the scale may not be sayable (RFC 7323 §2.4).
  const Offset unsayable = scaled ? (Offset{1} << own.scale) - 1 : 0;
  if (edge + unsayable < own.edge && own.ack > 0 && !s.has(Flag::syn))
    fault(s, now, "a window that is taken back");
  for (std::size_t i = 0; i < s.header.options.sack_count; ++i) {
    const auto& block = s.header.options.sack[i];
    const Offset left = ack + distance(s.header.ack, block.left);
    const Offset right = ack + distance(s.header.ack, block.right);
    if (left <= ack || right <= left || right > view.peer.high) {
      fault(s, now, "a SACK block of what has not arrived");
    }
  }
}

/// What the peer announced as its largest segment holds, options included (§3.7.1, MUST-16).
void Referee::judge_size(const Segment& s, const View& view, std::uint32_t segment_size,
                         TimePoint now) {
  if (s.payload == 0) return;
  const bool v4 = s.key.own.address.is_v4();
  const std::size_t mss = view.peer.mss > 0 ? view.peer.mss : v4 ? 536 : 1220;
  const std::size_t options = s.header_octets - wire::kTcpHeader;
  const std::size_t payload = segment_size > 0 ? segment_size : s.payload;
  if (payload + options > mss) fault(s, now, "a segment larger than the peer takes");
}

void Referee::fault(const Segment& s, TimePoint now, const std::string& what) {
  if (faults_.size() >= kMostFaults) return;
  const auto micros = (now - World::kStart).count();
  faults_.push_back("host " + std::to_string(s.key.host) + " port " +
                    std::to_string(s.key.own.port) + " sent " + what + " (at " +
                    std::to_string(micros) + " us, seq " + std::to_string(s.header.seq.raw()) +
                    ", ack " + std::to_string(s.header.ack.raw()) + ", " +
                    std::to_string(s.payload) + " octets)");
}

}  // namespace lastack::sim
