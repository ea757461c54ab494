// The kernel's TCP over its loopback, both ends in one thread: kernel bulk|pingpong|connect ...
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "peer.hpp"

namespace {

using bench::fail;

constexpr std::uint16_t kPort = 4000;

int must(int result, const char* what) {
  if (result < 0) fail(std::string(what) + ": " + std::strerror(errno));
  return result;
}

/// 127.0.0.1 and those behind it: where one has all the clients it can have, the next takes them.
sockaddr_in address(std::size_t nth) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(nth));
  return to;
}

const sockaddr* generic(const sockaddr_in& at) { return reinterpret_cast<const sockaddr*>(&at); }

void set(int fd, int level, int name, int value) {
  must(::setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

class Loopback {
 public:
  explicit Loopback(std::size_t buffer) : buffer_(buffer), listener_(new_socket()) {
    set(listener_, SOL_SOCKET, SO_REUSEADDR, 1);
    sockaddr_in any = address(0);
    any.sin_addr.s_addr = htonl(INADDR_ANY);
    must(::bind(listener_, generic(any), sizeof any), "bind");
    must(::listen(listener_, 128), "listen");
  }
  /// Over loopback the handshake is done when connect() returns.
  void connect() {
    client_ = new_socket();
    const sockaddr_in to = address(made_++ / kClientsPerServer);
    must(::connect(client_, generic(to), sizeof to), "connect");
    server_ = must(::accept(listener_, nullptr, nullptr), "accept");
    set(client_, IPPROTO_TCP, TCP_NODELAY, 1);
    set(server_, IPPROTO_TCP, TCP_NODELAY, 1);
  }
  void close() {
    ::close(client_);
    ::close(server_);
  }
  void ping() {
    char one = 1;
    if (::send(client_, &one, 1, 0) != 1 || ::recv(server_, &one, 1, 0) != 1 ||
        ::send(server_, &one, 1, 0) != 1 || ::recv(client_, &one, 1, 0) != 1) {
      fail("an octet was lost on the way");
    }
  }
  void transfer(std::size_t total, const std::vector<unsigned char>& from,
                std::vector<unsigned char>& into) {
    for (std::size_t sent = 0, got = 0; got < total;) {
      while (sent < total) {
        const std::size_t at = sent % from.size();
        const std::size_t most = std::min(from.size() - at, total - sent);
        const ssize_t n = ::send(client_, from.data() + at, most, MSG_DONTWAIT);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      ssize_t n = 0;
      while ((n = ::recv(server_, into.data(), into.size(), MSG_DONTWAIT)) > 0) {
        got += static_cast<std::size_t>(n);
      }
    }
  }

 private:
  static constexpr std::size_t kClientsPerServer = 20'000;
  int new_socket() const {
    const int fd = must(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (buffer_ > 0) {
      set(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(buffer_));
      set(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(buffer_));
    }
    return fd;
  }

  std::size_t buffer_;
  int listener_;
  int client_ = -1;
  int server_ = -1;
  std::size_t made_ = 0;
};

double bulk(const bench::Options& options) {
  Loopback loopback(options.buffer);
  loopback.connect();
  const auto from = bench::pattern(options.chunk);
  std::vector<unsigned char> into(options.chunk);
  loopback.transfer(bench::kWarmUp, from, into);
  const double ns = bench::ns_per_call(options.seconds, 1,
                                       [&] { loopback.transfer(bench::kBulkAtOnce, from, into); });
  return ns * bench::kUnit / static_cast<double>(bench::kBulkAtOnce);
}

double pingpong(const bench::Options& options) {
  Loopback loopback(options.buffer);
  loopback.connect();
  for (int i = 0; i < 1000; ++i) loopback.ping();
  return bench::ns_per_call(options.seconds, 1000, [&] { loopback.ping(); });
}

/// Those of this network namespace that stand in TIME_WAIT.
std::size_t time_waits() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string word; file >> word;) {
    std::size_t count = 0;
    if (word == "tw" && file >> count) return count;
  }
  return 0;
}

/// Its TIME_WAIT lasts a minute of real time: they grow from the first figure to the second while
/// it is measured.
void connect(const bench::Options& options) {
  Loopback loopback(options.buffer);
  const auto once = [&] {
    loopback.connect();
    loopback.ping();
    loopback.close();
  };
  while (time_waits() < options.time_wait) {
    for (int i = 0; i < 100; ++i) once();
  }
  const std::size_t first = time_waits();
  const double ns = bench::ns_per_call(options.seconds, 100, once);
  bench::report(ns, first, time_waits());
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::options(argc, argv);
  if (options.what == "bulk") bench::report(bulk(options));
  if (options.what == "pingpong") bench::report(pingpong(options));
  if (options.what == "connect") connect(options);
}
