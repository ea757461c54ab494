// What a sender may choose in the IP headers of its packets, for each family by itself.
#pragma once

#include <cstdint>

namespace lastack::wire {

struct IpMarks {
  std::uint8_t hop_limit = 64;     ///< IPv4's time to live
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN; IPv4's type of service
  friend bool operator==(const IpMarks&, const IpMarks&) = default;
};

/// An IPv6 socket sends IPv4, too, where it talks to an IPv4-mapped address (RFC 3493 §3.7).
struct MarksOfBoth {
  IpMarks v4;
  IpMarks v6;
  [[nodiscard]] const IpMarks& of(bool is_v4) const { return is_v4 ? v4 : v6; }
  friend bool operator==(const MarksOfBoth&, const MarksOfBoth&) = default;
};

}  // namespace lastack::wire
