// What there is in a host, row by row: what `ss` shows. Part of host.hpp.
#pragma once

#include <cstddef>

#include "base/time.hpp"
#include "host/entries.hpp"
#include "host/flow.hpp"
#include "host/host.hpp"
#include "tcp/state.hpp"

namespace lastack::host {

/// One row of what `ss` shows.
struct View {
  tcp::State state = tcp::State::closed;
  Flow flow;
  std::size_t receive_queue = 0;           ///< octets; of a listener, connections that wait
  std::size_t send_queue = 0;              ///< octets not acknowledged; of a listener, its backlog
  TimePoint since{};                       ///< when it entered this state
  const ConnectionEntry* entry = nullptr;  ///< null for listeners and records
  const SynRcvdEntry* handshake = nullptr;
  const TimeWaitEntry* time_wait = nullptr;
};

template <typename Visit>
void Host::each(Visit visit) const {
  listeners_.each([&](const ListenerEntry& l) {
    visit(View{
        tcp::State::listen, {l.local, {}}, l.accept_queue.size(), l.backlog, l.since, nullptr});
  });
  syn_rcvd_.each([&](const SynRcvdEntry& e) {
    visit(View{e.record.state, e.flow, 0, 0, e.record.sent, nullptr, &e});
  });
  connections_.each([&](const ConnectionEntry& e) {
    const tcp::State state = e.connection.state();
    if (state == tcp::State::closed) return;
    const TimePoint since = e.history.kept() > 0 ? e.history.last(0).at : TimePoint{};
    visit(View{state, e.flow, static_cast<std::size_t>(e.in.readable().size()), e.out.size(), since,
               &e});
  });
  time_wait_.each([&](const TimeWaitEntry& e) {
    visit(View{e.record.state(), e.flow, 0, 0, e.since, nullptr, nullptr, &e});
  });
}

}  // namespace lastack::host
