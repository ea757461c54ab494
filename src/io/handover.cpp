#include "io/handover.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace lastack::io {

Handover::Handover(std::size_t hosts) : inboxes_(hosts), lanes_(hosts * hosts) {
  for (Inbox& inbox : inboxes_) inbox.descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (i % (hosts + 1) != 0) lanes_[i] = std::make_unique<Lane>();  // none to oneself
  }
}

Handover::~Handover() {
  for (const Inbox& inbox : inboxes_) ::close(inbox.descriptor);
}

bool Handover::give(std::size_t from, std::size_t to, const Slice& packet) {
  Lane& ring = lane(from, to);
  const std::uint32_t at = ring.written.load(std::memory_order_relaxed);
  if (at - ring.read.load(std::memory_order_acquire) >= kPlaces) return false;
  ring.places[at % kPlaces] = Slice::copy_of(packet.bytes());
  ring.written.store(at + 1, std::memory_order_release);
  // Whoever finds it told already wrote before the reader's exchange() in take(), which sees this.
  if (!inboxes_[to].told.exchange(true)) ::eventfd_write(inboxes_[to].descriptor, 1);
  return true;
}

std::size_t Handover::take(std::size_t to, std::vector<Slice>& into) {
  eventfd_t count = 0;
  ::eventfd_read(inboxes_[to].descriptor, &count);
  inboxes_[to].told.exchange(false);
  const std::size_t before = into.size();
  for (std::size_t from = 0; from < inboxes_.size(); ++from) {
    if (from == to) continue;
    Lane& ring = lane(from, to);
    std::uint32_t at = ring.read.load(std::memory_order_relaxed);
    const std::uint32_t end = ring.written.load(std::memory_order_acquire);
    for (; at != end; ++at) into.push_back(std::exchange(ring.places[at % kPlaces], {}));
    ring.read.store(at, std::memory_order_release);
  }
  return into.size() - before;
}

}  // namespace lastack::io
