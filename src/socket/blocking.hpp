// Calls that wait, over Sockets, which don't.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "socket/sockets.hpp"

namespace lastack::socket {

/// A call is made; where it would have to wait, the world goes on until the descriptor is ready or
/// the call's time is over, and it is made again. Whoever runs the world (a loop, a simulation, a
/// test) says how it goes on; between two steps others may act on the same sockets.
class Blocking {
 public:
  /// Lets the world go on by one step, to `until` at the most; the time that it is then. The same
  /// time again and again would wait for ever: without news it has to reach `until`.
  using Pass = std::function<TimePoint(TimePoint until)>;

  Blocking(Sockets& sockets, Pass pass, TimePoint now)
      : sockets_(&sockets), pass_(std::move(pass)), now_(now) {}

  /// EINVAL where a shutdown ends listening meanwhile; EAGAIN when SO_RCVTIMEO is over.
  Result<Fd> accept(Fd fd);
  /// EINPROGRESS when SO_SNDTIMEO is over.
  Result<void> connect(Fd fd, const host::Endpoint& remote);
  /// All of `octets`, or as many as went before an error, which the next call tells, or the end of
  /// SO_SNDTIMEO: then EAGAIN only where there were none. With kMsgDontWait as Sockets::send().
  Result<std::size_t> send(Fd fd, std::span<const std::byte> octets, int flags = 0);
  /// At least SO_RCVLOWAT, with kMsgWaitAll as many as fit; fewer where they came before the end of
  /// the stream, the urgent octet, an error, which the next call tells, or the end of SO_RCVTIMEO.
  /// With kMsgDontWait, and for an urgent octet by itself, as Sockets::recv().
  Result<std::size_t> recv(Fd fd, std::span<std::byte> into, int flags = 0);
  /// Waits for the peer's TCP to acknowledge everything, for SO_LINGER's time at the most.
  Result<void> close(Fd fd);

  [[nodiscard]] TimePoint now() const { return now_; }

 private:
  bool wait(Fd fd, const Wait& wait);
  [[nodiscard]] Wait begin(Fd fd, Call call) const;
  [[nodiscard]] std::size_t enough(Fd fd, std::size_t room, int flags) const;
  [[nodiscard]] bool has_error(Fd fd) const;

  Sockets* sockets_;
  Pass pass_;
  TimePoint now_;
};

}  // namespace lastack::socket
