// A socket of a program: what it holds, and what stands behind.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ring.hpp"
#include "run/caller.hpp"
#include "run/notifier.hpp"
#include "run/octets.hpp"
#include "run/stand_in.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

/// A call that is answered later: accept(), connect(), or one that receives datagrams, or all
/// octets that it asks for.
struct WaitingCall {
  Call call;
  TimePoint until = kNever;
  bool blocks = true;
  bool again = false;               ///< a connect() of what was under way already
  std::int64_t received = 0;        ///< datagrams of recvmmsg() so far
  TimePoint no_more_from = kNever;  ///< its own time: the next datagram after that is the last
};

struct Guest {
  /// A datagram that lies in the stand-in to be read.
  struct Lent {
    host::Endpoint from;
    std::size_t octets;
  };

  Guest(socket::Fd of, StandIn with, bool v6) : fd(of), stand_in(std::move(with)), inet6(v6) {}

  socket::Fd fd;  ///< the only one of its open socket: the kernel counts the program's
  StandIn stand_in;
  Holder holder;  ///< who had it when it was last seen
  bool inet6 = false;
  bool datagrams = false;  ///< UDP's, not TCP's
  bool listening = false;
  bool connecting = false;
  bool readable = false;         ///< the near end may have something to take
  bool has_stops = false;        ///< and a read may end before all of that
  bool writable = true;          ///< it may take something
  bool room_told = false;        ///< news of room there are watched for
  bool hung_up = false;          ///< the last holder has closed
  bool ended = false;            ///< all was taken that the program will ever write
  bool unread = false;           ///< it closed without having read everything
  bool shut_write = false;       ///< it shut writing; TCP is told when all was taken
  bool urgent = false;           ///< there may be an urgent octet to take
  bool urgent_in_place = false;  ///< SO_OOBINLINE, which is its stand-in's to mind
  bool limited = false;          ///< TCP_NOTSENT_LOWAT was set
  int low_at = 1;                ///< SO_RCVLOWAT, which is its stand-in's to mind
  bool due = false;              ///< stands among those to look at
  Backlog backlog;               ///< of what it wrote
  std::vector<WaitingCall> calls;
  /// Accepted for a caller who had gone by then: the next one gets it.
  std::vector<socket::Fd> returned;
  Ring<Lent> lent;                     ///< some at their front may have been read already
  bool error_shown = false;            ///< an empty datagram lies there for it, and nothing else
  std::optional<socket::Errno> error;  ///< of a datagram socket, not told yet
};

}  // namespace lastack::run
