// What a host tells those who pull it: next_event().
#pragma once

#include "base/time.hpp"
#include "host/flow.hpp"
#include "tcp/effects.hpp"

namespace lastack::host {

/// Something happened to a connection that nobody asked for just now, or a listener has one more to
/// accept, or a UDP endpoint has something to read, an error to tell or room to send again. Pulled
/// with next_event(). It asks to look, and speaks for all of its kind (its `ready` bits) that
/// happens until it is pulled: no other such event follows it before that but those that bring
/// transitions.
struct HostEvent {
  TimePoint at{};
  FlowId flow;          ///< invalid where `listener` or `udp` is meant
  ListenerId listener;  ///< the listener with a connection to accept, or the child's
  tcp::News news;
  UdpId udp{};
};

}  // namespace lastack::host
