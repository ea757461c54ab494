#include "io/host_driver.hpp"

#include <algorithm>
#include <utility>

#include "io/packet_ref.hpp"
#include "wire/splitter.hpp"

namespace lastack::io {

void HostDriver::arrive(std::span<const Slice> packets, TimePoint now) {
  if (host_->config().medium == host::Medium::ethernet) {
    host_->frames_arrive(packets, now);
  } else {
    host_->packets_arrive(packets, now);
  }
  if (others_ != nullptr) hand_over();
}

void HostDriver::hand_over() {
  host::Foreign foreign;
  while (host_->next_foreign(foreign)) {
    const std::size_t from = host_->config().share.index;
    if (!others_->give(from, foreign.owner, foreign.packet)) ++not_handed_over_;
  }
}

void HostDriver::receive_handed_over() {
  octets_.clear();
  others_->take(host_->config().share.index, octets_);
  arrive(octets_, monotonic_now());
  octets_.clear();
}

void HostDriver::watch(EventLoop& loop, int descriptor) {
  loop.add(descriptor, [this, &loop] {
    if (receive().octets >= kWorthMore) loop.expect_more();
  });
}

HostDriver::Came HostDriver::receive() {
  Came all;
  for (;;) {
    const Came batch = receive_batch();
    all.packets += batch.packets;
    all.octets += batch.octets;
    const bool enough = all.packets >= kMostAtOnce || all.octets >= kMostOctetsAtOnce;
    if (enough || batch.octets < kWorthMore) return all;
    tell(monotonic_now());
  }
}

HostDriver::Came HostDriver::receive_batch() {
  if (paused(Way::in)) return {};
  const TimePoint now = monotonic_now();
  octets_.assign(waiting_.begin(), waiting_.end());
  waiting_.clear();
  batch_.clear();
  link_->receive(batch_, now);
  for (link::Packet& packet : batch_) octets_.push_back(std::move(packet.octets));
  Came came{octets_.size(), 0};
  for (const Slice& packet : octets_) came.octets += packet.size();
  arrive(octets_, now);
  octets_.clear();
  return came;
}

bool HostDriver::step(Way way, Fate fate) {
  const TimePoint now = monotonic_now();
  bool stepped = false;
  if (way == Way::out) {
    stepped = send_one(now, fate);
    move_link(now);
  } else {
    if (waiting_.empty()) {
      batch_.clear();
      link_->receive(batch_, now);
      for (link::Packet& packet : batch_) waiting_.push_back(std::move(packet.octets));
    }
    stepped = !waiting_.empty();
    if (stepped) {
      if (fate == Fate::passes) arrive({&waiting_.front(), 1}, now);
      waiting_.pop_front();
    }
  }
  tell(now);
  return stepped;
}

void HostDriver::tell(TimePoint now) {
  host::HostEvent event;
  while (host_->next_event(event)) {
    if (on_event) on_event(event, now);
  }
}

/// Who is asked all the time, between two calls of programs, has nothing to do most of the time.
bool HostDriver::is_idle(TimePoint now) {
  if (next_deadline() <= now) return false;
  const bool sent = !paused(Way::out) && send_one(now, Fate::passes);
  return !sent && host_->events() == 0;  // packets to an address of the host's own bring events
}

/// Where the machine is busy packets wait longer for the process than timers run: what came in time
/// counts before a timer says that it did not.
void HostDriver::take_what_came() {
  for (std::size_t batch = 0; batch < kMostBatches && receive().packets > 0; ++batch) {
    const TimePoint now = monotonic_now();
    tell(now);
    send(now);
  }
}

/// Packets that are under way leave when their time has come, whether or not the host's goes on.
void HostDriver::move_link(TimePoint now) {
  link_->advance(now);
  moved_ = now;
  link_->flush(now);
  out_.clear();
}

bool HostDriver::turn(TimePoint now) {
  if (stands_still()) {
    move_link(now);
    return false;
  }
  if (is_idle(now)) return false;
  if (host_->next_deadline() <= now) {
    take_what_came();
    now = monotonic_now();
  }
  host_->advance(now);
  link_->advance(now);
  moved_ = now;
  if (!waiting_.empty() || link_->next_deadline() <= now) receive();
  tell(now);
  send(now);
  // Packets to an address of the host's own bring events and leave no packet. Two sockets that
  // answer each other for ever must not keep the link waiting: what is left is told in time.
  for (std::size_t round = 0; round < kMostRounds && host_->events() > 0; ++round) {
    tell(now);
    send(now);
  }
  link_->flush(now);
  out_.clear();
  return next_deadline() <= now;
}

void HostDriver::send(TimePoint now) {
  while (!paused(Way::out) && send_one(now, Fate::passes)) tell(now);
}

bool HostDriver::send_one(TimePoint now, Fate fate) {
  if (!host_->transmit(out_, now)) return false;
  if (fate == Fate::is_lost) return true;
  if (out_.segment_size > 0 && !link_->takes_super_segments()) {
    send_cut(now);
  } else {
    link_->send(ref_to(out_), now);
  }
  return true;
}

void HostDriver::send_cut(TimePoint now) {
  wire::Splitter splitter(out_.to_cut());
  while (!splitter.done()) {
    cut_.resize(std::max(cut_.size(), splitter.next_size()));
    const std::size_t octets = splitter.next(cut_);
    link_->send({.header = std::span(cut_).first(octets), .payload = {}}, now);
  }
}

/// Of what is under way. Where only what nobody may receive now is due it is looked at again soon:
/// something else may be due behind it.
TimePoint HostDriver::next_move() const {
  const TimePoint due = link_->next_deadline();
  return due > moved_ ? due : moved_ + kLookAgain;
}

TimePoint HostDriver::next_deadline() const {
  if (stands_still()) return next_move();
  if (host_->events() > 0) return TimePoint{};  // somebody is to be told, at once
  if (paused(Way::in)) return std::min(host_->next_deadline(), next_move());
  if (!waiting_.empty()) return TimePoint{};
  return std::min(host_->next_deadline(), link_->next_deadline());
}

}  // namespace lastack::io
