// Two hosts in one process and one thread, joined by memory: what the benchmarks measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::cli {

inline constexpr std::size_t kBenchBatch = 64;  ///< packets that the wire carries at once

struct BenchWire {
  bool v6 = false;
  bool ethernet = false;               ///< frames around the packets, neighbours to be found
  bool checksums = true;               ///< summed by the sender, verified by the receiver
  std::uint16_t mtu = 1500;            ///< octets of the largest IP packet
  bool super_segments = false;         ///< segments of up to 64 KiB travel whole
  std::uint32_t buffer = 256U << 10U;  ///< octets of send and receive buffer each
  std::uint32_t listeners_backlog = 1024;
  Duration msl = std::chrono::seconds(30);
  bool watched = false;  ///< the sockets are told all events, as who watches for edges does
};

/// Everything a measurement needs and nothing that it would measure by accident. Octets are copied
/// by send(), once by the wire into a packet of the receiver's, and by recv().
class BenchWorld {
 public:
  explicit BenchWorld(const BenchWire& wire);
  /// Those that one port listens for, of all the ports that a client may have.
  static constexpr std::size_t kClientsPerServer = 60'000;

  using Pair = std::pair<socket::Fd, socket::Fd>;
  /// A client's descriptor at A and its server's at B, established: the `nth` of those that stay
  /// open. There may be any number: where a port has all the clients it can have, the next listens.
  Pair connect(std::size_t nth = 0);
  /// The first half of it: the client's end of a connection that waits to be accepted.
  socket::Fd dial(std::size_t nth = 0);
  /// And the second.
  socket::Fd accept(std::size_t nth = 0);
  /// Packets both ways until there are none.
  void exchange();
  /// A batch from one to the other, on its way for a microsecond; packets carried.
  std::size_t carry_a_to_b() { return carry(a_, b_); }
  std::size_t carry_b_to_a() { return carry(b_, a_); }
  /// Lets `span` of virtual time pass.
  void pass(Duration span);

  [[nodiscard]] socket::Sockets& a() { return a_.sockets; }
  [[nodiscard]] socket::Sockets& b() { return b_.sockets; }
  [[nodiscard]] host::Host& host_a() { return a_.host; }
  [[nodiscard]] host::Host& host_b() { return b_.host; }
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  struct Side {
    Side(const host::Config& config, std::uint64_t seed)
        : host(config, Random(seed)), sockets(host) {}
    host::Host host;
    socket::Sockets sockets;
  };
  [[nodiscard]] wire::IpAddress address(bool b) const;
  [[nodiscard]] host::Config config(bool b) const;
  std::size_t carry(Side& from, Side& to);
  [[gnu::noinline]] std::size_t carry_batch(Side& from, Side& to);
  static Slice room_for(std::size_t octets, Side& to);
  void carry_copy(Side& to);
  void carry_whole(Side& to, bool sums);
  [[nodiscard]] host::Endpoint server(std::size_t nth) const;
  void listen();
  void advance();
  void hear(Side& side);

  BenchWire wire_;
  wire::IpAddress server_;
  TimePoint now_{std::chrono::seconds(1000)};
  Side a_;
  Side b_;
  static constexpr std::uint16_t kFirstServer = 80;
  std::vector<socket::Fd> listeners_;  ///< on kFirstServer and the ports behind it
  host::PacketOut out_;
  std::vector<Slice> batch_;
  host::HostEvent event_;
  std::uint64_t packets_ = 0;
};

/// Processor time of this process so far, in nanoseconds.
[[nodiscard]] std::int64_t cpu_ns();

}  // namespace lastack::cli
