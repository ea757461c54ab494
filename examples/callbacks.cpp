// Two hosts in one program, driven by a loop, and calls instead of coroutines: each socket says
// what it waits for, and is called once it need not wait any more.
#include <lastack/lastack.hpp>

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

using namespace std::chrono_literals;

namespace {

/// Asks one question, and hears the answer to its end.
class Client {
 public:
  Client(lastack::Loop& loop, lastack::Socket socket) : loop_(loop), socket_(std::move(socket)) {
    waiting_ = socket_.when(lastack::Until::writable, [this] { ask(); });
    too_late_ = loop_.after(10s, [this] { loop_.stop(); });
  }
  [[nodiscard]] std::size_t heard() const { return heard_; }

 private:
  void ask() {
    if (!socket_.connected() || !socket_.send("What is a half-close?")) return loop_.stop();
    (void)socket_.shutdown(lastack::Shut::write);
    hear();
  }
  void hear() {
    std::array<std::byte, 1000> answer{};
    while (const auto got = socket_.receive(answer)) {
      if (*got == 0) return loop_.stop();  // the other side has said all, too
      heard_ += *got;
    }
    waiting_ = socket_.when(lastack::Until::readable, [this] { hear(); });
  }

  lastack::Loop& loop_;
  lastack::Socket socket_;
  lastack::Waiting waiting_;
  lastack::Timer too_late_;
  std::size_t heard_ = 0;
};

/// Answers one client, once that has said all.
class Server {
 public:
  explicit Server(lastack::Listener listener) : listener_(std::move(listener)) {
    waiting_ = listener_.when(lastack::Until::readable, [this] {
      socket_.emplace(std::move(*listener_.accept()));
      hear();
    });
  }

 private:
  void hear() {
    std::array<std::byte, 1000> question{};
    while (const auto got = socket_->receive(question)) {
      if (*got > 0) continue;
      (void)socket_->send("One side has said all it has to say, and goes on listening.");
      socket_.reset();  // the last descriptor: it closes
      return;
    }
    waiting_ = socket_->when(lastack::Until::readable, [this] { hear(); });
  }

  lastack::Listener listener_;
  std::optional<lastack::Socket> socket_;
  lastack::Waiting waiting_;
};

}  // namespace

int main() {
  using lastack::IpAddress;
  const lastack::Endpoint address{IpAddress::v4(10, 0, 0, 2), 80};
  lastack::Stack a({.addresses = {{IpAddress::v4(10, 0, 0, 1), 24}}}, lastack::system_seed());
  lastack::Stack b({.addresses = {{address.address, 24}}}, lastack::system_seed());
  lastack::Loop loop;
  loop.join(a, b, 1ms);
  const Server server(b.listen(address).value());
  const Client client(loop, a.connect(address).value());
  if (!loop.run()) return 1;
  std::printf("%zu octets heard\n", client.heard());
  return client.heard() == 59 ? 0 : 1;
}
