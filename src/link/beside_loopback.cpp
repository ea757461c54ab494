#include "link/beside_loopback.hpp"

#include <algorithm>
#include <utility>

#include "link/destination.hpp"

namespace lastack::link {

BesideLoopback::BesideLoopback(Link& inner, std::vector<wire::IpAddress> own)
    : Wrapper(inner), own_(std::move(own)), loopback_(inner.mtu()) {}

bool BesideLoopback::is_own(const wire::IpAddress& address) const {
  return address.is_loopback() || std::ranges::find(own_, address) != own_.end();
}

bool BesideLoopback::comes_back(Bytes packet) const {
  const auto to = destination_of(packet);
  return to && is_own(*to);
}

void BesideLoopback::send(const PacketRef& packet, TimePoint now) {
  const bool whole = packet.header.empty() && !packet.payload.empty();
  if (comes_back(whole ? packet.payload[0].bytes() : packet.header)) {
    loopback_.send(packet, now);
  } else {
    inner().send(packet, now);
  }
}

void BesideLoopback::pass_on(Packet packet, TimePoint now) {
  Link& where = comes_back(packet.octets.bytes()) ? static_cast<Link&>(loopback_) : inner();
  where.pass_on(std::move(packet), now);
}

std::size_t BesideLoopback::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t before = into.size();
  inner().receive(into, now);
  const auto first = into.begin() + static_cast<std::ptrdiff_t>(before);
  into.erase(std::remove_if(first, into.end(),
                            [](const Packet& packet) {
                              const auto from = source_of(packet.octets.bytes());
                              return from && from->is_loopback();
                            }),
             into.end());
  loopback_.receive(into, now);
  return into.size() - before;
}

TimePoint BesideLoopback::next_deadline() const {
  return std::min(loopback_.next_deadline(), inner().next_deadline());
}

}  // namespace lastack::link
