#include "run/supervisor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "run/edges.hpp"
#include "run/filter.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

/// Which TCP has nothing in; a stand-in would wait for octets instead.
bool reads_error_queue(const Call& call) {
  if (call.number == __NR_recvmsg) return (call.integer(2) & MSG_ERRQUEUE) != 0;
  const bool with_flags = call.number == __NR_recvfrom || call.number == __NR_recvmmsg;
  return with_flags && (call.integer(3) & MSG_ERRQUEUE) != 0;
}

}  // namespace

Supervisor::Supervisor(socket::Sockets& sockets, io::EventLoop& loop, const Notifier& notifier,
                       Ledger& ledger, Errands& errands, Network network)
    : sockets_(&sockets),
      loop_(&loop),
      notifier_(&notifier),
      ledger_(&ledger),
      errands_(&errands),
      network_(std::move(network)),
      callers_(loop) {
  ends_ = loop_->add(
      {.note = [this](std::uint64_t inode, std::uint32_t events) { note_news(inode, events); },
       .act =
           [this] {
             if (call_waits_) answer_calls();
             act_on_due(io::monotonic_now());
           }});
  loop_->watch(ends_, notifier_->descriptor(), kCalls, EPOLLIN);
}

Supervisor::~Supervisor() {
  loop_->remove(notifier_->descriptor());
  loop_->remove_watcher(ends_);
}

bool Supervisor::Asked::non_blocking() const { return (::fcntl(far, F_GETFL) & O_NONBLOCK) != 0; }

// --- what happens

void Supervisor::on_event(const host::HostEvent& event, TimePoint now) {
  sockets_->heard(event);
  act_on_wakes(now);
}

void Supervisor::act_on_wakes(TimePoint now) {
  while (const auto wake = sockets_->next_wake()) {
    const auto found = by_open_.find(wake->open);
    if (found != by_open_.end()) act(*found->second, now);
  }
}

void Supervisor::turn(TimePoint now) {
  const auto overdue = [now](const WaitingCall& waiting) { return waiting.until <= now; };
  for (const std::uint64_t inode : timed_) {
    const Guest* guest = find(inode);
    if (guest != nullptr && std::ranges::any_of(guest->calls, overdue)) due_.push_back(inode);
  }
  act_on_due(now);
  std::erase_if(timed_, [this](std::uint64_t inode) {
    const Guest* guest = find(inode);
    return guest == nullptr || guest->calls.empty();
  });
}

/// Where a signal was quicker the call comes again.
void Supervisor::give_answer(const Call& call, std::int64_t value, TimePoint now) {
  if (!notifier_->answer(call, value)) undelivered_.keep(call, value, now);
}

/// That a connect() that waits has succeeded. A thread that never hears it calls again, and is told
/// so again, not that it is connected already.
void Supervisor::tell_connected(const Call& call, TimePoint now) {
  undelivered_.keep(call, 0, now, true);
  give_answer(call, 0, now);
}

void Supervisor::wait(Guest& guest, WaitingCall waiting, socket::Call what, TimePoint now) {
  const auto wait = sockets_->waits_for(guest.fd, what, now);
  if (wait) waiting.until = wait->until;
  if (waiting.until != kNever) timed_.push_back(guest.stand_in.inode());
  guest.calls.push_back(waiting);
}

/// A signal has ended them.
void Supervisor::forget_gone_calls(Guest& guest, TimePoint now) {
  std::erase_if(guest.calls, [&](const WaitingCall& w) {
    if (notifier_->waits(w.call)) return false;
    if (w.received > 0) undelivered_.keep(w.call, w.received, now);
    return true;
  });
}

/// In their order, until one has to wait on.
void Supervisor::answer_waiting(Guest& guest, TimePoint now,
                                Answer (Supervisor::*answer)(Guest&, WaitingCall&, TimePoint)) {
  while (!guest.calls.empty()) {
    const Answer given = (this->*answer)(guest, guest.calls.front(), now);
    if (given == failed(Errno::eagain) && guest.calls.front().until > now) return;
    const Call call = guest.calls.front().call;
    guest.calls.erase(guest.calls.begin());
    if (given) give_answer(call, *given, now);
  }
}

TimePoint Supervisor::next_deadline() const {
  if (!due_.empty()) return TimePoint{};
  TimePoint next = kNever;
  for (const std::uint64_t inode : timed_) {
    const auto found = by_inode_.find(inode);
    if (found == by_inode_.end()) continue;
    for (const WaitingCall& waiting : found->second->calls) next = std::min(next, waiting.until);
  }
  return next;
}

