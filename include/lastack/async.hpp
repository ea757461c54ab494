// The calls that may have to wait, for coroutines. Each answers as the one that does not wait:
//
//   lastack::Task<> echo(lastack::Socket socket) {
//     std::array<std::byte, 4096> buffer;
//     for (;;) {
//       const auto got = co_await lastack::async_receive(socket, buffer);
//       if (!got || *got == 0) co_return;  // the destructor closes
//       if (!co_await lastack::async_send(socket, std::span(buffer).first(*got))) co_return;
//     }
//   }
//
// Whoever dispatches the stack's events resumes them: Loop, or Stack::dispatch(). The socket stays
// where it is meanwhile; close() ends the wait with bad_file_descriptor, and so does shutdown() in
// the way it has for each call. Several may wait for one socket.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "lastack/stack.hpp"
#include "lastack/task.hpp"

namespace lastack {
namespace detail {

[[nodiscard]] inline bool would_wait(std::errc error) {
  return error == std::errc::resource_unavailable_try_again ||
         error == std::errc::connection_already_in_progress;
}

/// Makes `attempt` until it need not wait, each time that the descriptor has become ready.
template <typename Attempt>
class Retried {
 public:
  Retried(const Descriptor& on, Until until, Attempt attempt)
      : on_(&on), until_(until), attempt_(std::move(attempt)) {}
  Retried(const Retried&) = delete;
  Retried& operator=(const Retried&) = delete;

  [[nodiscard]] bool await_ready() {
    answer_.emplace(attempt_());
    return answer_->has_value() || !would_wait(answer_->error());
  }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = on_->when(
        until_, [this, waiting] { await_ready() ? waiting.resume() : await_suspend(waiting); });
  }
  auto await_resume() { return std::move(*answer_); }

 private:
  const Descriptor* on_;
  Until until_;
  Attempt attempt_;
  std::optional<decltype(std::declval<Attempt&>()())> answer_;
  Waiting waiting_;
};

}  // namespace detail

/// The connection that has waited longest, once there is one. Result<Socket>
[[nodiscard]] inline auto async_accept(Listener& listener) {
  return detail::Retried(listener, Until::readable, [&listener] { return listener.accept(); });
}

/// What has become of Stack::connect(). Result<void>
[[nodiscard]] inline auto async_connected(Socket& socket) {
  return detail::Retried(socket, Until::writable, [&socket] { return socket.connected(); });
}

/// Active OPEN, and the end of the handshake.
[[nodiscard]] inline Task<Result<Socket>> async_connect(Stack& stack, Endpoint remote) {
  auto socket = stack.connect(remote);
  if (!socket) co_return socket;
  const auto connected = co_await async_connected(*socket);
  if (!connected) co_return std::unexpected(connected.error());
  co_return socket;
}

/// Octets read, at least one; 0 at the end of the peer's stream. Result<std::size_t>
[[nodiscard]] inline auto async_receive(Socket& socket, std::span<std::byte> into) {
  return detail::Retried(socket, Until::readable, [&socket, into] { return socket.receive(into); });
}

/// The datagram that has waited longest, once there is one. Result<Datagram>
[[nodiscard]] inline auto async_receive(Datagrams& socket, std::span<std::byte> into) {
  return detail::Retried(socket, Until::readable, [&socket, into] { return socket.receive(into); });
}

/// All of `octets`, which have to stay until then; or why not all were taken. Result<std::size_t>
[[nodiscard]] inline auto async_send(Socket& socket, std::span<const std::byte> octets) {
  return detail::Retried(socket, Until::writable,
                         [&socket, octets, sent = std::size_t{0}]() mutable {
                           for (;;) {
                             if (sent == octets.size()) return Result<std::size_t>(sent);
                             const auto taken = socket.send(octets.subspan(sent));
                             if (!taken) return taken;
                             sent += *taken;
                           }
                         });
}
[[nodiscard]] inline auto async_send(Socket& socket, std::string_view text) {
  return async_send(socket, std::as_bytes(std::span(text)));
}

}  // namespace lastack
