// What options there are, of which type and range, and how each is read and set.
#include "socket/options.hpp"

#include <algorithm>
#include <array>

namespace lastack::socket {
namespace {

using Context = OptionContext;
using Type = Option::Type;
using For = Option::For;
using Outside = Option::Outside;

constexpr std::int64_t kMostInt = std::numeric_limits<int>::max();
constexpr std::int64_t kLeastInt = std::numeric_limits<int>::min();

// What Linux allows; it counts its own overhead and doubles what is asked for.
constexpr std::int64_t kMostBuffer = 212992;
constexpr std::int64_t kLeastReceiveBuffer = 2304;
constexpr std::int64_t kLeastSendBuffer = 4608;

template <auto Member>
std::int64_t settings_get(Context& c) {
  return static_cast<std::int64_t>(c.settings.*Member);
}
template <auto Member>
Errno settings_set(Context& c, std::int64_t value) {
  c.settings.*Member = static_cast<std::remove_reference_t<decltype(c.settings.*Member)>>(value);
  return Errno::none;
}
template <auto Member, std::int64_t kUnit>
std::int64_t span_get(Context& c) {
  return (c.settings.*Member).count() / kUnit;
}
template <auto Member, std::int64_t kUnit>
Errno span_set(Context& c, std::int64_t value) {
  c.settings.*Member = Duration(value * kUnit);
  return Errno::none;
}
constexpr std::int64_t kMillisecond = 1'000;

template <auto Member>
std::int64_t timeout_get(Context& c) {
  return c.s.choices ? ((*c.s.choices).*Member).count() : 0;
}
template <auto Member>
Errno timeout_set(Context& c, std::int64_t value) {
  (c.s.choices.ensure()).*Member = Duration(value);
  return Errno::none;
}

/// Linux takes the number as unsigned: less than 0 is as much as there may be.
Errno set_buffer(std::uint32_t& buffer, std::int64_t value, std::int64_t least) {
  if (value < 0) value = kMostBuffer;
  buffer = static_cast<std::uint32_t>(std::max(2 * std::min(value, kMostBuffer), least));
  return Errno::none;
}
Errno set_send_buffer(Context& c, std::int64_t value) {
  c.wake_writer();
  c.settings.fits_send_buffer = false;  // who says how much it is has all of it
  return set_buffer(c.settings.send_buffer, value, kLeastSendBuffer);
}
Errno set_receive_buffer(Context& c, std::int64_t value) {
  return set_buffer(c.settings.receive_buffer, value, kLeastReceiveBuffer);
}

std::int64_t get_linger(Context& c) {
  if (!c.s.linger) return -1;
  return c.s.choices ? c.s.choices->linger / 1s : 0;
}
Errno set_linger(Context& c, std::int64_t seconds) {
  c.s.linger = seconds >= 0;
  if (seconds > 0 || c.s.choices)
    c.s.choices.ensure().linger = std::max<std::int64_t>(seconds, 0) * 1s;
  return Errno::none;
}

std::int64_t get_protocol(Context& c) {
  return c.s.kind == OpenSocket::Kind::datagram ? wire::kProtocolUdp : wire::kProtocolTcp;
}
std::int64_t get_type(Context& c) {
  return c.s.kind == OpenSocket::Kind::datagram ? kSockDgram : kSockStream;
}
std::int64_t get_domain(Context& c) {
  return c.s.domain == OpenSocket::Domain::inet6 ? kAfInet6 : kAfInet;
}
std::int64_t get_listening(Context& c) { return c.s.kind == OpenSocket::Kind::listening ? 1 : 0; }

std::int64_t get_low_at(Context& c) { return c.settings.receive_low_at; }
Errno set_low_at(Context& c, std::int64_t value) {
  if (value < 0) value = kMostInt;
  const bool datagrams = c.s.kind == OpenSocket::Kind::datagram;
  const auto most = datagrams ? kMostInt : std::int64_t{c.settings.receive_buffer} / 2;
  c.settings.receive_low_at = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(value, 1, std::max<std::int64_t>(most, 1)));
  c.wake_reader();
  return Errno::none;
}

/// What holds now; before there is a connection what was asked for, or RFC 9293's default.
std::int64_t get_max_segment(Context& c) {
  if (const tcp::Connection* connection = c.connection();
      connection != nullptr && c.state() != tcp::State::closed) {
    return connection->smss();
  }
  constexpr std::int64_t kDefault = 536;
  return c.settings.max_segment != 0 ? c.settings.max_segment : kDefault;
}
Errno set_max_segment(Context& c, std::int64_t value) {
  constexpr std::int64_t kLeast = 88;
  if (value != 0 && value < kLeast) return Errno::einval;
  c.settings.max_segment = static_cast<std::uint16_t>(value);
  return Errno::none;
}

/// FIN_WAIT_2 of an orphan; a negative time ends it at once.
std::int64_t get_linger2(Context& c) {
  return c.settings.fin_timeout < Duration(0) ? -1 : c.settings.fin_timeout / 1s;
}
Errno set_linger2(Context& c, std::int64_t seconds) {
  constexpr std::int64_t kMost = 120;
  constexpr std::int64_t kDefault = 60;
  if (seconds > kMost) seconds = kMost;
  c.settings.fin_timeout = seconds < 0 ? Duration(-1) : (seconds == 0 ? kDefault : seconds) * 1s;
  return Errno::none;
}

/// Linux keeps it as the number of SYN,ACKs that fit into the time, in an octet.
std::int64_t defer_seconds(std::int64_t seconds) {
  constexpr int kMost = 255;
  std::int64_t all = 0;
  std::int64_t timeout = 1;
  for (int sent = 0; all < seconds && sent < kMost; ++sent) {
    all += timeout;
    timeout = std::min<std::int64_t>(2 * timeout, 120);
  }
  return all;
}
Errno set_defer(Context& c, std::int64_t seconds) {
  c.settings.defer_accept = defer_seconds(std::max<std::int64_t>(seconds, 0)) * 1s;
  return Errno::none;
}

template <auto Family, auto Member>
std::int64_t mark_get(Context& c) {
  return c.settings.ip.*Family.*Member;
}
/// -1 is as it was. IPv4's is at least 1; IPv6's may be 0, and then goes no further than the link.
template <auto Family>
Errno set_hop_limit(Context& c, std::int64_t value) {
  if (value == 0 && Family == &wire::MarksOfBoth::v4) return Errno::einval;
  (c.settings.ip.*Family).hop_limit =
      value < 0 ? wire::IpMarks{}.hop_limit : static_cast<std::uint8_t>(value);
  return Errno::none;
}
/// ECN's two bits are TCP's own. Of a number Linux takes the last octet; -1 is IPv6's 0.
template <auto Family>
Errno set_traffic_class(Context& c, std::int64_t value) {
  constexpr std::int64_t kEcn = 3;
  if (value < 0 && Family == &wire::MarksOfBoth::v6) value = 0;
  if (c.s.kind != OpenSocket::Kind::datagram) value &= ~kEcn;
  (c.settings.ip.*Family).traffic_class = static_cast<std::uint8_t>(value);
  return Errno::none;
}
std::int64_t get_quick_acks(Context& c) { return c.settings.quick_acks ? 1 : 0; }

std::int64_t get_only_v6(Context& c) { return c.s.only_v6 ? 1 : 0; }
Errno set_only_v6(Context& c, std::int64_t value) {
  const bool connected = c.s.has_flow() && !c.is_over();
  c.give_port_back();
  const bool has_port =
      c.s.bound || c.s.kind == OpenSocket::Kind::listening || connected || c.has_udp_port();
  if (has_port) return Errno::einval;
  c.s.only_v6 = value != 0;
  return Errno::none;
}

constexpr auto kReuseAddressGet = [](Context& c) -> std::int64_t { return c.s.reuse_address; };
constexpr auto kReuseAddressSet = [](Context& c, std::int64_t value) {
  c.share(value != 0, c.s.reuse_port);
  return Errno::none;
};
constexpr auto kBroadcastGet = [](Context& c) -> std::int64_t { return c.s.broadcast; };
constexpr auto kBroadcastSet = [](Context& c, std::int64_t value) {
  c.s.broadcast = value != 0;
  return Errno::none;
};
constexpr auto kReusePortGet = [](Context& c) -> std::int64_t { return c.s.reuse_port; };
constexpr auto kReusePortSet = [](Context& c, std::int64_t value) {
  c.share(c.s.reuse_address, value != 0);
  return Errno::none;
};
constexpr auto kNoDelayGet = [](Context& c) -> std::int64_t { return !c.settings.nagle; };
constexpr auto kNoDelaySet = [](Context& c, std::int64_t value) {
  c.settings.nagle = value == 0;
  if (value != 0) c.flush(true);  // tcp(7): it goes, even where it is corked
  return Errno::none;
};
constexpr auto kCorkSet = [](Context& c, std::int64_t value) {
  c.settings.cork = value != 0;
  if (value == 0) c.flush(false);
  return Errno::none;
};
/// 0 is no mark: to Linux the system's value, which is none. It keeps an unsigned number.
constexpr auto kLowAtGet = [](Context& c) -> std::int64_t {
  return static_cast<int>(c.settings.not_sent_low_at);
};
constexpr auto kLowAtSet = [](Context& c, std::int64_t value) {
  c.settings.not_sent_low_at = static_cast<std::uint32_t>(value);
  c.wake_writer();
  return Errno::none;
};

std::int64_t get_udp_cork(Context& c) { return c.s.choices && c.s.choices->cork_datagrams ? 1 : 0; }
Errno set_udp_cork(Context& c, std::int64_t value) {
  if (value != 0 || c.s.choices) c.s.choices.ensure().cork_datagrams = value != 0;
  if (value == 0) c.send_begun();
  return Errno::none;
}

using S = tcp::Settings;
using C = OpenSocket::Choices;
using M = wire::IpMarks;
constexpr auto kV4 = &wire::MarksOfBoth::v4;
constexpr auto kV6 = &wire::MarksOfBoth::v6;

// clang-format off
constexpr std::array kOptions{
    Option{"SO_REUSEADDR", kSolSocket, kSoReuseAddr, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, kReuseAddressGet, kReuseAddressSet},
    Option{"SO_TYPE", kSolSocket, kSoType, Type::number, For::all, 0, 0, Outside::error, get_type, nullptr},
    Option{"SO_ERROR", kSolSocket, kSoError, Type::number, For::all, 0, 0, Outside::error, [](Context& c) { return c.take_error(); }, nullptr},
    Option{"SO_BROADCAST", kSolSocket, kSoBroadcast, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, kBroadcastGet, kBroadcastSet},
    Option{"SO_SNDBUF", kSolSocket, kSoSndBuf, Type::number, For::all, kLeastInt, kMostInt, Outside::error, settings_get<&S::send_buffer>, set_send_buffer},
    Option{"SO_RCVBUF", kSolSocket, kSoRcvBuf, Type::number, For::all, kLeastInt, kMostInt, Outside::error, settings_get<&S::receive_buffer>, set_receive_buffer},
    Option{"SO_KEEPALIVE", kSolSocket, kSoKeepAlive, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, settings_get<&S::keepalive>, settings_set<&S::keepalive>},
    Option{"SO_OOBINLINE", kSolSocket, kSoOobInline, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, settings_get<&S::oob_inline>, settings_set<&S::oob_inline>},
    Option{"SO_LINGER", kSolSocket, kSoLinger, Type::linger, For::all, kLeastInt, kMostInt, Outside::error, get_linger, set_linger},
    Option{"SO_REUSEPORT", kSolSocket, kSoReusePort, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, kReusePortGet, kReusePortSet},
    Option{"SO_RCVLOWAT", kSolSocket, kSoRcvLowAt, Type::number, For::all, kLeastInt, kMostInt, Outside::error, get_low_at, set_low_at},
    Option{"SO_SNDLOWAT", kSolSocket, kSoSndLowAt, Type::number, For::all, 0, 0, Outside::error, [](Context&) -> std::int64_t { return 1; }, nullptr},
    Option{"SO_RCVTIMEO", kSolSocket, kSoRcvTimeo, Type::time, For::all, 0, 0, Outside::error, timeout_get<&C::receive_timeout>, timeout_set<&C::receive_timeout>},
    Option{"SO_SNDTIMEO", kSolSocket, kSoSndTimeo, Type::time, For::all, 0, 0, Outside::error, timeout_get<&C::send_timeout>, timeout_set<&C::send_timeout>},
    Option{"SO_ACCEPTCONN", kSolSocket, kSoAcceptConn, Type::number, For::all, 0, 0, Outside::error, get_listening, nullptr},
    Option{"SO_PROTOCOL", kSolSocket, kSoProtocol, Type::number, For::all, 0, 0, Outside::error, get_protocol, nullptr},
    Option{"SO_DOMAIN", kSolSocket, kSoDomain, Type::number, For::all, 0, 0, Outside::error, get_domain, nullptr},

    Option{"IP_TOS", kSolIp, kIpTos, Type::octet, For::all, kLeastInt, kMostInt, Outside::error, mark_get<kV4, &M::traffic_class>, set_traffic_class<kV4>},
    Option{"IP_TTL", kSolIp, kIpTtl, Type::octet, For::all, -1, 255, Outside::error, mark_get<kV4, &M::hop_limit>, set_hop_limit<kV4>},
    Option{"IPV6_UNICAST_HOPS", kSolIpv6, kIpv6UnicastHops, Type::number, For::inet6, -1, 255, Outside::error, mark_get<kV6, &M::hop_limit>, set_hop_limit<kV6>},
    Option{"IPV6_V6ONLY", kSolIpv6, kIpv6V6Only, Type::flag, For::inet6, kLeastInt, kMostInt, Outside::error, get_only_v6, set_only_v6},
    Option{"IPV6_TCLASS", kSolIpv6, kIpv6Tclass, Type::number, For::inet6, -1, 255, Outside::error, mark_get<kV6, &M::traffic_class>, set_traffic_class<kV6>},

    Option{"TCP_NODELAY", kSolTcp, kTcpNoDelay, Type::flag, For::stream, kLeastInt, kMostInt, Outside::error, kNoDelayGet, kNoDelaySet},
    Option{"TCP_MAXSEG", kSolTcp, kTcpMaxSeg, Type::number, For::stream, 0, 32767, Outside::error, get_max_segment, set_max_segment},
    Option{"TCP_CORK", kSolTcp, kTcpCork, Type::flag, For::stream, kLeastInt, kMostInt, Outside::error, settings_get<&S::cork>, kCorkSet},
    Option{"TCP_KEEPIDLE", kSolTcp, kTcpKeepIdle, Type::number, For::stream, 1, 32767, Outside::error, span_get<&S::keepalive_idle, kSecond>, span_set<&S::keepalive_idle, kSecond>},
    Option{"TCP_KEEPINTVL", kSolTcp, kTcpKeepIntvl, Type::number, For::stream, 1, 32767, Outside::error, span_get<&S::keepalive_interval, kSecond>, span_set<&S::keepalive_interval, kSecond>},
    Option{"TCP_KEEPCNT", kSolTcp, kTcpKeepCnt, Type::number, For::stream, 1, 127, Outside::error, settings_get<&S::keepalive_probes>, settings_set<&S::keepalive_probes>},
    Option{"TCP_SYNCNT", kSolTcp, kTcpSynCnt, Type::number, For::stream, 1, 127, Outside::error, settings_get<&S::syn_retries>, settings_set<&S::syn_retries>},
    Option{"TCP_LINGER2", kSolTcp, kTcpLinger2, Type::number, For::stream, kLeastInt, kMostInt, Outside::error, get_linger2, set_linger2},
    Option{"TCP_DEFER_ACCEPT", kSolTcp, kTcpDeferAccept, Type::number, For::stream, kLeastInt, kMostInt, Outside::error, span_get<&S::defer_accept, kSecond>, set_defer},
    Option{"TCP_INFO", kSolTcp, kTcpInfo, Type::info, For::stream, 0, 0, Outside::error, nullptr, nullptr},
    Option{"TCP_QUICKACK", kSolTcp, kTcpQuickAck, Type::flag, For::stream, kLeastInt, kMostInt, Outside::error, get_quick_acks, settings_set<&S::quick_acks>},
    Option{"TCP_CONGESTION", kSolTcp, kTcpCongestion, Type::text, For::stream, 0, 0, Outside::error, nullptr, nullptr},
    Option{"TCP_USER_TIMEOUT", kSolTcp, kTcpUserTimeout, Type::number, For::stream, 0, kMostInt, Outside::error, span_get<&S::user_timeout, kMillisecond>, span_set<&S::user_timeout, kMillisecond>},
    Option{"TCP_NOTSENT_LOWAT", kSolTcp, kTcpNotSentLowAt, Type::number, For::stream, kLeastInt, kMostInt, Outside::error, kLowAtGet, kLowAtSet},

    Option{"UDP_CORK", kSolUdp, kUdpCork, Type::flag, For::datagram, kLeastInt, kMostInt, Outside::error, get_udp_cork, set_udp_cork},
};
// clang-format on

}  // namespace

std::span<const Option> options() { return kOptions; }

}  // namespace lastack::socket
