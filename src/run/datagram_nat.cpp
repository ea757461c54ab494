#include "run/datagram_nat.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "io/socket_address.hpp"
#include "ip/icmp_errors.hpp"
#include "run/datagram.hpp"
#include "wire/icmp.hpp"

namespace lastack::run {
namespace {

constexpr Duration kIdle = 120s;  // RFC 4787 REQ-5
constexpr std::size_t kMostWays = 1024;

}  // namespace

DatagramNat::DatagramNat(link::Link& inner, io::EventLoop& loop, Moved in_the_machine)
    : Wrapper(inner), loop_(&loop), in_the_machine_(std::move(in_the_machine)) {
  loop_->add(outsides_.descriptor(), [this] { look_outside(); });
}

DatagramNat::~DatagramNat() { loop_->remove(outsides_.descriptor()); }

std::size_t DatagramNat::receive(std::vector<link::Packet>& into, TimePoint now) {
  const auto first = static_cast<std::ptrdiff_t>(into.size());
  inner().receive(into, now);
  const auto rest = std::remove_if(into.begin() + first, into.end(),
                                   [&](const link::Packet& packet) { return taken(packet, now); });
  into.erase(rest, into.end());
  return into.size() - static_cast<std::size_t>(first);
}

bool DatagramNat::taken(const link::Packet& packet, TimePoint now) {
  const auto ip = wire::parse_ip(packet.octets.bytes());
  if (!ip || ip->header.protocol != wire::kProtocolUdp) return false;
  const auto udp = wire::parse_udp(ip->payload);
  if (!udp) return true;
  const Ends ends{{ip->header.source, udp->header.source_port},
                  {ip->header.destination, udp->header.destination_port}};
  Way* const way = way_for(ends, now);
  if (way == nullptr) return true;
  way->used = now;
  const auto octets = udp->payload;
  const auto send = [&] {
    return ::send(way->socket.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  };
  if (send() >= 0 || errno == EAGAIN) return true;
  tell_unreachable(*way, errno, now);  // of one that was sent before
  (void)!send();
  return true;
}

DatagramNat::Way* DatagramNat::way_for(const Ends& ends, TimePoint now) {
  if (const auto known = by_ends_.find(ends); known != by_ends_.end()) {
    return &ways_.at(known->second);
  }
  make_room(now);
  const Endpoint to = in_the_machine_(ends.second);
  const bool v4 = to.address.is_v4();
  Way way{.ends = ends,
          .socket = OwnedFd(
              ::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  const auto address = io::socket_address(to, !v4);
  const auto* const octets = reinterpret_cast<const sockaddr*>(&address.octets);
  if (!way.socket || ::connect(way.socket.get(), octets, address.size) != 0) {
    tell_unreachable(way, errno, now);
    return nullptr;
  }
  const Id id = next_id_++;
  outsides_.add(way.socket.get(), id, EPOLLIN);
  by_ends_.emplace(ends, id);
  return &ways_.emplace(id, std::move(way)).first->second;
}

void DatagramNat::forget(Id id) {
  by_ends_.erase(ways_.at(id).ends);
  ways_.erase(id);
}

/// What was not used for long goes; where there are too many, the one that was not for longest.
void DatagramNat::make_room(TimePoint now) {
  std::vector<Id> over;
  for (const auto& [id, way] : ways_) {
    if (way.used + kIdle <= now) over.push_back(id);
  }
  for (const Id id : over) forget(id);
  if (ways_.size() < kMostWays) return;
  const auto used = [](const auto& entry) { return entry.second.used; };
  forget(std::ranges::min_element(ways_, {}, used)->first);
}

void DatagramNat::look_outside() {
  const TimePoint now = io::monotonic_now();
  outsides_.each([&](Id id, std::uint32_t) {
    const auto found = ways_.find(id);
    if (found != ways_.end()) bring_back(found->second, now);
  });
}

void DatagramNat::bring_back(Way& way, TimePoint now) {
  for (;;) {
    const ssize_t n = ::recv(way.socket.get(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      tell_unreachable(way, errno, now);
      continue;
    }
    way.used = now;
    const auto octets = std::span(scratch_).first(static_cast<std::size_t>(n));
    const auto& [program, world] = way.ends;
    inner().pass_on({.octets = packet_of(world, program, octets), .at = now}, now);
  }
}

/// As a router or the receiver would have said it.
void DatagramNat::tell_unreachable(const Way& way, int error, TimePoint now) {
  const auto& [program, world] = way.ends;
  const bool v4 = program.address.is_v4();
  const bool refused = error == ECONNREFUSED;
  wire::IcmpMessage message{.kind = wire::IcmpKind::unreachable};
  if (v4) message.code = refused ? wire::icmp4::kPort : wire::icmp4::kHost;
  if (!v4) message.code = refused ? wire::icmp6::kPort : wire::icmp6::kAddress;
  const wire::IpHeader header{.source = world.address, .destination = program.address};
  const Slice about = packet_of(program, world, {});
  const Slice packet = ip::error_about(message, header, about.bytes(), nullptr);
  if (!packet.empty()) inner().pass_on({.octets = packet, .at = now}, now);
}

}  // namespace lastack::run
