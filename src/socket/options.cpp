// setsockopt() and getsockopt(): values in and out of octets, and what follows where one changes.
#include "socket/options.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "socket/tcp_info.hpp"

namespace lastack::socket {
namespace {

using Context = OptionContext;
using Type = Option::Type;
using For = Option::For;

constexpr std::string_view kController = "reno";

const Option* find_option(const OpenSocket& s, int level, int name) {
  const std::span<const Option> all = options();
  const auto at = std::ranges::find_if(
      all, [&](const Option& o) { return o.level == level && o.number == name; });
  if (at == all.end()) return nullptr;
  const bool stream = s.kind != OpenSocket::Kind::datagram;
  if (at->whom == For::stream && !stream) return nullptr;
  if (at->whom == For::datagram && stream) return nullptr;
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

/// Linux looks at the length before it looks for the name, except where that is IP's.
bool is_too_short(const OpenSocket& s, int level, int name, std::span<const std::byte> value) {
  const bool stream = s.kind != OpenSocket::Kind::datagram;
  const bool first = level == kSolSocket ||
                     (level == kSolTcp && stream && name != kTcpCongestion) ||
                     (level == kSolUdp && !stream);
  return first && value.size() < sizeof(int);
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
    if (*on == 0) return -1;
    return *seconds < 0 ? std::numeric_limits<int>::max() : *seconds;  // Linux has it unsigned
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

TcpInfo info_of(const host::Host& host, const OpenSocket& s, tcp::State state, TimePoint now) {
  const host::ConnectionEntry* const entry = s.has_flow() ? host.find(s.flow()) : nullptr;
  TcpInfo info = tcp_info(entry != nullptr ? &entry->connection : nullptr, state, now);
  if (s.kind == OpenSocket::Kind::listening) {
    info.unacked = static_cast<std::uint32_t>(host.waiting(s.listener()));
    info.sacked = host.backlog(s.listener());
  }
  if (entry != nullptr) {
    info.segs_in = entry->segments_in;
    info.segs_out = entry->segments_out;
    const wire::IpAddress& to = entry->flow.remote.address;
    const std::uint16_t link = host.mtu_for(to.family());
    info.pmtu = std::min(link, host.path_mtu().of(to, now).value_or(link));
  }
  return info;
}

}  // namespace

std::int64_t OptionContext::take_error() {
  if (s.kind == OpenSocket::Kind::datagram) {
    const udp::Error error = sockets.host_->udp_take_error(s.udp());
    return static_cast<std::int64_t>(error == udp::Error::not_open ? Errno::none : errno_of(error));
  }
  return static_cast<std::int64_t>(sockets.tell_error(s).value_or(Errno::none));
}

/// Who waits for so much may have it now; the end of the stream is enough, too.
void OptionContext::wake_reader() {
  const bool enough = sockets.readable(s) >= settings.receive_low_at;
  if (enough || sockets.has_all(s)) sockets.wake(fd, OpenSocket::wake_in);
}

void OptionContext::wake_writer() { s.no_room = writers = true; }

void OptionContext::flush(bool corked) {
  if (s.has_flow()) sockets.host_->flush(s.flow(), corked);
}

void OptionContext::share(bool address, bool port) {
  const host::Endpoint local = s.choices ? s.choices->local : host::Endpoint{};
  const host::Claim before = Sockets::claim_to(s, local.address);
  s.reuse_address = address;
  s.reuse_port = port;
  host::Host& host = *sockets.host_;
  if (s.kind == OpenSocket::Kind::datagram) {
    host.set_sharing(s.udp(), address, port);
  } else if (s.bound) {
    host.rebind(local, before, local, Sockets::claim_to(s, local.address));
  }
  // In TIME_WAIT a connection keeps its port as it had it: the socket may have another by then.
  const bool waits = sockets.state_of(s) == tcp::State::time_wait;
  if (s.has_flow() && !waits) host.set_sharing(s.flow(), address, port);
  if (s.kind == OpenSocket::Kind::listening) host.set_sharing(s.listener(), address, port);
}

Result<void> Sockets::set_option(Fd fd, int level, int name, std::span<const std::byte> value,
                                 TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (is_too_short(*s, level, name, value)) return std::unexpected(Errno::einval);
  const Option* option = find_option(*s, level, name);
  if (option == nullptr) return std::unexpected(Errno::enoprotoopt);
  if (option->type == Type::text) return choose_controller(value);
  if (option->set == nullptr) return std::unexpected(Errno::enoprotoopt);
  const auto number = number_in(*option, value);
  if (!number) return std::unexpected(number.error());
  Context context{.sockets = *this, .fd = fd, .s = *s, .settings = settings_of(*s), .now = now};
  const tcp::Settings before = context.settings;
  if (const Errno wrong = option->set(context, *number); wrong != Errno::none) {
    return std::unexpected(wrong);
  }
  if (context.settings != before) change_settings(*s, context.settings, now);
  const bool streams = s->kind != OpenSocket::Kind::datagram;
  if (context.writers && streams && has_room(*s)) {
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
  // Of a level that an IPv4 socket has not, as IPv6's, or TCP's of UDP: Linux has another errno.
  const bool v4 = s->domain != OpenSocket::Domain::inet6;
  const int own = s->kind == OpenSocket::Kind::datagram ? kSolUdp : kSolTcp;
  const bool known = level == kSolSocket || level == kSolIp || level == own;
  if (v4 && !known) return std::unexpected(Errno::eopnotsupp);
  if (option == nullptr) return std::unexpected(Errno::enoprotoopt);
  Context context{.sockets = *this, .fd = fd, .s = *s, .settings = settings_of(*s)};
  if (option->type == Type::info) {
    const TcpInfo info = info_of(*host_, *s, state_of(*s), now);
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
  if (option->type == Type::octet && into.size() < sizeof(number)) {
    const auto octet = static_cast<std::uint8_t>(number);
    return write_some(std::as_bytes(std::span(&octet, 1)), into);
  }
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
  tcp::Settings all = host_->config().settings ? *host_->config().settings : tcp::Settings{};
  if (s.kind == OpenSocket::Kind::datagram) {
    all.receive_buffer = static_cast<std::uint32_t>(host_->config().udp_receive_buffer);
  }
  return all;
}

void Sockets::change_settings(OpenSocket& s, const tcp::Settings& to, TimePoint now) {
  const tcp::SettingsPtr changed = shared(to);
  if (connection(s) != nullptr) {
    host_->set_settings(s.flow(), changed, now);
    return;
  }
  s.choices.ensure().settings = changed;
  if (s.kind == OpenSocket::Kind::listening) host_->set_settings(s.listener(), changed);
  if (s.kind == OpenSocket::Kind::datagram) apply_choices(s);
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
