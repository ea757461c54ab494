// As fast as a TUN device goes with next to nothing behind it: what no stack can be faster than.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::cli {

/// This end of a connection, IPv4, with one system call a packet and the least there is to know of
/// it. Nothing is lost here, so nothing is sent again.
class RawEnd {
 public:
  /// `descriptor`: of a TUN device with IFF_VNET_HDR and offloads, which is not taken over.
  explicit RawEnd(int descriptor);
  /// Answers the SYN that comes.
  void open();
  /// Reads what is there, some packets at most; packets read.
  std::size_t take();
  /// Until there is something to read, a moment at most.
  void wait() const;
  void acknowledge() { send(next_, {}); }
  /// One segment, to be cut, where the peer's window has room for it. False where it has none.
  bool write(std::span<std::byte> payload);
  /// The first segment again, whatever the window: a duplicate.
  void write_first(std::span<std::byte> payload) { send(1, payload); }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  void look_at(wire::Bytes packet);
  void send(std::uint32_t seq, std::span<std::byte> payload);

  int descriptor_;
  std::vector<std::byte> packet_;
  wire::IpHeader ip_;
  wire::TcpHeader tcp_;
  bool has_peer_ = false;
  unsigned scale_ = 0;              ///< of the peer's window
  std::uint64_t received_ = 0;      ///< octets, in order
  std::uint32_t next_ = 0;          ///< SND.NXT
  std::uint32_t una_ = 0;           ///< SND.UNA
  std::uint32_t window_ = 0;        ///< SND.WND, octets
  std::uint64_t acknowledged_ = 0;  ///< octets
};

/// The most payload of one packet in whole segments of MTU 1500.
inline constexpr std::size_t kRawSegment = 1460;
inline constexpr std::size_t kRawWhole = 44 * kRawSegment;

}  // namespace lastack::cli
