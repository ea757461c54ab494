// Multicast listener discovery (RFC 3810) as a host needs it: questions in, reports out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "base/time.hpp"
#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/ip.hpp"
#include "wire/ndp.hpp"

namespace lastack::wire {

inline constexpr std::uint8_t kMldQuery = 130;

/// Who listens to `group`, or to anything at all where that is the unspecified address?
struct MldQuery {
  IpAddress group;
  Duration max_response{};  ///< an answer may take so long
  friend bool operator==(const MldQuery&, const MldQuery&) = default;
};

/// Reads a query of either version. Reasons are those of neighbour discovery: both are checked
/// alike, but that a query's hop limit is 1 (RFC 3810 §5.1, §6.2).
[[nodiscard]] std::expected<MldQuery, NdpError> parse_mld_query(const IpHeader& ip, Bytes icmp);

/// What a report says of one group.
struct MldRecord {
  enum class Kind : std::uint8_t {
    listens = 2,  ///< MODE_IS_EXCLUDE of nobody: answers a query
    leaves = 3,   ///< CHANGE_TO_INCLUDE of nobody
    joins = 4,    ///< CHANGE_TO_EXCLUDE of nobody
  };
  Kind kind = Kind::listens;
  IpAddress group;
  friend bool operator==(const MldRecord&, const MldRecord&) = default;
};

/// Records that fit into one report.
inline constexpr std::size_t kMostMldRecords = 48;
/// Octets of the largest report.
inline constexpr std::size_t kMostMldReport = kIpv6Header + 8 + 8 + 20 * kMostMldRecords;

/// Writes a report as an IPv6 packet, with the router alert that it needs, to the front of `into`.
/// Octets written; 0 where they do not fit.
std::size_t emit_mld_report(const IpAddress& source, std::span<const MldRecord> records,
                            MutableBytes into);

/// ff02::16, which all who understand reports listen to.
[[nodiscard]] IpAddress mld_routers();

}  // namespace lastack::wire
