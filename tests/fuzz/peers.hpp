// The rest of the world as one host sees it: segments that fit what the host has said last, and
// bent as a step says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "fuzz/steps.hpp"
#include "host/flow.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::fuzz {

/// An IP packet as octets.
using Octets = std::vector<std::byte>;

/// Where a number stands: upper and lower half of step[3]. Below the first of these it is exact.
/// (seeds.py reads them.)
enum SeqAt : std::uint8_t {
  kSeqPlus = 8,         ///< and amount()
  kSeqEdge = 9,         ///< at the edge of the window, and amount()
  kSeqBefore = 10,      ///< one before
  kSeqAfter = 11,       ///< one after
  kSeqFar = 12,         ///< and amount() << 16
  kSeqSyn = 13,         ///< where our SYN stood
  kSeqNextButOne = 14,  ///< a full segment after
};
enum AckAt : std::uint8_t {
  kAckPlus = 8,
  kAckSome = 9,     ///< amount() octets more than last time, but nothing that was not sent
  kAckBefore = 10,  ///< all but one
  kAckUnsent = 11,  ///< one that was not sent
  kAckFar = 12,
  kAckAgain = 13,  ///< the same as last time
  kAckZero = 14,
};
/// Bits of step[4].
enum Option : std::uint8_t {
  kMss = 0x01,
  kScale = 0x02,
  kSackOk = 0x04,
  kStamp = 0x08,  ///< the other way than the host does it
  kSack = 0x10,
  kOldStamp = 0x20,
  kOddEcho = 0x40,
  kMoreSack = 0x80,
};

/// What is wrong with a datagram, in its step. (seeds.py reads these.)
enum Wrong : std::uint8_t {
  kBadSum = 0x01,
  kNoSum = 0x02,
  kBadLength = 0x04,
  kPadded = 0x08,
};

class Peers {
 public:
  /// `hosts` are the addresses of the host, `peers` those of others, the family as the index says.
  Peers(std::vector<wire::IpAddress> hosts, std::vector<wire::IpAddress> peers)
      : hosts_(std::move(hosts)), peers_(std::move(peers)) {}

  /// The host has sent this.
  void heard(std::span<const std::byte> packet);
  /// A segment: step[1] chooses the flow, step[2] are the flags, step[3] where seq and ack stand,
  /// step[4] the options, step[5] length (lower half) and window (upper half).
  [[nodiscard]] Octets segment(const Step& step, TimePoint now);
  /// An echo request, or an ICMP error about the last segment of a flow; with the upper bit of
  /// step[5] about a datagram.
  [[nodiscard]] Octets echo(const Step& step) const;
  [[nodiscard]] Octets icmp_error(const Step& step) const;
  /// A segment with an octet changed, and its checksums put right again where `mended`.
  [[nodiscard]] Octets bent(const Step& step, bool mended, TimePoint now);
  /// A segment behind IPv6 extension headers, or as an IPv4 fragment.
  [[nodiscard]] Octets wrapped(const Step& step, TimePoint now);
  /// A segment in pieces, of which one may be missing or come twice.
  [[nodiscard]] std::vector<Octets> pieces(const Step& step, TimePoint now);
  /// A datagram of step.amount() octets, to a port as step[2] says; step[3] what is wrong with it.
  [[nodiscard]] Octets datagram(const Step& step) const;
  /// A packet of another protocol: step[2].
  [[nodiscard]] Octets other(const Step& step) const;

  static constexpr std::uint16_t kUdpPort = 7;  ///< where a host of a fuzzer answers

 private:
  [[nodiscard]] static Octets own_datagram(const Step& step, const wire::IpAddress& from,
                                           const wire::IpAddress& to);
  static constexpr std::size_t kMostFlows = 24;
  static constexpr std::uint16_t kFirstPort = 5000;

  /// What a peer knows of one flow; the flow itself is as the host sees it.
  struct Known {
    host::Flow flow;
    Seq iss;           ///< of the peer
    Seq expected;      ///< what the host acknowledges: the peer's next
    Seq host_next;     ///< behind the last the host has sent
    Seq acknowledged;  ///< what the peer has acknowledged
    std::uint32_t window = 0;
    std::uint8_t scale = 0;
    bool stamped = false;
    std::uint32_t ts_val = 0;
    Octets last;  ///< the start of the last packet of the host
  };

  Known& choose(const Step& step);
  Known& fresh(const Step& step);
  Known& know(const host::Flow& flow, Seq start);
  [[nodiscard]] static Seq seq_of(const Known& k, const Step& step);
  [[nodiscard]] static Seq ack_of(const Known& k, const Step& step);
  [[nodiscard]] static std::size_t length_of(const Known& k, const Step& step);
  [[nodiscard]] static std::uint16_t window_of(const Step& step);
  static void add_options(const Known& k, const Step& step, TimePoint now, wire::TcpHeader& header);

  std::vector<wire::IpAddress> hosts_;
  std::vector<wire::IpAddress> peers_;
  std::vector<Known> flows_;
  std::size_t replaced_ = 0;
};

}  // namespace lastack::fuzz
