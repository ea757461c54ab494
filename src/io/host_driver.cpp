#include "io/host_driver.hpp"

#include <algorithm>

namespace lastack::io {

void HostDriver::receive() {
  if (paused_) return;
  const TimePoint now = monotonic_now();
  batch_.clear();
  link_->receive(batch_, now);
  const bool frames = host_->config().medium == host::Medium::ethernet;
  for (const link::Packet& packet : batch_) {
    if (frames) {
      host_->frame_arrives(packet.octets, now);
    } else {
      host_->packet_arrives(packet.octets, now);
    }
  }
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
  send(now);
  // Packets to an address of the host's own bring events and leave no packet. Two sockets that
  // answer each other for ever must not keep the link waiting: what is left is told in time.
  for (std::size_t round = 0; round < kMostRounds && host_->events() > 0; ++round) {
    tell();
    send(now);
  }
  link_->flush(now);
  out_.clear();
}

void HostDriver::send(TimePoint now) {
  while (host_->transmit(out_, now)) {
    link_->send({.header = out_.header_bytes(),
                 .payload = out_.payload,
                 .segment_size = out_.segment_size,
                 .checksum_partial = out_.checksum_partial,
                 .tcp_at = out_.tcp_at},
                now);
    tell();
  }
}

TimePoint HostDriver::next_deadline() const {
  if (paused_) return kNever;
  if (host_->events() > 0) return TimePoint{};  // somebody is to be told, at once
  return std::min(host_->next_deadline(), link_->next_deadline());
}

}  // namespace lastack::io