/// What a near end has to say: act_on_due() acts on it.
void Supervisor::note_news(std::uint64_t inode, std::uint32_t events) {
  if (inode == kCalls) {
    call_waits_ = call_waits_ || (events & EPOLLIN) != 0;
    return;
  }
  Guest* guest = find(inode);
  if (guest == nullptr) return;
  if ((events & (EPOLLIN | kStops)) != 0) guest->readable = true;
  if ((events & kStops) != 0) guest->has_stops = true;
  if ((events & EPOLLOUT) != 0) guest->writable = true;
  if ((events & EPOLLPRI) != 0) guest->urgent = true;
  if ((events & EPOLLHUP) != 0 && guest != settling_) guest->hung_up = true;
  if (!std::exchange(guest->due, true)) due_.push_back(inode);
}

void Supervisor::act_on_due(TimePoint now) {
  while (!due_.empty()) {
    const std::uint64_t inode = due_.front();
    due_.pop_front();
    Guest* guest = find(inode);
    if (guest == nullptr) continue;
    guest->due = false;
    act(*guest, now);
  }
  act_on_wakes(now);
}

// --- calls

/// Those that look() has seen, one after the other. Before the first one nothing is unsettled but
/// what has come while we waited.
void Supervisor::answer_calls() {
  bool unsettled = false;
  while (std::exchange(call_waits_, false)) {
    const auto call = notifier_->next();
    const TimePoint now = io::monotonic_now();
    loop_->look();  // once the call is here: what came before it is seen
    unsettled = unsettled || !due_.empty();
    act_on_due(now);
    if (!call) continue;
    if (unsettled) network_.settle();
    handle(*call, now);
    act_on_wakes(now);
    unsettled = true;
  }
}

void Supervisor::handle(const Call& call, TimePoint now) {
  if (const auto before = undelivered_.take(call, now)) {
    const bool connected = call.number == __NR_connect && before->value == 0;
    const bool unheard = !before->taken || catches_signals(call.thread);
    if (connected && unheard) return tell_connected(call, now);
    if (unheard) return give_answer(call, before->value, now);
  }
  if (call.number == __NR_socket) {
    if (const auto answer = socket(call)) notifier_->answer(call, *answer);
    return;
  }
  const Caller caller(call.thread);
  const OwnedFd far = callers_.borrow(call.thread, call.descriptor());
  Guest* guest = far ? find(inode_of(far.get())) : nullptr;
  if (guest == nullptr) {  // none of ours
    if (far && leads_out(call, far.get())) {
      notifier_->answer(call, -EPERM);
    } else {
      notifier_->pass(call);
    }
    return;
  }
  guest->holder = {call.thread, call.descriptor()};
  if (const auto answer = act_on({call, caller, *guest, far.get(), now})) {
    give_answer(call, *answer, now);
  }
}

Supervisor::Answer Supervisor::act_on(const Asked& asked) {
  switch (asked.call.number) {
    case __NR_bind: return bind(asked);
    case __NR_listen: return listen(asked);
    case __NR_connect: return connect(asked);
    case __NR_accept:
    case __NR_accept4: return accept(asked);
    case __NR_shutdown: return shutdown(asked);
    case __NR_setsockopt: return set_option(asked);
    case __NR_getsockopt: return get_option(asked);
    case __NR_getsockname:
    case __NR_getpeername: return name(asked);
    case __NR_ioctl: return ioctl(asked);
    default: break;
  }
  if (reads_error_queue(asked.call)) return failed(Errno::eagain);
  return asked.guest.datagrams ? transfer_datagrams(asked) : transfer(asked);
}

Supervisor::Answer Supervisor::transfer_datagrams(const Asked& asked) {
  switch (asked.call.number) {
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg: return send_messages(asked);
    case __NR_recvfrom:
    case __NR_recvmsg:
    case __NR_recvmmsg: return receive_messages(asked);
    default: break;
  }
  notifier_->pass(asked.call);
  return std::nullopt;
}

// --- who there is

Guest* Supervisor::find(std::uint64_t inode) {
  const auto found = by_inode_.find(inode);
  return found == by_inode_.end() ? nullptr : found->second.get();
}

Guest& Supervisor::take_in(std::unique_ptr<Guest> guest) {
  Guest& taken = *guest;
  const std::uint64_t inode = taken.stand_in.inode();
  by_open_[*sockets_->open_of(taken.fd)] = &taken;
  by_inode_[inode] = std::move(guest);
  ledger_->note(taken.stand_in.descriptor(), inode);
  taken.room_told = taken.datagrams;
  const std::uint32_t room = taken.room_told ? std::uint32_t{EPOLLOUT} : 0;
  loop_->watch(ends_, taken.stand_in.descriptor(), inode, kNewsOfEnds | room);
  return taken;
}

