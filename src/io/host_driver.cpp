#include "io/host_driver.hpp"

#include <algorithm>

namespace lastack::io {

void HostDriver::receive() {
  if (paused_) return;
  const TimePoint now = monotonic_now();
  batch_.clear();
  link_->receive(batch_, now);
  for (const link::Packet& packet : batch_) host_->packet_arrives(packet.octets, now);
  batch_.clear();
}

void HostDriver::tell() {
  host::HostEvent event;
  while (host_->next_event(event)) {
    if (on_event) on_event(event);
  }
}

void HostDriver::turn() {
  if (paused_) return;
  const TimePoint now = monotonic_now();
  host_->advance(now);
  link_->advance(now);
  tell();
  while (host_->transmit(out_, now)) {
    link_->send({.header = out_.header_bytes(),
                 .payload = out_.payload,
                 .segment_size = out_.segment_size,
                 .checksum_partial = out_.checksum_partial,
                 .tcp_at = out_.tcp_at},
                now);
    tell();
  }
  link_->flush(now);
  out_.clear();
}

TimePoint HostDriver::next_deadline() const {
  if (paused_) return kNever;
  return std::min(host_->next_deadline(), link_->next_deadline());
}

}  // namespace lastack::io
