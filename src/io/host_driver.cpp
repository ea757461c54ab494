#include "io/host_driver.hpp"

#include <algorithm>
#include <utility>

#include "io/packet_ref.hpp"
#include "wire/ethernet.hpp"
#include "wire/splitter.hpp"

namespace lastack::io {

void HostDriver::receive() {
  if (paused_) return;
  const TimePoint now = monotonic_now();
  batch_.clear();
  link_->receive(batch_, now);
  octets_.clear();
  for (link::Packet& packet : batch_) octets_.push_back(std::move(packet.octets));
  if (host_->config().medium == host::Medium::ethernet) {
    for (const Slice& frame : octets_) host_->frame_arrives(frame, now);
  } else {
    host_->packets_arrive(octets_, now);
  }
  octets_.clear();
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
    if (out_.segment_size > 0 && !link_->takes_super_segments()) {
      send_cut(now);
    } else {
      link_->send(ref_to(out_), now);
    }
    tell();
  }
}

void HostDriver::send_cut(TimePoint now) {
  const bool frames = host_->config().medium == host::Medium::ethernet;
  wire::Splitter splitter({.header = out_.header_bytes(),
                           .payload = out_.payload,
                           .payload_size = out_.payload_size,
                           .ip_at = frames ? wire::kEthernetHeader : 0,
                           .tcp_at = out_.tcp_at,
                           .segment_size = out_.segment_size});
  while (!splitter.done()) {
    cut_.resize(std::max(cut_.size(), splitter.next_size()));
    const std::size_t octets = splitter.next(cut_);
    link_->send({.header = std::span(cut_).first(octets), .payload = {}}, now);
  }
}

TimePoint HostDriver::next_deadline() const {
  if (paused_) return kNever;
  if (host_->events() > 0) return TimePoint{};  // somebody is to be told, at once
  return std::min(host_->next_deadline(), link_->next_deadline());
}

}  // namespace lastack::io
