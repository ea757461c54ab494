#include "sim/talker.hpp"

#include <algorithm>
#include <utility>

namespace lastack::sim {
namespace {

constexpr std::uint32_t kBacklog = 8;
constexpr Duration kLook = 1s;

}  // namespace

Talker::Talker(World& world, std::size_t side, Conversation& conversation, host::Endpoint own,
               host::Endpoint peer, std::uint64_t key)
    : world_(&world),
      sockets_(&world.sockets(side)),
      side_(side),
      conversation_(&conversation),
      plan_(&conversation.plan->sides[side]),
      report_(&conversation.reports[side]),
      own_(own),
      peer_(peer),
      content_(key + side),
      random_(key * 2 + side),
      begins_(world.now() + conversation.plan->start) {
  if (conversation.plan->simultaneous && side == 1) begins_ += conversation.plan->skew;
  if (conversation.before != nullptr) {
    begins_ = kNever;
  } else if (!opens()) {
    begin_to_listen(world.now());
  }
}

void Talker::begin_to_listen(TimePoint now) {
  listener_ = *sockets_->socket();
  (void)sockets_->set_reuse_address(listener_, true);
  keep_urgent_inline(listener_, now);
  if (!sockets_->bind(listener_, own_) || !sockets_->listen(listener_, kBacklog, now)) {
    complain("can't listen");
  }
}

/// Each octet is compared with what was sent, urgent ones too (RFC 6093 §4).
void Talker::keep_urgent_inline(socket::Fd fd, TimePoint now) {
  (void)sockets_->set_option(fd, socket::kSolSocket, socket::kSoOobInline, 1, now);
}

/// A conversation that waits for another looks once a second. It listens first, then opens.
bool Talker::has_begun(TimePoint now) {
  if (begins_ == kNever && conversation_->before->finished()) {
    begins_ = now + 2 * kLook + conversation_->plan->start;
    conversation_->progress = now;
    if (!opens()) begin_to_listen(now);
  }
  return now >= begins_;
}

bool Talker::opens() const {
  return conversation_->plan->simultaneous || conversation_->plan->opener == side_;
}

void Talker::complain(std::string what) {
  if (report_->complaint.empty()) report_->complaint = std::move(what);
}

bool Talker::moment_has_come(TimePoint now) const {
  const bool has_moment =
      plan_->ending != Ending::half_close && plan_->ending != Ending::after_peer;
  return has_moment && !acted_ && now >= begins_ + plan_->moment;
}

Duration Talker::draw_pause() {
  return Duration(random_.below(static_cast<std::uint32_t>(plan_->pause_most.count()) + 1));
}

TimePoint Talker::next_wake() const {
  if (report_->finished) return kNever;
  if (begins_ == kNever) return last_run_ + kLook;
  const Duration patience = conversation_->violent ? kPatienceAfterViolence : kPatience;
  TimePoint wake = std::max(conversation_->progress, begins_) + patience;
  const auto mind = [&](TimePoint at) {
    if (at > last_run_) wake = std::min(wake, at);
  };
  mind(begins_);
  mind(write_at_);
  mind(read_at_);
  if (!acted_) mind(begins_ + plan_->moment);
  if (busy_port_) mind(last_run_ + kLook);
  return wake;
}

void Talker::run(TimePoint now) {
  last_run_ = now;
  if (report_->finished || !has_begun(now)) return;
  if (!report_->opened) open(now);
  if (!report_->finished && moment_has_come(now)) act_at_moment(now);
  if (!report_->finished && report_->opened) {
    drop_a_descriptor(now);
    write(now);
    if (!report_->finished) read(now);
    if (!report_->finished) end_when_done(now);
  }
  if (!report_->finished) mind_patience(now);
}

// --- opening

void Talker::open(TimePoint now) {
  if (!opens()) return take_connection(now);
  busy_port_ = false;
  if (fd_ < 0) return begin_to_open(now);
  const auto answer = sockets_->connect(fd_, peer_, now);
  if (answer) return opened(now);
  if (answer.error() == socket::Errno::ealready) return;
  conversation_->violent = true;  // nobody was there, or nobody answered
  failed(answer.error(), now);
}

void Talker::begin_to_open(TimePoint now) {
  fd_ = *sockets_->socket();
  (void)sockets_->set_no_delay(fd_, plan_->no_delay, now);
  (void)sockets_->set_keepalive(fd_, plan_->keepalive, now);
  (void)sockets_->set_reuse_address(fd_, true);  // its last connection may stand in TIME_WAIT
  keep_urgent_inline(fd_, now);
  if (own_.port != 0 && !sockets_->bind(fd_, own_)) complain("can't bind");
  const auto answer = sockets_->connect(fd_, peer_, now);
  conversation_->progress = now;
  if (answer.error() == socket::Errno::einprogress) return;
  // What came before with these ports is in TIME_WAIT here, or dies alone: they are not free yet.
  busy_port_ = conversation_->before != nullptr && answer.error() == socket::Errno::eaddrnotavail;
  if (busy_port_) return (void)sockets_->close(std::exchange(fd_, -1), now);
  complain("connect said " + std::string(to_string(answer.error())));
  conversation_->violent = true;
  failed(answer.error(), now);
}

void Talker::take_connection(TimePoint now) {
  const auto fd = sockets_->accept(listener_);
  if (!fd) return;
  fd_ = *fd;
  (void)sockets_->set_no_delay(fd_, plan_->no_delay, now);
  (void)sockets_->set_keepalive(fd_, plan_->keepalive, now);
  if (!conversation_->plan->listener_stays) {
    (void)sockets_->close(std::exchange(listener_, -1), now);
  }
  opened(now);
}

void Talker::opened(TimePoint now) {
  report_->opened = true;
  conversation_->progress = now;
  for (std::uint32_t i = 0; i < plan_->extra_descriptors; ++i) {
    extra_.push_back(*sockets_->dup(fd_));
  }
}

// --- talking

void Talker::write(TimePoint now) {
  while (now >= write_at_ && report_->sent < plan_->octets && !shut_write_) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(
        1 + random_.below(plan_->write_most), plan_->octets - report_->sent));
    room_.resize(n);
    content_.fill(report_->sent, room_);
    const auto sent = random_.chance(plan_->urgent) ? sockets_->send_urgent(fd_, room_, now)
                                                    : sockets_->send(fd_, room_, now);
    if (!sent) {
      if (sent.error() != socket::Errno::eagain) failed(sent.error(), now);
      return;
    }
    report_->sent += *sent;
    conversation_->progress = now;
    if (random_.chance(plan_->write_pauses)) write_at_ = now + draw_pause();
  }
}

