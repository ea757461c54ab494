#include "io/host_driver.hpp"

#include <algorithm>

namespace lastack::io {

void HostDriver::arrives(const link::Packet& packet, TimePoint now) {
  if (host_->config().medium == host::Medium::ethernet) {
    host_->frame_arrives(packet.octets, now);
  } else {
    host_->packet_arrives(packet.octets, now);
  }
}

void HostDriver::receive() {
  if (paused(Way::in)) return;
  const TimePoint now = monotonic_now();
  for (; !waiting_.empty(); waiting_.pop_front()) arrives(waiting_.front(), now);
  batch_.clear();
  link_->receive(batch_, now);
  for (const link::Packet& packet : batch_) arrives(packet, now);
  batch_.clear();
}

bool HostDriver::step(Way way, Fate fate) {
  const TimePoint now = monotonic_now();
  bool stepped = false;
  if (way == Way::out) {
    stepped = send_one(now, fate);
    link_->flush(now);
    out_.clear();
  } else {
    if (waiting_.empty()) {
      batch_.clear();
      link_->receive(batch_, now);
      waiting_.insert(waiting_.end(), batch_.begin(), batch_.end());
      batch_.clear();
    }
    stepped = !waiting_.empty();
    if (stepped) {
      if (fate == Fate::passes) arrives(waiting_.front(), now);
      waiting_.pop_front();
    }
  }
  tell();
  return stepped;
}

void HostDriver::tell() {
  host::HostEvent event;
  while (host_->next_event(event)) {
    if (on_event) on_event(event);
  }
}

void HostDriver::turn() {
  if (stands_still()) return;
  const TimePoint now = monotonic_now();
  host_->advance(now);
  link_->advance(now);
  if (!waiting_.empty() || link_->next_deadline() <= now) receive();
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
  while (!paused(Way::out) && send_one(now, Fate::passes)) tell();
}

bool HostDriver::send_one(TimePoint now, Fate fate) {
  if (!host_->transmit(out_, now)) return false;
  if (fate == Fate::is_lost) return true;
  link_->send({.header = out_.header_bytes(),
               .payload = out_.payload,
               .segment_size = out_.segment_size,
               .checksum_partial = out_.checksum_partial,
               .tcp_at = out_.tcp_at},
              now);
  return true;
}

TimePoint HostDriver::next_deadline() const {
  if (stands_still()) return kNever;
  if (host_->events() > 0) return TimePoint{};  // somebody is to be told, at once
  if (paused(Way::in)) return host_->next_deadline();
  if (!waiting_.empty()) return TimePoint{};
  return std::min(host_->next_deadline(), link_->next_deadline());
}

}  // namespace lastack::io
