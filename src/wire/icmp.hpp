// ICMP messages between octets and values (RFC 792, RFC 1191, RFC 4443).
//
// Both families say the same things by other numbers. Here a kind is what a message is about; the
// code beside it is the family's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/parse_error.hpp"

namespace lastack::wire {

/// The errors stand first: is_error() asks by order.
enum class IcmpKind : std::uint8_t {
  unreachable,
  packet_too_big,  ///< IPv4: unreachable, fragmentation needed (RFC 1191 §4)
  time_exceeded,
  parameter_problem,
  other_error,  ///< source quench, redirects, and errors we don't know
  echo_request,
  echo_reply,
  other,
};
inline constexpr std::size_t kIcmpKindCount = 8;

/// Codes of IPv4's destination unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
namespace icmp4 {
enum Unreachable : std::uint8_t {
  kNet = 0,
  kHost = 1,
  kProtocol = 2,
  kPort = 3,
  kFragmentationNeeded = 4,
  kSourceRouteFailed = 5,
  kNetUnknown = 6,
  kHostUnknown = 7,
  kHostIsolated = 8,
  kNetProhibited = 9,
  kHostProhibited = 10,
  kNetTos = 11,
  kHostTos = 12,
  kProhibited = 13,
  kPrecedenceViolation = 14,
  kPrecedenceCutoff = 15,
};
}  // namespace icmp4

/// Codes of IPv6's destination unreachable (RFC 4443 §3.1) and parameter problem (§3.4).
namespace icmp6 {
enum Unreachable : std::uint8_t {
  kNoRoute = 0,
  kProhibited = 1,
  kBeyondScope = 2,
  kAddress = 3,
  kPort = 4,
  kSourcePolicy = 5,
  kRejectRoute = 6,
};
enum ParameterProblem : std::uint8_t {
  kErroneousField = 0,
  kUnknownNextHeader = 1,
  kUnknownOption = 2,
};
}  // namespace icmp6

/// Codes of time exceeded, of both families.
enum TimeExceeded : std::uint8_t { kHopLimit = 0, kReassembly = 1 };

struct IcmpMessage {
  IcmpKind kind = IcmpKind::other;
  std::uint8_t code = 0;
  std::uint16_t identifier = 0;  ///< of an echo
  std::uint16_t sequence = 0;    ///< of an echo
  std::uint32_t mtu = 0;         ///< of "packet too big"; 0 from IPv4 routers older than RFC 1191
  std::uint32_t pointer = 0;     ///< of a parameter problem: the octet at fault

  [[nodiscard]] constexpr bool is_error() const { return kind < IcmpKind::echo_request; }
  friend constexpr bool operator==(const IcmpMessage&, const IcmpMessage&) = default;
};

struct ParsedIcmp {
  IcmpMessage message;
  Bytes body;  ///< what an echo carries; the packet that an error is about, as far as quoted
};

inline constexpr std::size_t kIcmpHeader = 8;

/// Reads a message; its checksum is another question, see icmp_sum().
[[nodiscard]] std::expected<ParsedIcmp, ParseError> parse_icmp(Family family, Bytes message);

/// Whether a message of this type is an error, or must be taken for one: no error may be sent about
/// it (RFC 1122 §3.2.2, RFC 4443 §2.4(e)).
[[nodiscard]] bool is_icmp_error(Family family, std::uint8_t type);

/// Writes the eight octets in front of the body, with a checksum of zero. Octets written; 0 where
/// `into` is too small or the kind is one we never send.
std::size_t emit_icmp(Family family, const IcmpMessage& message, MutableBytes into);

/// Puts `checksum` into the message at the front of `message`.
void set_icmp_checksum(MutableBytes message, std::uint16_t checksum);

/// The sum over `message` as it stands, with IPv6's pseudo-header: checksum() of it is 0 where the
/// message's own checksum is right, and what belongs into the field where that is zero.
[[nodiscard]] Sum icmp_sum(const IpAddress& source, const IpAddress& destination, Bytes message);

}  // namespace lastack::wire
