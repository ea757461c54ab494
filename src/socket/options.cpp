#include "socket/options.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "socket/tcp_info.hpp"

namespace lastack::socket {
namespace {

using Context = OptionContext;
using Type = Option::Type;
using For = Option::For;
using Outside = Option::Outside;

constexpr std::int64_t kMostInt = std::numeric_limits<int>::max();
constexpr std::int64_t kLeastInt = std::numeric_limits<int>::min();
constexpr std::string_view kController = "reno";

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
constexpr std::int64_t kSecond = 1'000'000;
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

Errno set_buffer(std::uint32_t& buffer, std::int64_t value, std::int64_t least) {
  buffer = static_cast<std::uint32_t>(std::max(2 * std::min(value, kMostBuffer), least));
  return Errno::none;
}
Errno set_send_buffer(Context& c, std::int64_t value) {
  c.wake_writer();
  return set_buffer(c.settings.send_buffer, std::max<std::int64_t>(value, 0), kLeastSendBuffer);
}
Errno set_receive_buffer(Context& c, std::int64_t value) {
  return set_buffer(c.settings.receive_buffer, std::max<std::int64_t>(value, 0),
                    kLeastReceiveBuffer);
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

std::int64_t get_low_at(Context& c) { return c.s.choices ? c.s.choices->receive_low_at : 1; }
Errno set_low_at(Context& c, std::int64_t value) {
  if (value < 0) value = kMostInt;
  const auto most = std::int64_t{c.settings.receive_buffer} / 2;
  c.s.choices.ensure().receive_low_at = static_cast<std::uint32_t>(
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

/// Linux keeps it as the number of SYN,ACKs that fit into the time.
std::int64_t defer_seconds(std::int64_t seconds) {
  std::int64_t all = 0;
  std::int64_t timeout = 1;
  while (seconds > 0 && all < seconds) {
    all += timeout;
    timeout = std::min<std::int64_t>(2 * timeout, 120);
  }
  return all;
}
Errno set_defer(Context& c, std::int64_t seconds) {
  c.settings.defer_accept = defer_seconds(std::max<std::int64_t>(seconds, 0)) * 1s;
  return Errno::none;
}

Errno set_hop_limit(Context& c, std::int64_t value) {
  if (value == 0) return Errno::einval;
  c.settings.hop_limit = value < 0 ? tcp::Settings{}.hop_limit : static_cast<std::uint8_t>(value);
  return Errno::none;
}
/// ECN's two bits are TCP's own. Of a number Linux takes the last octet.
Errno set_traffic_class(Context& c, std::int64_t value) {
  constexpr std::int64_t kEcn = 3;
  if (c.s.kind != OpenSocket::Kind::datagram) value &= ~kEcn;
  c.settings.traffic_class = static_cast<std::uint8_t>(value);
  return Errno::none;
}
Errno set_v6_traffic_class(Context& c, std::int64_t value) {
  return set_traffic_class(c, std::max<std::int64_t>(value, 0));
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
  const bool before = c.shares();
  c.s.reuse_address = value != 0;
  c.share(before);
  return Errno::none;
};
constexpr auto kReusePortGet = [](Context& c) -> std::int64_t { return c.s.reuse_port; };
constexpr auto kReusePortSet = [](Context& c, std::int64_t value) {
  const bool before = c.shares();
  c.s.reuse_port = value != 0;
  c.share(before);
  return Errno::none;
};
constexpr auto kNoDelayGet = [](Context& c) -> std::int64_t { return !c.settings.nagle; };
constexpr auto kNoDelaySet = [](Context& c, std::int64_t value) {
  c.settings.nagle = value == 0;
  return Errno::none;
};
/// To Linux 0 is the system's value, which is no limit; it keeps an unsigned number.
constexpr auto kLowAtGet = [](Context& c) -> std::int64_t {
  const std::uint32_t octets = c.settings.not_sent_low_at;
  return octets == UINT32_MAX ? 0 : static_cast<int>(octets);
};
constexpr auto kLowAtSet = [](Context& c, std::int64_t value) {
  c.settings.not_sent_low_at = value == 0 ? UINT32_MAX : static_cast<std::uint32_t>(value);
  c.wake_writer();
  return Errno::none;
};

using S = tcp::Settings;
using C = OpenSocket::Choices;

// clang-format off
constexpr std::array kOptions{
    Option{"SO_REUSEADDR", kSolSocket, kSoReuseAddr, Type::flag, For::all, kLeastInt, kMostInt, Outside::error, kReuseAddressGet, kReuseAddressSet},
    Option{"SO_TYPE", kSolSocket, kSoType, Type::number, For::all, 0, 0, Outside::error, get_type, nullptr},
    Option{"SO_ERROR", kSolSocket, kSoError, Type::number, For::all, 0, 0, Outside::error, [](Context& c) { return c.take_error(); }, nullptr},
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

    Option{"IP_TOS", kSolIp, kIpTos, Type::octet, For::all, kLeastInt, kMostInt, Outside::error, settings_get<&S::traffic_class>, set_traffic_class},
    Option{"IP_TTL", kSolIp, kIpTtl, Type::octet, For::all, -1, 255, Outside::error, settings_get<&S::hop_limit>, set_hop_limit},
    Option{"IPV6_UNICAST_HOPS", kSolIpv6, kIpv6UnicastHops, Type::number, For::inet6, -1, 255, Outside::error, settings_get<&S::hop_limit>, set_hop_limit},
    Option{"IPV6_V6ONLY", kSolIpv6, kIpv6V6Only, Type::flag, For::inet6, kLeastInt, kMostInt, Outside::error, get_only_v6, set_only_v6},
    Option{"IPV6_TCLASS", kSolIpv6, kIpv6Tclass, Type::number, For::inet6, -1, 255, Outside::error, settings_get<&S::traffic_class>, set_v6_traffic_class},

    Option{"TCP_NODELAY", kSolTcp, kTcpNoDelay, Type::flag, For::stream, kLeastInt, kMostInt, Outside::error, kNoDelayGet, kNoDelaySet},
    Option{"TCP_MAXSEG", kSolTcp, kTcpMaxSeg, Type::number, For::stream, 0, 32767, Outside::error, get_max_segment, set_max_segment},
    Option{"TCP_CORK", kSolTcp, kTcpCork, Type::flag, For::stream, kLeastInt, kMostInt, Outside::error, settings_get<&S::cork>, settings_set<&S::cork>},
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
};
// clang-format on

const Option* find_option(const OpenSocket& s, int level, int name) {
  const auto at = std::ranges::find_if(
      kOptions, [&](const Option& o) { return o.level == level && o.number == name; });
  if (at == kOptions.end()) return nullptr;
  const bool stream = s.kind != OpenSocket::Kind::datagram;
  if (at->whom == For::stream && !stream) return nullptr;
  if (at->whom == For::inet6 && s.domain != OpenSocket::Domain::inet6) return nullptr;
  return &*at;
}

template <typename T>
std::optional<T> read_as(std::span<const std::byte> value, std::size_t at = 0) {
  if (value.size() < at + sizeof(T)) return std::nullopt;
  T out{};
  std::memcpy(&out, value.data() + at, sizeof(T));
  return out;
}

std::size_t write_some(std::span<const std::byte> what, std::span<std::byte> into) {
  const std::size_t n = std::min(what.size(), into.size());
  std::copy_n(what.begin(), n, into.begin());
  return n;
}

Result<std::int64_t> number_in(const Option& option, std::span<const std::byte> value) {
  if (option.type == Type::time) {
    const auto seconds = read_as<std::int64_t>(value);
    const auto micros = read_as<std::int64_t>(value, 8);
    if (!seconds || !micros) return std::unexpected(Errno::einval);
    if (*micros < 0 || *micros >= kSecond) return std::unexpected(Errno::edom);
    constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max() / kSecond / 4;
    if (*seconds < 0 || *seconds > kForEver) return 0;
    return *seconds * kSecond + *micros;
  }
  if (option.type == Type::linger) {
    const auto on = read_as<int>(value);
    const auto seconds = read_as<int>(value, 4);
    if (!on || !seconds) return std::unexpected(Errno::einval);
    return *on == 0 ? -1 : std::max(*seconds, 0);
  }
  if (option.type == Type::octet && value.size() < sizeof(int)) {
    const auto octet = read_as<std::uint8_t>(value);
    return octet ? std::int64_t{*octet} : 0;
  }
  const auto number = read_as<int>(value);
  if (!number) return std::unexpected(Errno::einval);
  if (*number < option.least || *number > option.most) return std::unexpected(Errno::einval);
  return option.type == Type::flag ? std::int64_t{*number != 0} : std::int64_t{*number};
}

Result<void> choose_controller(std::span<const std::byte> value) {
  if (value.empty()) return std::unexpected(Errno::einval);
  std::string name;
  for (const std::byte octet : value) {
    if (octet == std::byte{0}) break;
    name.push_back(static_cast<char>(octet));
  }
  if (name != kController) return std::unexpected(Errno::enoent);
  return {};
}

}  // namespace

std::span<const Option> options() { return kOptions; }

std::int64_t OptionContext::take_error() {
  if (s.kind == OpenSocket::Kind::datagram) {
    const udp::Error error = sockets.host_->udp_take_error(s.udp());
    return static_cast<std::int64_t>(error == udp::Error::not_open ? Errno::none : errno_of(error));
  }
  return static_cast<std::int64_t>(sockets.tell_error(s).value_or(Errno::none));
}

/// Who waits for so much may have it now; the end of the stream is enough, too.
void OptionContext::wake_reader() {
  const bool enough = sockets.readable(s) >= s.choices->receive_low_at;
  if (enough || sockets.has_all(s)) sockets.wake(fd, OpenSocket::wake_in);
}

void OptionContext::wake_writer() { s.no_room = writers = true; }

void OptionContext::share(bool before) {
  const bool shared = shares();
  if (s.kind == OpenSocket::Kind::datagram) {
    sockets.host_->set_shared(s.udp(), shared);
  } else if (s.bound) {
    const bool both = Sockets::keeps_both(s, s.choices->local.address);
    sockets.host_->set_shared(s.choices->local, both, before, shared);
  }
  if (s.has_flow()) sockets.host_->set_shared(s.flow(), shared);
  if (s.kind == OpenSocket::Kind::listening) sockets.host_->set_shared(s.listener(), shared);
}

Result<void> Sockets::set_option(Fd fd, int level, int name, std::span<const std::byte> value,
                                 TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const Option* option = find_option(*s, level, name);
  if (option == nullptr) return std::unexpected(Errno::enoprotoopt);
  if (option->type == Type::text) return choose_controller(value);
  if (option->set == nullptr) return std::unexpected(Errno::enoprotoopt);
  const auto number = number_in(*option, value);
  if (!number) return std::unexpected(number.error());
  Context context{.sockets = *this, .fd = fd, .s = *s, .settings = settings_of(*s)};
  const tcp::Settings before = context.settings;
  if (const Errno wrong = option->set(context, *number); wrong != Errno::none) {
    return std::unexpected(wrong);
  }
  if (context.settings != before) change_settings(*s, context.settings, now);
  const bool streams = s->kind != OpenSocket::Kind::datagram;
  const bool early = !tcp::traits(state_of(*s)).synchronized;
  if (context.writers && streams && (early || (poll_stream(*s) & kPollOut) != 0)) {
    s->no_room = false;
    wake(fd, OpenSocket::wake_out);
  }
  return {};
}

Result<std::size_t> Sockets::get_option(Fd fd, int level, int name, std::span<std::byte> into,
                                        TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const Option* option = find_option(*s, level, name);
  // IPv6's of an IPv4 socket, TCP's of UDP's: Linux says in this way that it has no such.
  const bool v4 = s->domain != OpenSocket::Domain::inet6;
  const bool tcps_of_udp = level == kSolTcp && s->kind == OpenSocket::Kind::datagram;
  if (v4 && (level == kSolIpv6 || tcps_of_udp)) return std::unexpected(Errno::eopnotsupp);
  if (option == nullptr) return std::unexpected(Errno::enoprotoopt);
  Context context{.sockets = *this, .fd = fd, .s = *s, .settings = settings_of(*s)};
  if (option->type == Type::info) {
    const TcpInfo info = tcp_info(connection(*s), state_of(*s), now);
    return write_some(std::as_bytes(std::span(&info, 1)), into);
  }
  if (option->type == Type::text) {
    std::array<char, 16> text{};
    std::ranges::copy(kController, text.begin());
    return write_some(std::as_bytes(std::span(text)), into);
  }
  const std::int64_t value = option->get(context);
  if (option->type == Type::time) {
    const std::array<std::int64_t, 2> time{value / kSecond, value % kSecond};
    return write_some(std::as_bytes(std::span(time)), into);
  }
  if (option->type == Type::linger) {
    const std::array<int, 2> linger{value >= 0 ? 1 : 0,
                                    static_cast<int>(std::max<std::int64_t>(value, 0))};
    return write_some(std::as_bytes(std::span(linger)), into);
  }
  const auto number = static_cast<int>(value);
  return write_some(std::as_bytes(std::span(&number, 1)), into);
}

Result<int> Sockets::get_option(Fd fd, int level, int name, TimePoint now) {
  int value = 0;
  const auto n = get_option(fd, level, name, std::as_writable_bytes(std::span(&value, 1)), now);
  if (!n) return std::unexpected(n.error());
  return value;
}

// --- settings of connections

tcp::Settings Sockets::settings_of(const OpenSocket& s) const {
  if (const tcp::Connection* c = connection(s)) return c->settings();
  if (s.choices && s.choices->settings) return *s.choices->settings;
  return host_->config().settings ? *host_->config().settings : tcp::Settings{};
}

void Sockets::change_settings(OpenSocket& s, const tcp::Settings& to, TimePoint now) {
  const tcp::SettingsPtr changed = shared(to);
  if (connection(s) != nullptr) {
    host_->set_settings(s.flow(), changed, now);
    return;
  }
  s.choices.ensure().settings = changed;
  if (s.kind == OpenSocket::Kind::listening) host_->set_settings(s.listener(), changed);
}

/// Sockets whose options are the same share one value: a server that sets TCP_NODELAY on each of
/// its connections pays for it once.
tcp::SettingsPtr Sockets::shared(const tcp::Settings& settings) {
  for (const tcp::SettingsPtr& known : lately_) {
    if (known && *known == settings) return known;
  }
  next_lately_ = (next_lately_ + 1) % lately_.size();
  return lately_[next_lately_] = tcp::SettingsPtr(settings);
}

Result<void> Sockets::set_reuse_address(Fd fd, bool on) {
  return set_option(fd, kSolSocket, kSoReuseAddr, on ? 1 : 0, {});
}

Result<void> Sockets::set_linger_zero(Fd fd, bool on) {
  const std::array<int, 2> linger{on ? 1 : 0, 0};
  return set_option(fd, kSolSocket, kSoLinger, std::as_bytes(std::span(linger)), {});
}

Result<void> Sockets::set_no_delay(Fd fd, bool on, TimePoint now) {
  return set_option(fd, kSolTcp, kTcpNoDelay, on ? 1 : 0, now);
}

Result<void> Sockets::set_keepalive(Fd fd, bool on, TimePoint now) {
  return set_option(fd, kSolSocket, kSoKeepAlive, on ? 1 : 0, now);
}

}  // namespace lastack::socket