void Talker::read(TimePoint now) {
  while (now >= read_at_ && !report_->saw_end) {
    room_.resize(1 + random_.below(plan_->read_most));
    std::vector<std::byte> peeked;
    if (random_.chance(plan_->peeks)) {
      peeked.resize(room_.size());
      peeked.resize(sockets_->peek(fd_, peeked).value_or(0));
    }
    const auto n = sockets_->recv(fd_, room_, now);
    if (!n) {
      if (n.error() != socket::Errno::eagain) failed(n.error(), now);
      return;
    }
    if (*n == 0) {
      // After SHUT_RD recv says 0 at once; only the state tells whether the peer has ended.
      if (report_->shut_read && !peer_fin_taken()) return;
      report_->saw_end = true;
      conversation_->progress = now;
      return;
    }
    const auto octets = std::span<const std::byte>(room_).first(*n);
    if (!peeked.empty() && !std::ranges::equal(peeked, octets)) complain("peek saw other octets");
    take(octets);
    conversation_->progress = now;
    if (random_.chance(plan_->read_pauses)) read_at_ = now + draw_pause();
  }
}

void Talker::take(std::span<const std::byte> octets) {
  const bool keeps = world_->host(side_).config().settings->shut_rd_keeps_buffered;
  if (report_->shut_read && !keeps) complain("octets to read after SHUT_RD");
  report_->received.add(octets);
}

