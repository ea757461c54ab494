#include "link/memory.hpp"

#include <utility>

namespace lastack::link {

MemoryWire::MemoryWire(std::uint16_t mtu) {
  for (std::size_t i = 0; i < 2; ++i) {
    ends_[i].other_ = &ends_[1 - i];
    ends_[i].mtu_ = mtu;
  }
}

void MemoryWire::End::pass_on(Packet packet, TimePoint now) {
  packet.at = now;
  other_->inbox_.push_back(std::move(packet));
}

std::size_t MemoryWire::End::receive(std::vector<Packet>& into, TimePoint now) {
  std::size_t count = 0;
  for (; !inbox_.empty() && inbox_.front().at <= now; ++count) {
    into.push_back(std::move(inbox_.front()));
    inbox_.pop_front();
  }
  return count;
}

TimePoint MemoryWire::End::next_deadline() const {
  return inbox_.empty() ? kNever : inbox_.front().at;
}

}  // namespace lastack::link
