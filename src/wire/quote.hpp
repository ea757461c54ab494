// The packet that an ICMP error is about, as far as the error quotes it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/sequence.hpp"
#include "wire/address.hpp"
#include "wire/bytes.hpp"

namespace lastack::wire {

struct Quote {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  bool later_piece = false;    ///< a fragment other than the first: no ports, no numbers
  bool has_transport = false;  ///< TCP or UDP, and so much is quoted: the next two are true
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Seq seq;                   ///< of a TCP segment
  std::uint32_t length = 0;  ///< octets of the packet, by its own header
  std::size_t named_at = 0;  ///< the octet of it that names `protocol`
  Bytes payload;             ///< what is quoted behind all IP headers
};

/// Reads the beginning of a packet: its lengths and its checksum are not held against it, since
/// there may be no more than eight octets behind the header (RFC 792), and routers have changed
/// some of them. Nothing where not even the header is there.
[[nodiscard]] std::optional<Quote> parse_quote(Bytes quoted);

}  // namespace lastack::wire