bool Talker::peer_fin_taken() const {
  const tcp::State state = sockets_->state(fd_).value_or(tcp::State::closed);
  return state == tcp::State::closed || tcp::traits(state).fin_received;
}

/// Closing one of several descriptors changes nothing.
void Talker::drop_a_descriptor(TimePoint now) {
  if (extra_.empty() || !random_.chance(0.05)) return;
  const tcp::State before = *sockets_->state(fd_);
  const auto references = *sockets_->references(fd_);
  (void)sockets_->close(extra_.back(), now);
  extra_.pop_back();
  if (*sockets_->state(fd_) != before) complain("closing one of several descriptors had an effect");
  if (*sockets_->references(fd_) != references - 1) complain("a close was not counted");
}

// --- ending

void Talker::act_at_moment(TimePoint now) {
  acted_ = true;
  conversation_->progress = now;
  switch (plan_->ending) {
    case Ending::half_close:
    case Ending::after_peer: return;
    case Ending::shut_rd:
    case Ending::shut_rdwr: {
      const bool both = plan_->ending == Ending::shut_rdwr;
      if (!report_->opened) {  // there is nothing to shut yet: the attempt itself is given up
        conversation_->violent = true;
        return finish(now);
      }
      const int how = both ? socket::kShutRdwr : socket::kShutRd;
      if (!sockets_->shutdown(fd_, how, now)) return;  // a RST was faster; the next recv says so
      report_->shut_read = true;
      shut_write_ = shut_write_ || both;
      return mind_linux();
    }
    case Ending::abort:
      conversation_->violent = true;
      if (fd_ >= 0) (void)sockets_->set_linger_zero(fd_, true);
      return finish(now);
    case Ending::close_early:
      if (!report_->saw_end || !report_->opened) conversation_->violent = true;
      return finish(now);
  }
}

/// Linux answers new data with RST once both directions are shut.
void Talker::mind_linux() {
  const auto& settings = *world_->host(side_).config().settings;
  if (settings.shut_rdwr_resets_new_data && report_->shut_read && shut_write_) {
    conversation_->violent = true;
  }
}

void Talker::end_when_done(TimePoint now) {
  const bool all_sent = report_->sent == plan_->octets;
  const bool may_end = plan_->ending != Ending::after_peer || report_->saw_end;
  if (all_sent && may_end && !shut_write_) {
    shut_write_ = true;
    conversation_->progress = now;
    const auto done = sockets_->shutdown(fd_, socket::kShutWr, now);
    mind_linux();
    if (!done) return failed(done.error(), now);
  }
  if (shut_write_ && report_->saw_end) finish(now);
}

/// Any change of state, and octets that get through although nobody reads them, count as something
/// that happened.
void Talker::mind_patience(TimePoint now) {
  const socket::OpenSocket* open = fd_ >= 0 ? sockets_->find(fd_) : nullptr;
  if (const auto* c = open != nullptr && open->has_flow()
                          ? world_->host(side_).connection(open->flow())
                          : nullptr) {
    const Seen seen{c->state(), c->tcb().snd.una, c->tcb().rcv.nxt};
    if (seen != std::exchange(seen_, seen)) conversation_->progress = now;
  }
  const Duration patience = conversation_->violent ? kPatienceAfterViolence : kPatience;
  if (now < std::max(conversation_->progress, begins_) + patience) return;
  report_->gave_up = true;
  if (fd_ >= 0) (void)sockets_->set_linger_zero(fd_, true);
  finish(now);
}

void Talker::failed(socket::Errno error, TimePoint now) {
  report_->error = error;
  finish(now);
}

/// Lets go of everything. Any ending may meet descriptors that are still there.
void Talker::finish(TimePoint now) {
  report_->finished = true;
  for (const socket::Fd fd : std::exchange(extra_, {})) (void)sockets_->close(fd, now);
  if (fd_ >= 0) (void)sockets_->close(std::exchange(fd_, -1), now);
  if (listener_ >= 0) (void)sockets_->close(std::exchange(listener_, -1), now);
}

}  // namespace lastack::sim
