// An echo server on a host of its own, which this machine's kernel reaches over a TUN device. As
// root:  ./echo_server la0 10.9.0.2/24 10.9.0.1/24   and then   nc -N 10.9.0.2 7
#include <lastack/lastack.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <map>
#include <utility>

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stop = 0;

/// One client: what it sends goes back to it, and its FIN is answered with ours.
class Echo {
 public:
  explicit Echo(lastack::Socket socket) : socket_(std::move(socket)) {}

  /// Moves what can be moved now. False once the connection is at its end.
  bool move() {
    for (;;) {
      if (from_ == to_) {
        const auto got = socket_.receive(buffer_);
        if (!got) return got.error() == std::errc::resource_unavailable_try_again;
        if (*got == 0) return false;  // the destructor closes
        from_ = 0;
        to_ = *got;
      }
      const auto sent = socket_.send(std::span(buffer_).subspan(from_, to_ - from_));
      if (!sent) return sent.error() == std::errc::resource_unavailable_try_again;
      from_ += *sent;
    }
  }

 private:
  lastack::Socket socket_;
  std::array<std::byte, 65536> buffer_{};
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto ours = argc == 4 ? lastack::Prefix::parse(argv[2]) : std::nullopt;
  const auto kernel = argc == 4 ? lastack::Prefix::parse(argv[3]) : std::nullopt;
  if (!ours || !kernel) {
    std::fprintf(stderr, "usage: %s DEVICE ADDRESS/LENGTH KERNEL_ADDRESS/LENGTH\n", argv[0]);
    return 2;
  }
  lastack::Stack stack({.addresses = {*ours}, .offload = true}, lastack::system_seed());
  auto driver = lastack::TunDriver::open(stack, {.name = argv[1], .kernel = {*kernel}});
  if (!driver) {
    std::fprintf(stderr, "%s: can't %s\n", argv[0], driver.error().what.c_str());
    return 1;
  }
  auto listener = stack.listen({ours->address, 7}).value();
  std::map<lastack::SocketId, Echo> clients;
  std::signal(SIGINT, [](int) { stop = 1; });
  std::signal(SIGTERM, [](int) { stop = 1; });
  std::puts("ready");
  std::fflush(stdout);

  while (stop == 0) {
    driver->turn();
    while (const auto event = stack.next_event()) {
      if (event->id == listener.id()) {
        while (auto socket = listener.accept()) {
          const auto id = socket->id();
          clients.emplace(id, std::move(*socket));
        }
      }
    }
    for (auto it = clients.begin(); it != clients.end();) {
      it = it->second.move() ? std::next(it) : clients.erase(it);
    }
    driver->turn();
    driver->wait(1s);
  }
}
