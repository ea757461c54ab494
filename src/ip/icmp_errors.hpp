// The errors that we send: about which packets, and how much of them is quoted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/buffer.hpp"
#include "wire/icmp.hpp"
#include "wire/ip.hpp"
#include "wire/quote.hpp"

namespace lastack::ip {

/// Octets of the whole error at most: RFC 1812 §4.3.2.3, RFC 4443 §2.4(c).
inline constexpr std::size_t kMostErrorV4 = 576;
inline constexpr std::size_t kMostErrorV6 = 1280;

/// Why nothing is said about a packet (RFC 1122 §3.2.2, RFC 4443 §2.4(e)).
enum class Silence : std::uint8_t {
  none,         ///< its sender may be told
  about_error,  ///< it is an ICMP error itself
  later_piece,  ///< of a packet whose first piece is another
  to_many,      ///< it went to a broadcast or multicast address
  from_nobody,  ///< its source is no address of one host
};

inline constexpr std::size_t kSilenceCount = 5;
[[nodiscard]] std::string_view to_string(Silence silence);

/// Whether the sender of the packet that `about` was read from may be told. With `even_multicast`
/// it may be where the packet went to many (RFC 4443 §2.4(e.3)). What only the owner of the
/// addresses knows, a directed broadcast, is for the caller to see.
[[nodiscard]] Silence silence_about(const wire::Quote& about, bool even_multicast = false);

/// The whole packet, behind `header`, that says `message` about `packet`. Empty for a kind of
/// message that is never sent.
[[nodiscard]] Slice error_about(const wire::IcmpMessage& message, wire::IpHeader header,
                                wire::Bytes packet, BufferPool* pool);

}  // namespace lastack::ip
