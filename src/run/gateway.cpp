#include "run/gateway.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>
#include <utility>

#include "io/socket_address.hpp"

namespace lastack::run {
namespace {

host::Config gateway_config(host::Config config) {
  tcp::Settings settings = config.settings ? *config.settings : tcp::Settings{};
  settings.nagle = false;  // what is to be held back, who sends it has
  config.settings = tcp::SettingsPtr(settings);
  config.takes_any = config.loops_over_link = config.keeps_blocks = true;
  config.trace = 0;
  return config;
}

/// Whoever is at `from` is at `to` for the other side.
host::Endpoint moved(const host::Endpoint& end, const Pair& from, const Pair& to) {
  if (end.address != from.like(end.address)) return end;
  return {to.like(end.address), end.port};
}

/// The kernel's numbers of TCP's states (include/net/tcp_states.h), from 1.
std::optional<tcp::State> state_of(int descriptor) {
  using enum tcp::State;
  constexpr std::array kStates{established, syn_sent,   syn_rcvd, fin_wait_1, fin_wait_2, time_wait,
                               closed,      close_wait, last_ack, listen,     closing};
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  const std::size_t number = info.tcpi_state;
  if (number == 0 || number > kStates.size()) return std::nullopt;
  return kStates[number - 1];
}

using NameOf = int(int, sockaddr*, socklen_t*) noexcept;

host::Endpoint name_of(int descriptor, NameOf& ask) {
  sockaddr_storage octets{};
  socklen_t size = sizeof octets;
  auto* const address = reinterpret_cast<sockaddr*>(&octets);
  if (ask(descriptor, address, &size) != 0) return {};
  return io::endpoint_of(address, size).value_or(host::Endpoint{});
}

}  // namespace

OwnedFd machine_stream(const host::Endpoint& end) {
  constexpr int kHow = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  OwnedFd stream(::socket(end.address.is_v4() ? AF_INET : AF_INET6, kHow, 0));
  if (!stream) return stream;  // errno says why
  const int on = 1;
  (void)::setsockopt(stream.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return stream;
}

Gateway::Gateway(link::Link& far, io::EventLoop& loop, Errands& errands, host::Config config,
                 Random random, Surroundings around)
    : loop_(&loop),
      errands_(&errands),
      nat_(far, loop, [this](const host::Endpoint& to) { return in_the_machine(to); }),
      gate_(nat_),
      host_(gateway_config(std::move(config)), random),
      sockets_(host_),
      driver_(host_, gate_),
      around_(std::move(around)) {
  gate_.knocked = [this](const link::Knock& knock, TimePoint) { return knocked(knock); };
  driver_.on_event = [this](const host::HostEvent& event, TimePoint now) {
    sockets_.heard(event);
    act_on_wakes(now);
  };
  outsides_ = loop_->add({.note = [this](Id id, std::uint32_t events) { note_news(id, events); },
                          .act = [this] { act_on_due(io::monotonic_now()); }});
}

Gateway::~Gateway() {
  for (const auto& published : published_) loop_->remove(published->listener.get());
  loop_->remove_watcher(outsides_);
}

void Gateway::turn(TimePoint now) {
  act_on_due(now);
  driver_.turn(now);
  act_on_wakes(now);
  if (!failing_.empty()) {
    for (const Id id : std::exchange(failing_, {})) act(id, now);
  }
  give_up_expecting(now);
}

TimePoint Gateway::next_deadline() const {
  if (!due_.empty()) return TimePoint{};
  const TimePoint given_up = expected_.empty() ? kNever : expected_.front().first;
  return std::min(driver_.next_deadline(), given_up);
}

host::Endpoint Gateway::in_the_machine(const host::Endpoint& to) const {
  return moved(to, around_.machine, loopbacks());
}

host::Endpoint Gateway::in_the_run(const host::Endpoint& from) const {
  return moved(from, loopbacks(), around_.machine);
}

// --- passages

Gateway::Id Gateway::take_in(Passage passage) {
  const Id id = next_id_++;
  loop_->watch(outsides_, passage.leg.outside(), id,
               EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
  passages_.emplace(id, std::move(passage));
  return id;
}

void Gateway::have_end(Id id, Passage& passage, socket::Fd fd) {
  passage.leg.open(fd);
  passage.open = *sockets_.open_of(fd);
  by_open_[passage.open] = id;
}

void Gateway::end(Id id, Leg::Fate fate, TimePoint now) {
  passages_.at(id).leg.close(sockets_, *errands_, fate, now);
  forget(id);
}

void Gateway::forget(Id id) {
  const Passage& passage = passages_.at(id);
  by_open_.erase(passage.open);
  if (passage.knock) by_knock_.erase(*passage.knock);
  const auto [first, last] = unclaimed_.equal_range(passage.to);
  const auto found = std::find_if(first, last, [id](const auto& e) { return e.second == id; });
  if (found != last) unclaimed_.erase(found);
  passages_.erase(id);
}

void Gateway::note_news(Id id, std::uint32_t events) {
  const auto found = passages_.find(id);
  if (found == passages_.end()) return;
  found->second.leg.has_news(events);
  due_.push_back(id);
}

void Gateway::act_on_due(TimePoint now) {
  while (!due_.empty()) {
    const Id id = due_.front();
    due_.pop_front();
    act(id, now);
  }
}

void Gateway::act_on_wakes(TimePoint now) {
  while (const auto wake = sockets_.next_wake()) {
    if (const auto door = doors_by_open_.find(wake->open); door != doors_by_open_.end()) {
      accept_inside(host::Endpoint(door->second), now);
    } else if (const auto found = by_open_.find(wake->open); found != by_open_.end()) {
      passages_.at(found->second).leg.has_news_inside();
      act(found->second, now);
    }
  }
}

void Gateway::act(Id id, TimePoint now) {
  const auto found = passages_.find(id);
  if (found == passages_.end()) return;
  Passage& passage = found->second;
  switch (passage.stage) {
    case Stage::machine_connects: return machine_answers(id, passage, now);
    case Stage::program_answers: return program_answers(id, passage, now);
    case Stage::is_expected: return;
    case Stage::open: break;
  }
  const std::uint64_t before = passage.leg.carried();
  const Leg::Fate fate = passage.leg.carry(sockets_, scratch_, now);
  carried_ += passage.leg.carried() - before;
  if (fate == Leg::Fate::goes_on) return;
  if (fate != Leg::Fate::fails) return end(id, fate, now);
  if (std::ranges::find(failing_, id) == failing_.end()) failing_.push_back(id);
}

bool Gateway::has_to_send() const {
  return std::ranges::any_of(passages_, [](const auto& entry) {
    return entry.second.stage == Stage::open && !entry.second.leg.out_ended();
  });
}

std::vector<ShownLeg> Gateway::shown() const {
  std::vector<ShownLeg> all;
  for (const Passage& passage : passages_ | std::views::values) {
    host::Flow program{{}, passage.to};
    if (passage.knock) program.local = passage.knock->from;
    if (const auto inside = passage.leg.inside()) {
      program = {sockets_.peer_name(*inside).value_or(program.local),
                 sockets_.local_name(*inside).value_or(program.remote)};
    }
    const int outside = passage.leg.outside();
    all.push_back({.program = program,
                   .machine = {name_of(outside, ::getsockname), name_of(outside, ::getpeername)},
                   .state = state_of(outside)});
  }
  return all;
}

}  // namespace lastack::run
