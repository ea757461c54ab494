// The two worlds in which `lastack bench sockets` makes the same calls. Each is one process with
// both ends of every connection: one stream, connections that come and go, and many that are
// polled. A call that does not do what it should is a Failure.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "cli/bench_world.hpp"

namespace lastack::cli {

/// lastack's src/socket, two hosts joined by memory: segments of up to 64 KiB travel whole and
/// unsummed, as they do over the kernel's loopback.
class OurCalls {
 public:
  static constexpr bool kCarried = true;  ///< packets move when they are carried

  explicit OurCalls(std::size_t polled);

  void carry() { world_.exchange(); }
  void send(std::span<const std::byte> octets);
  void receive(std::span<std::byte> octets);
  /// A connection that waits for accept().
  void dial() { dialled_.push_back(world_.dial()); }
  void accept() { accepted_.push_back(world_.accept()); }
  /// Of those that were dialled and accepted the first that is left.
  void close_client() { close(world_.a(), dialled_); }
  void close_server() { close(world_.b(), accepted_); }
  /// An octet for the `nth` of those that are polled, and it read again.
  void stir(std::size_t nth);
  void calm(std::size_t nth);
  [[nodiscard]] bool poll_one() {
    return (*world_.b().poll(polled_[0].second) & socket::kPollIn) != 0;
  }
  /// How many of them can be read.
  [[nodiscard]] std::size_t poll_all();
  /// Which of them has become readable, each told once; what else there is to tell, is passed by.
  std::size_t next_ready();
  void forget_ready();

 private:
  void send_at_once(socket::Fd client);
  void close(socket::Sockets& at, std::deque<socket::Fd>& which);

  BenchWorld world_;
  BenchWorld::Pair stream_;
  std::deque<socket::Fd> dialled_, accepted_;
  std::vector<BenchWorld::Pair> polled_;
  std::vector<std::size_t> place_of_open_;  ///< in polled_, by the open socket's number
};

/// The kernel's sockets over its loopback. What crosses it is carried within the calls. Those that
/// are polled are both ends of half as many connections: they all are descriptors of this process.
class KernelCalls {
 public:
  static constexpr bool kCarried = false;

  explicit KernelCalls(std::size_t polled);
  KernelCalls(const KernelCalls&) = delete;
  KernelCalls& operator=(const KernelCalls&) = delete;
  ~KernelCalls();

  void carry() {}
  void send(std::span<const std::byte> octets);
  void receive(std::span<std::byte> octets);
  void dial();
  void accept();
  void close_client() { close(dialled_); }
  void close_server() { close(accepted_); }
  void stir(std::size_t nth);
  void calm(std::size_t nth);
  [[nodiscard]] bool poll_one();
  [[nodiscard]] std::size_t poll_all();
  std::size_t next_ready();
  void forget_ready() {}

 private:
  using Pair = std::pair<int, int>;
  int dialled();
  int accepted();
  void watch(Pair ends);
  static void close(std::deque<int>& which);

  int listener_ = -1;
  int epoll_ = -1;
  Pair stream_{-1, -1};
  std::deque<int> dialled_, accepted_;
  std::vector<int> opened_;   ///< both ends of those that are polled
  std::vector<Pair> polled_;  ///< who stirs it, and itself
  std::vector<pollfd> asked_;
};

}  // namespace lastack::cli
