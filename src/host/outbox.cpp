#include "host/outbox.hpp"

#include <utility>

namespace lastack::host {

void Outbox::push(Slice packet) {
  octets_ += packet.size();
  packets_.push_back(std::move(packet));
}

Slice Outbox::pop() {
  octets_ -= packets_.front().size();
  return packets_.pop_front();
}

void Outbox::next(PacketOut& out) {
  if (!cutting_) {
    out.become(pop());
    return;
  }
  const Slice& packet = packets_.front();
  const auto piece = cutting_->next(out.header_room());
  out.header_size = piece.header_size;
  out.payload.push_back(packet.sub(packet.size() - cutting_->payload() + piece.at, piece.size));
  out.payload_size = piece.size;
  if (!cutting_->done()) return;
  cutting_.reset();
  pop();
}

}  // namespace lastack::host
