// A host behind a TUN device as serve has it, with one program on it: what bench tun measures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "host/host.hpp"
#include "io/event_loop.hpp"
#include "io/host_driver.hpp"
#include "link/tun.hpp"
#include "socket/sockets.hpp"

namespace lastack::cli {

/// la0 in the network of this process, with kBenchKernel at the kernel's end, up. Failure where it
/// can't be made.
[[nodiscard]] std::unique_ptr<link::Tun> open_bench_device();

class TunBench {
 public:
  /// What the program does with its connection: reads all, writes without end from one buffer, or
  /// sends back what comes.
  enum class Work : std::uint8_t { sink, source, echo };

  /// `buffer`: octets of send and receive buffer; 0 for those of serve.
  TunBench(Work work, std::uint32_t buffer);
  void poll_busily(Duration most) { loop_.poll_busily(most); }
  /// Until somebody has connected.
  void open();
  /// Does what there is to do, then waits for more, a moment at most.
  void step();
  /// Of the stream: read, acknowledged by the peer, or sent back.
  [[nodiscard]] std::uint64_t octets() const;

 private:
  void act();
  void read_all();
  void write_all();

  Work work_;
  std::unique_ptr<link::Tun> device_;
  host::Host host_;
  socket::Sockets sockets_;
  io::EventLoop loop_;
  io::HostDriver driver_;
  socket::Fd listener_ = -1;
  socket::Fd fd_ = -1;
  std::vector<std::byte> octets_;  ///< the program's buffer
  std::uint64_t moved_ = 0;
};

}  // namespace lastack::cli
