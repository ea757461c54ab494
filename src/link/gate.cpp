#include "link/gate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::link {
namespace {

constexpr std::size_t kMostSyn = 120;  // octets: both headers with all options

std::optional<Knock> knock_of(Bytes packet) {
  if (packet.size() > kMostSyn) return std::nullopt;
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return std::nullopt;
  const auto tcp = wire::parse_tcp(ip->payload);
  if (!tcp || !tcp->header.flags.has(wire::Flag::syn) || tcp->header.flags.has(wire::Flag::ack)) {
    return std::nullopt;
  }
  return Knock{{ip->header.source, tcp->header.source_port},
               {ip->header.destination, tcp->header.destination_port}};
}

}  // namespace

bool Gate::let_in(const Knock& knock) {
  auto found = kept_.extract(knock);
  if (found.empty()) return false;
  let_in_.push_back(std::move(found.mapped()));
  return true;
}

bool Gate::lose(const Knock& knock) { return kept_.erase(knock) > 0; }

/// One that is sent again while the first is kept takes its place.
bool Gate::held_back(Packet& packet, TimePoint now) {
  const auto knock = knock_of(packet.octets.bytes());
  if (!knock) return false;
  const auto answer = kept_.contains(*knock) ? Answer::is_kept : knocked(*knock, now);
  if (answer == Answer::is_kept) kept_.insert_or_assign(*knock, std::move(packet));
  return answer != Answer::passes;
}

std::size_t Gate::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t before = into.size();
  std::ranges::move(let_in_, std::back_inserter(into));
  let_in_.clear();
  const auto first = static_cast<std::ptrdiff_t>(into.size());
  inner().receive(into, now);
  if (knocked) {
    const auto rest = std::remove_if(into.begin() + first, into.end(),
                                     [&](Packet& packet) { return held_back(packet, now); });
    into.erase(rest, into.end());
  }
  return into.size() - before;
}

TimePoint Gate::next_deadline() const {
  return let_in_.empty() ? Wrapper::next_deadline() : let_in_.front().at;
}

}  // namespace lastack::link
