#include "insight/traced_connections.hpp"

#include <cstdint>
#include <map>
#include <utility>

#include "wire/tcp.hpp"

namespace lastack::insight {
namespace {

using host::TraceEvent;

/// The number of a SYN that asks for a connection.
std::optional<std::uint32_t> syn_of(const TraceEvent& event) {
  if (event.kind != TraceEvent::Kind::arrived) return std::nullopt;
  const auto tcp = wire::parse_tcp(event.header_bytes());
  if (!tcp || !tcp->header.flags.has(wire::Flag::syn) || tcp->header.flags.has(wire::Flag::ack)) {
    return std::nullopt;
  }
  return tcp->header.seq.raw();
}

bool is_connect(const TraceEvent& event) {
  return event.kind == TraceEvent::Kind::called && event.call == TraceEvent::Call::connect;
}

/// The transition with which a connection's own states begin.
bool is_birth(const TraceEvent& event) {
  return event.kind == TraceEvent::Kind::transition &&
         (event.transition.event == tcp::Event::active_open ||
          (event.transition.event == tcp::Event::syn &&
           event.transition.from == tcp::State::listen));
}

bool is_over(const TracedConnection& c) {
  if (!c.state) return c.from_start;  // refused, so far
  return *c.state == tcp::State::closed || *c.state == tcp::State::listen;
}

class Sorter {
 public:
  explicit Sorter(std::span<const TraceEvent> events) : events_(events) {}

  std::vector<TracedConnection> run() {
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (events_[i].flow.remote != host::Endpoint{}) place(i);  // a listener is no connection
    }
    return std::move(found_);
  }

 private:
  void place(std::size_t i) {
    const TraceEvent& event = events_[i];
    const auto known = latest_.find(event.flow);
    if (known == latest_.end() || begins_another(found_[known->second], event)) {
      begin(i, known == latest_.end() ? nullptr : &found_[known->second]);
    } else {
      found_[known->second].events.push_back(i);
    }
    if (event.kind == TraceEvent::Kind::transition) {
      found_[latest_.find(event.flow)->second].state = event.transition.to;
    }
  }

  [[nodiscard]] bool begins_another(const TracedConnection& c, const TraceEvent& event) const {
    if (is_birth(event)) return c.state.has_value() || !c.from_start;
    if (is_connect(event)) return is_over(c);
    const auto syn = syn_of(event);
    return syn && is_over(c) && syn != syn_of(events_[c.events.front()]);
  }

  /// What has opened it may have been taken for a part of the one before, which it ended (RFC
  /// 6191).
  void begin(std::size_t i, TracedConnection* before) {
    TracedConnection fresh{.flow = events_[i].flow, .state = {}, .events = {}};
    if (before != nullptr && is_birth(events_[i])) {
      auto& theirs = before->events;
      for (std::size_t n = theirs.size(); n-- > 1;) {
        const TraceEvent& event = events_[theirs[n]];
        if (event.at != events_[i].at) break;
        if (!syn_of(event) && !is_connect(event)) continue;
        fresh.events.push_back(theirs[n]);
        theirs.erase(theirs.begin() + static_cast<std::ptrdiff_t>(n));
        break;
      }
    }
    fresh.events.push_back(i);
    const TraceEvent& first = events_[fresh.events.front()];
    fresh.from_start = syn_of(first) || is_connect(first) || is_birth(first);
    latest_[fresh.flow] = found_.size();
    found_.push_back(std::move(fresh));
  }

  std::span<const TraceEvent> events_;
  std::vector<TracedConnection> found_;
  std::map<host::Flow, std::size_t, FlowLess> latest_;
};

}  // namespace

std::vector<TracedConnection> connections_of(std::span<const TraceEvent> events) {
  return Sorter(events).run();
}

}  // namespace lastack::insight
