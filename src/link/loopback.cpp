#include "link/loopback.hpp"

#include <utility>

namespace lastack::link {

void Loopback::pass_on(Packet packet, TimePoint now) {
  packet.at = now;
  inbox_.push_back(std::move(packet));
}

std::size_t Loopback::receive(std::vector<Packet>& into, TimePoint /*now*/) {
  const std::size_t count = inbox_.size();
  for (Packet& packet : inbox_) into.push_back(std::move(packet));
  inbox_.clear();
  return count;
}

TimePoint Loopback::next_deadline() const { return inbox_.empty() ? kNever : inbox_.front().at; }

}  // namespace lastack::link