/// The guest is gone then. Where nobody has the far end any more nobody sees when the near one
/// goes.
void Supervisor::forget(Guest& guest, TimePoint now) {
  for (const socket::Fd child : guest.returned) {
    (void)sockets_->set_linger_zero(child, true);
    (void)sockets_->close(child, now);
  }
  by_open_.erase(*sockets_->open_of(guest.fd));
  (void)sockets_->close(guest.fd, now);
  const std::uint64_t inode = guest.stand_in.inode();
  if (guest.hung_up) errands_->close(std::move(guest.stand_in).near());
  by_inode_.erase(inode);
}

/// Nothing tells when the last holder closes what was reset. So when there are many of them it is
/// looked who still has one.
void Supervisor::reset(Guest& guest) {
  const OwnedFd far = guest.stand_in.stuffed() ? OwnedFd() : borrow(guest);
  if (guest.low_at != 1) {  // or a read of fewer octets than that would take the error with them
    constexpr int kOne = 1;
    (void)::setsockopt(far.get(), SOL_SOCKET, SO_RCVLOWAT, &kOne, sizeof kOne);
  }
  guest.stand_in.reset(far.get());
  reset_.push_back(guest.stand_in.inode());
  if (reset_.size() < most_reset_) return;
  std::erase_if(reset_, [this](std::uint64_t inode) {
    const Guest* found = find(inode);
    return found == nullptr || found->stand_in.open();
  });
  const std::unordered_set<std::uint64_t> wanted(reset_.begin(), reset_.end());
  const Holders held = holders_of([&](std::uint64_t inode) { return wanted.contains(inode); });
  // Who has none is taken off here, and not when it is gone: else, where many are reset at once,
  // each one after these would look through all processes again.
  std::erase_if(reset_, [&](std::uint64_t inode) {
    if (held.contains(inode)) return false;
    find(inode)->hung_up = true;
    due_.push_back(inode);
    return true;
  });
  most_reset_ = std::max(kMostReset, 2 * held.size());
}

/// Whether one that was reset and that nobody has any more had this port: it is closed now.
bool Supervisor::let_go_of(std::uint16_t port, TimePoint now) {
  std::unordered_set<std::uint64_t> asked;
  for (const std::uint64_t inode : reset_) {
    Guest* guest = find(inode);
    if (guest == nullptr || guest->stand_in.open()) continue;
    const auto local = sockets_->local_name(guest->fd);
    if (local && local->port == port && !borrow_again(*guest)) asked.insert(inode);
  }
  if (asked.empty()) return false;
  const Holders held = holders_of([&](std::uint64_t inode) { return asked.contains(inode); });
  bool any = false;
  for (const std::uint64_t inode : asked) {
    Guest& guest = *find(inode);
    if (const auto found = held.find(inode); found != held.end()) {
      guest.holder = found->second.front();
    } else {
      close(guest, now);
      any = true;
    }
  }
  return any;
}

std::vector<Shown> Supervisor::shown() const {
  std::vector<Shown> all;
  const Holders holders =
      holders_of([this](std::uint64_t inode) { return by_inode_.contains(inode); });
  for (const auto& [inode, guest] : by_inode_) {
    const auto local = sockets_->local_name(guest->fd);
    const auto remote = sockets_->peer_name(guest->fd);
    const auto found = holders.find(inode);
    all.push_back({.local = local.value_or(host::Endpoint{}),
                   .remote = remote ? std::optional(*remote) : std::nullopt,
                   .datagrams = guest->datagrams,
                   .holders = found == holders.end() ? std::vector<Holder>{} : found->second});
  }
  return all;
}

/// The far end, from who had it when it was last seen.
OwnedFd Supervisor::borrow_again(const Guest& guest) {
  OwnedFd far = callers_.borrow(guest.holder.process, guest.holder.descriptor);
  return far && inode_of(far.get()) == guest.stand_in.inode() ? std::move(far) : OwnedFd();
}

/// The far end, from whoever has it; none where nobody is seen that does.
OwnedFd Supervisor::borrow(Guest& guest) {
  OwnedFd far = borrow_again(guest);
  if (far) return far;
  const std::uint64_t inode = guest.stand_in.inode();
  const Holders holders = holders_of([inode](std::uint64_t other) { return other == inode; });
  if (holders.empty()) return OwnedFd();
  guest.holder = holders.at(inode).front();
  return borrow_again(guest);
}

}  // namespace lastack::run
