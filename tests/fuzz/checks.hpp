// What must hold of a host at any time, whatever came and whatever its user did.
#pragma once

#include <cstddef>

#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::fuzz {

class Checks {
 public:
  explicit Checks(host::Host& host) : host_(host), before_(host.counters()) {}

  /// Hands a packet in. It must be counted, whatever becomes of it.
  void take(const Slice& packet, TimePoint now);
  /// Pulls the events; none may tell of a pair that is not in the table.
  void events();
  /// After a step: counters only grow, and what is held is within the limits. `rested`: all there
  /// is to send was pulled, so that deadlines and buffers stand as they must.
  void step(TimePoint now, bool rested);
  /// After the end of all descriptors, with time enough: nothing is held any more.
  void nothing_left(const socket::Sockets& sockets);

 private:
  /// What was seen while looking at all there is.
  struct Seen {
    TimePoint first_deadline = kNever;  ///< of all connections
    std::size_t connections = 0;        ///< that have not ended
    std::size_t listeners = 0;
    std::size_t handshakes = 0;
    std::size_t time_waits = 0;      ///< that nobody holds
    std::size_t octets_allowed = 0;  ///< of memory, by what is held
  };
  void counters_grow();
  void look_at(const host::View& view, Seen& seen) const;
  void limits(const Seen& seen) const;

  host::Host& host_;
  host::Counters before_;
};

}  // namespace lastack::fuzz
