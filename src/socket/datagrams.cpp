// UDP behind the socket calls: an endpoint of the host, made when the first address is known.
#include <algorithm>
#include <utility>
#include <vector>

#include "socket/sockets.hpp"
#include "wire/udp.hpp"

namespace lastack::socket {
namespace {

/// An address that nobody can be sent to is a mistake here; connect() of TCP calls it unreachable.
Errno errno_of_udp(host::Refusal refusal) {
  return refusal == host::Refusal::bad_address ? Errno::einval : errno_of(refusal);
}

/// Where a socket is bound that has to talk to `remote`: to all addresses of its family, unless
/// bind() chose one.
wire::IpAddress anywhere(const OpenSocket& s, const host::Endpoint& remote) {
  if (s.bound) return s.choices->local.address;
  const bool v4 = s.domain == OpenSocket::Domain::any ? remote.address.is_v4()
                                                      : s.domain == OpenSocket::Domain::inet;
  return v4 ? wire::IpAddress{} : *wire::IpAddress::parse("::");
}

void append(std::vector<std::byte>& to, PartsIn parts) {
  for (const auto& part : parts) to.insert(to.end(), part.begin(), part.end());
}

}  // namespace

Result<void> Sockets::open_datagrams(Fd fd, OpenSocket& s, const host::Endpoint& local,
                                     TimePoint now) {
  host::Claim claim = claim_to(s, local.address);
  claim.both = takes_both(s, local.address);
  const auto id = host_->udp_open(local, claim, now);
  if (!id) return std::unexpected(errno_of_udp(id.error()));
  if (host_->udp(s.udp()) != nullptr) host_->udp_take_over(*id, s.udp());
  s.index = id->index;
  s.generation = id->generation;
  s.bound = local.port != 0 || is_choice(s, local.address);
  if (s.bound) s.choices.ensure().local = local;
  apply_choices(s);
  own(udp_owners_, id->index, descriptors_[static_cast<std::size_t>(fd)]);
  return {};
}

void Sockets::apply_choices(const OpenSocket& s) {
  if (!s.choices || !s.choices->settings) return;  // as the host has it
  const tcp::Settings& chosen = *s.choices->settings;
  host_->udp_choose(s.udp(), chosen.receive_buffer, chosen.ip);
}

Result<void> Sockets::connect_datagrams(Fd fd, OpenSocket& s, const host::Endpoint& remote,
                                        TimePoint now) {
  if (!has_port(s)) {  // whatever becomes of it
    const auto opened = open_datagrams(fd, s, host::Endpoint{anywhere(s, remote), 0}, now);
    if (!opened) return opened;
  }
  if (!fits(s, remote)) return std::unexpected(Errno::eafnosupport);
  if (s.only_v6 && remote.address.is_v4()) return std::unexpected(Errno::enetunreach);
  const bool v4_here = host_->udp(s.udp())->endpoint.local().address.is_v4();
  if (v4_here && !remote.address.is_v4()) return std::unexpected(Errno::eafnosupport);
  const auto connected = host_->udp_connect(s.udp(), remote);
  if (!connected) return std::unexpected(errno_of_udp(connected.error()));
  // As in Linux, where a datagram that has begun goes to the new peer, over IPv4.
  const bool begun = s.choices && s.choices->begun;
  if (begun && s.choices->begun->to.address.is_v4() && remote.address.is_v4()) {
    s.choices->begun->to = remote;
  }
  return {};
}

Result<std::size_t> Sockets::send_datagram(Fd fd, OpenSocket& s, PartsIn parts, TimePoint now,
                                           int flags, const std::optional<host::Endpoint>& to) {
  if (!has_port(s)) {  // from now on, sent or not
    const host::Endpoint any{anywhere(s, to.value_or(host::Endpoint{})), 0};
    const auto opened = open_datagrams(fd, s, any, now);
    if (!opened) return std::unexpected(opened.error());
  }
  const udp::UdpEndpoint& endpoint = host_->udp(s.udp())->endpoint;
  const bool urgent = (flags & kMsgOob) != 0;  // Linux minds it where IPv4 sends
  if (urgent && s.domain != OpenSocket::Domain::inet6) return std::unexpected(Errno::eopnotsupp);
  const bool more = (flags & kMsgMore) != 0 || (s.choices && s.choices->cork_datagrams);
  if (s.choices && s.choices->begun) {
    const bool v4_begun = s.choices->begun->to.address.is_v4();
    if (urgent && v4_begun) return std::unexpected(Errno::eopnotsupp);
    if (to && to->address.is_v4() && !v4_begun) {
      return std::unexpected(s.only_v6 ? Errno::enetunreach : Errno::einval);
    }
    return go_on_with_datagram(s, parts, more, now);
  }
  if (!to && !endpoint.connected()) return std::unexpected(Errno::edestaddrreq);
  if (to && !fits(s, *to)) return std::unexpected(Errno::eafnosupport);
  if (to && s.only_v6 && to->address.is_v4()) return std::unexpected(Errno::enetunreach);
  const host::Endpoint receiver = to.value_or(endpoint.remote());
  const bool v4 = receiver.address.is_v4();
  if (urgent && v4) return std::unexpected(Errno::eopnotsupp);
  // Linux hands what goes to a mapped address on to IPv4 with its receiver named, connected or not.
  const bool named = to || (v4 && s.domain == OpenSocket::Domain::inet6);
  if (named && receiver.port == 0) return std::unexpected(Errno::einval);
  if (!v4 && endpoint.local().address.is_v4()) return std::unexpected(Errno::eafnosupport);
  const udp::Error due = host_->udp_take_error(s.udp());
  if (due != udp::Error::none) return std::unexpected(errno_of(due));
  if (s.shut_write) return std::unexpected(Errno::epipe);
  if (more) {
    s.choices.ensure().begun.emplace(receiver, endpoint.local().port);
    return go_on_with_datagram(s, parts, more, now);
  }
  std::vector<std::byte> all;
  std::span<const std::byte> octets = parts.empty() ? std::span<const std::byte>{} : parts[0];
  if (parts.size() > 1) {
    append(all, parts);
    octets = all;
  }
  const auto sent = host_->udp_send_to(s.udp(), to, octets, now);
  if (sent) return *sent;
  if (sent.error() == udp::Error::would_block) s.no_room = true;
  return std::unexpected(errno_of(sent.error()));
}

/// As in Linux: over IPv4 from the port that the socket has by now, over IPv6 from the one that it
/// had when the datagram began.
std::expected<std::size_t, udp::Error> Sockets::send_whole(host::UdpId id,
                                                           const OpenSocket::BegunDatagram& begun,
                                                           TimePoint now) {
  std::optional<host::Endpoint> from;
  if (!begun.to.address.is_v4()) from = {.address = {}, .port = begun.port};
  return host_->udp_send_to(id, begun.to, begun.octets, now, from);
}

/// MSG_MORE and UDP_CORK: whom it is for was said when it began. One that gets too long is given
/// up, and so is one that cannot be sent, as in Linux; where there is only no room for it now, all
/// but these octets stays, so that they can be sent again.
Result<std::size_t> Sockets::go_on_with_datagram(OpenSocket& s, PartsIn parts, bool more,
                                                 TimePoint now) {
  auto& begun = s.choices->begun;
  const std::size_t before = begun->octets.size();
  append(begun->octets, parts);
  const std::size_t said = begun->octets.size() - before;
  if (begun->octets.size() > wire::most_udp_payload(begun->to.address.family())) {
    begun.reset();
    return std::unexpected(Errno::emsgsize);
  }
  if (more) return said;
  const auto sent = send_whole(s.udp(), *begun, now);
  if (!sent && sent.error() == udp::Error::would_block) {
    begun->octets.resize(before);
    s.no_room = true;
    return std::unexpected(Errno::eagain);
  }
  begun.reset();
  if (!sent) return std::unexpected(errno_of(sent.error()));
  return said;
}

/// UDP_CORK is off again. Nobody is told where it goes wrong.
void Sockets::send_begun(OpenSocket& s, TimePoint now) {
  if (!s.choices || !s.choices->begun) return;
  const auto begun = std::exchange(s.choices->begun, std::nullopt);
  (void)send_whole(s.udp(), *begun, now);
}

Result<Received> Sockets::recv_datagram(OpenSocket& s, PartsOut parts, int flags) {
  const host::UdpEntry* entry = host_->udp(s.udp());
  if (entry == nullptr) return std::unexpected(Errno::eagain);
  const udp::Error error = host_->udp_take_error(s.udp());
  if (error != udp::Error::none) return std::unexpected(errno_of(error));
  udp::Datagram datagram;
  if (const udp::Datagram* front = entry->endpoint.front()) {
    datagram = *front;
  } else {
    return std::unexpected(Errno::eagain);
  }
  if ((flags & kMsgPeek) == 0) (void)host_->udp_receive(s.udp());
  const auto octets = datagram.payload.bytes();
  std::size_t copied = 0;
  for (const auto& part : parts) {
    const std::size_t n = std::min(part.size(), octets.size() - copied);
    std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(copied), n, part.begin());
    copied += n;
  }
  const bool cut = copied < octets.size();
  return Received{.octets = (flags & kMsgTrunc) != 0 ? octets.size() : copied,
                  .flags = cut ? kMsgTrunc : 0,
                  .from = datagram.from};
}

