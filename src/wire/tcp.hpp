// TCP headers between octets and values (RFC 9293 §3.1, §3.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/parse_error.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::wire {

struct ParsedTcp {
  TcpHeader header;
  Bytes payload;
};

inline constexpr std::size_t kTcpHeader = 20;  ///< octets without options
inline constexpr std::size_t kMostTcpHeader = 60;
inline constexpr std::uint8_t kProtocolTcp = 6;

/// Reads a segment; its checksum is another question, see tcp_sum(). Options that are not known are
/// skipped by their length (MUST-6); one whose length can't be true makes the segment bad (MUST-7).
[[nodiscard]] std::expected<ParsedTcp, ParseError> parse_tcp(Bytes segment);

/// Octets that `header` takes on the wire, options padded to a multiple of four.
[[nodiscard]] std::size_t header_size(const TcpHeader& header);

/// Writes `header`, with a checksum of zero, to the front of `into`. Octets written; 0 where it
/// does not fit.
std::size_t emit_tcp(const TcpHeader& header, MutableBytes into);

/// Puts `checksum` into the header at the front of `segment`.
void set_tcp_checksum(MutableBytes segment, std::uint16_t checksum);

/// Finishes a checksum that was left to the link: where it will stand there is the pseudo-header's
/// sum. `segment` is whole.
void finish_tcp_checksum(MutableBytes segment);

/// The sum over pseudo-header and `segment` as it stands: checksum() of it is 0 where the segment's
/// own checksum is right, and what belongs into the field where that is zero.
[[nodiscard]] Sum tcp_sum(const IpAddress& source, const IpAddress& destination, Bytes segment);

}  // namespace lastack::wire
