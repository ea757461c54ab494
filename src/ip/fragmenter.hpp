// One packet cut into pieces for a link that takes less (RFC 791 §2.3, RFC 8200 §4.5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/fragment.hpp"
#include "wire/ip.hpp"

namespace lastack::ip {

/// Says piece by piece what to send; the octets stay where they are. For what may be cut: UDP,
/// ICMP. TCP never is.
class Fragmenter {
 public:
  /// For `payload` octets behind `header`, in packets of at most `mtu` (68 or more). The header's
  /// own identification does not count.
  Fragmenter(const wire::IpHeader& header, std::uint32_t identification, std::size_t payload,
             std::size_t mtu);

  struct Piece {
    std::size_t header_size = 0;  ///< octets written
    std::size_t at = 0;           ///< the octets of the payload that go behind them
    std::size_t size = 0;
  };
  [[nodiscard]] bool done() const { return at_ == payload_; }
  /// Octets of payload, all pieces together.
  [[nodiscard]] std::size_t payload() const { return payload_; }
  /// Writes the header of the next piece into `header`, which has room for
  /// wire::kMostFragmentHeader octets. Not when done().
  Piece next(wire::MutableBytes header);

 private:
  wire::IpHeader header_;
  std::uint32_t identification_ = 0;
  std::size_t payload_ = 0;
  std::size_t at_ = 0;
  std::size_t most_ = 0;  ///< octets of payload in a piece that is not the last
};

}  // namespace lastack::ip
