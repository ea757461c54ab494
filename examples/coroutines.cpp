// An echo server in coroutines, on a host of its own, which this machine's kernel reaches over a
// TUN device. As root:  ./coroutines la0 10.9.0.2/24 10.9.0.1/24   and then   nc -N 10.9.0.2 7
#include <lastack/lastack.hpp>

#include <array>
#include <cstdio>
#include <utility>

using namespace std::chrono_literals;

namespace {

using lastack::async_accept;
using lastack::async_receive;
using lastack::async_send;

/// One client: what it sends goes back to it, and its FIN is answered with ours. At its end the
/// socket goes, and with it the last descriptor: it closes.
lastack::Task<> echo(lastack::Socket socket) {
  std::array<std::byte, 65536> buffer{};
  for (;;) {
    const auto got = co_await async_receive(socket, buffer);
    if (!got || *got == 0) co_return;
    if (!co_await async_send(socket, std::span(buffer).first(*got))) co_return;
  }
}

lastack::Task<> serve(lastack::Loop& loop, lastack::Listener listener) {
  for (;;) {
    auto socket = co_await async_accept(listener);
    if (!socket) co_return;
    loop.start(echo(std::move(*socket)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto ours = argc == 4 ? lastack::Prefix::parse(argv[2]) : std::nullopt;
  const auto kernel = argc == 4 ? lastack::Prefix::parse(argv[3]) : std::nullopt;
  if (!ours || !kernel) {
    std::fprintf(stderr, "usage: %s DEVICE ADDRESS/LENGTH KERNEL_ADDRESS/LENGTH\n", argv[0]);
    return 2;
  }
  lastack::Stack stack({.addresses = {*ours}, .offload = true}, lastack::system_seed());
  lastack::Loop loop;
  const auto attached = loop.attach(stack, {.name = argv[1], .kernel = {*kernel}});
  if (!attached) {
    std::fprintf(stderr, "%s: can't %s\n", argv[0], attached.error().what.c_str());
    return 1;
  }
  loop.stop_on_signals();
  loop.start(serve(loop, stack.listen({ours->address, 7}).value()));
  std::puts("ready");
  std::fflush(stdout);
  const auto ended = loop.run();
  if (!ended) std::fprintf(stderr, "%s: can't %s\n", argv[0], ended.error().what.c_str());
  return ended ? 0 : 1;
}
