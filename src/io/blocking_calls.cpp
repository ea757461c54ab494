// The calls that wait: Blocking, with a Loop for the world.
#include "io/waits.hpp"
#include "lastack/blocking.hpp"

namespace lastack {
namespace {

using socket::StackAccess;

template <typename T>
Result<T> outcome(const io::Waits& waits, const socket::Result<T>& done) {
  if (waits.problem() != 0) return std::unexpected(static_cast<std::errc>(waits.problem()));
  return socket::outward(done);
}

}  // namespace

Result<Socket> blocking_connect(Loop& loop, Stack& stack, const Endpoint& remote,
                                const std::optional<Endpoint>& local) {
  auto made = stack.connect(remote, local);
  if (!made) return made;
  io::Waits waits(loop, *StackAccess::core(stack));
  const auto done = outcome(waits, waits.calls.connect(StackAccess::number(*made), remote));
  if (!done) return std::unexpected(done.error());
  return made;
}

Result<Socket> blocking_accept(Loop& loop, Listener& listener) {
  const auto& core = StackAccess::core(listener);
  if (!core) return std::unexpected(std::errc::bad_file_descriptor);
  io::Waits waits(loop, *core);
  const auto number = outcome(waits, waits.calls.accept(StackAccess::number(listener)));
  if (!number) return std::unexpected(number.error());
  return StackAccess::socket(core, *number);
}

Result<std::size_t> blocking_send(Loop& loop, Socket& socket, std::span<const std::byte> octets) {
  const auto core = StackAccess::core(socket);
  if (!core) return std::unexpected(std::errc::bad_file_descriptor);
  io::Waits waits(loop, *core);
  return outcome(waits, waits.calls.send(StackAccess::number(socket), octets));
}

Result<std::size_t> blocking_send(Loop& loop, Socket& socket, std::string_view text) {
  return blocking_send(loop, socket, std::as_bytes(std::span(text)));
}

Result<std::size_t> blocking_receive(Loop& loop, Socket& socket, std::span<std::byte> into,
                                     Least least) {
  const auto core = StackAccess::core(socket);
  if (!core) return std::unexpected(std::errc::bad_file_descriptor);
  io::Waits waits(loop, *core);
  const int flags = least == Least::all ? socket::kMsgWaitAll : 0;
  return outcome(waits, waits.calls.recv(StackAccess::number(socket), into, flags));
}

Result<void> blocking_close(Loop& loop, Socket& socket) {
  const auto core = StackAccess::core(socket);
  if (!core) return std::unexpected(std::errc::bad_file_descriptor);
  io::Waits waits(loop, *core);
  return outcome(waits, waits.calls.close(StackAccess::let_go(socket)));
}

}  // namespace lastack