std::uint16_t Sockets::poll_datagrams(const OpenSocket& s) const {
  const host::UdpEntry* entry = host_->udp(s.udp());
  unsigned bits = kPollOut;
  if (s.shut_read && s.shut_write) bits |= kPollHup;
  if (s.shut_read) bits |= kPollIn | kPollRdHup;
  if (entry != nullptr && entry->endpoint.front() != nullptr) bits |= kPollIn;
  if (entry != nullptr && entry->endpoint.error() != udp::Error::none) bits |= kPollErr;
  if (entry != nullptr && entry->blocked) bits &= ~unsigned{kPollOut};
  return static_cast<std::uint16_t>(bits);
}

/// A port that nobody chose is free again; what waits to be read stays.
void Sockets::disconnect_datagrams(OpenSocket& s) {
  host_->udp_disconnect(s.udp());
  const bool chosen = s.bound && s.choices->local.port != 0;
  if (host_->udp(s.udp()) != nullptr && !chosen) host_->udp_leave(s.udp());
}

bool Sockets::has_port(const OpenSocket& s) const {
  const host::UdpEntry* entry = host_->udp(s.udp());
  return entry != nullptr && entry->bound.port != 0;
}

/// Says so where it is not connected, and shuts it all the same, as Linux does.
Result<void> Sockets::shut_datagrams(OpenSocket& s, int how) {
  s.shut_read |= how != kShutWr;
  s.shut_write |= how != kShutRd;
  const host::UdpEntry* entry = host_->udp(s.udp());
  if (entry == nullptr || !entry->endpoint.connected()) return std::unexpected(Errno::enotconn);
  return {};
}

}  // namespace lastack::socket
