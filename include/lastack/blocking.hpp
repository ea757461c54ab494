// The calls that wait, for a program that does one thing after the other: the loop goes on
// meanwhile, and with it everything that is on it.
//
//   lastack::Loop loop;
//   loop.attach(stack, {.name = "la0"}).value();
//   auto socket = lastack::blocking_connect(loop, stack, {server, 80}).value();
//   lastack::blocking_send(loop, socket, "GET / HTTP/1.0\r\n\r\n").value();
//
// Each answers as POSIX's call of that name does for a socket that is not O_NONBLOCK: here calls
// wait for as long as SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT and SO_LINGER (socket(7)) say.
// resource_unavailable_try_again says that the time of such an option is over, network_down that
// the loop has lost a device. From within a coroutine or a call of the same loop nothing can wait:
// resource_deadlock_would_occur.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lastack/loop.hpp"
#include "lastack/stack.hpp"

namespace lastack {

/// How much blocking_receive() waits for.
enum class Least : std::uint8_t {
  some,  ///< SO_RCVLOWAT octets, by default 1
  all,   ///< MSG_WAITALL: as many as there is room for
};

/// Active OPEN, and the end of the handshake. Errors as Stack::connect() and Socket::connected().
[[nodiscard]] Result<Socket> blocking_connect(Loop& loop, Stack& stack, const Endpoint& remote,
                                              const std::optional<Endpoint>& local = std::nullopt);
/// The connection that has waited longest, once there is one. invalid_argument where a shutdown()
/// of the listener ends the wait. SO_RCVTIMEO.
[[nodiscard]] Result<Socket> blocking_accept(Loop& loop, Listener& listener);
/// Octets taken: all of them, or as many as went before an error, which the next call tells, or the
/// end of SO_SNDTIMEO.
Result<std::size_t> blocking_send(Loop& loop, Socket& socket, std::span<const std::byte> octets);
Result<std::size_t> blocking_send(Loop& loop, Socket& socket, std::string_view text);
/// Octets read, 0 at the end of the peer's stream; fewer than `least` says where they came before
/// that end, the urgent octet, an error, which the next call tells, or the end of SO_RCVTIMEO.
Result<std::size_t> blocking_receive(Loop& loop, Socket& socket, std::span<std::byte> into,
                                     Least least = Least::some);
/// Takes this reference away. Where it was the last and SO_LINGER is on, waits for the peer's TCP
/// to acknowledge everything, the FIN included, for SO_LINGER's time at the most; what it has not
/// by then is thrown away, and the connection reset (in the linux profile it goes on behind our
/// back).
Result<void> blocking_close(Loop& loop, Socket& socket);

}  // namespace lastack
