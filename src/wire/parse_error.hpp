// Why octets are no packet we can use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastack::wire {

/// Each has a counter at the host.
enum class ParseError : std::uint8_t {
  truncated,    ///< shorter than a header, or than it says it is
  bad_version,  ///< neither IPv4 nor IPv6
  bad_length,   ///< a header length below the least, or beyond the packet
  bad_checksum,
  fragment,        ///< a part of a packet: see parse_fragment()
  bad_option,      ///< an option whose length is below two or beyond the header
  bad_extension,   ///< an IPv6 extension header that runs past the end, or too many
  bad_address,     ///< an IPv4-mapped address in an IPv6 header
  source_routed,   ///< an IPv4 source route option, or an IPv6 routing header with segments left
  refused_option,  ///< an IPv6 option that we don't know and that says: then drop it
  jumbogram,       ///< longer than 65535 octets (RFC 2675)
  bad_fragment,    ///< of a length or at a place where no fragment can be
  tiny_fragment,   ///< cuts through the headers (RFC 1858, RFC 3128, RFC 7112)
};
inline constexpr std::size_t kParseErrorCount = 13;
[[nodiscard]] std::string_view to_string(ParseError error);

}  // namespace lastack::wire
