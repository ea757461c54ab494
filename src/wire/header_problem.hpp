// Why a packet stops at its IP headers, and what its sender may learn of it.
#pragma once

#include <cstdint>
#include <optional>

#include "wire/bytes.hpp"
#include "wire/parse_error.hpp"

namespace lastack::wire {

struct HeaderProblem {
  ParseError error = ParseError::bad_extension;
  bool told = false;            ///< the sender is to be told: an ICMP parameter problem
  bool even_multicast = false;  ///< even where the packet went to many (RFC 4443 §2.4(e.3))
  std::uint8_t code = 0;        ///< of the parameter problem
  std::uint32_t pointer = 0;    ///< the octet at fault, counted from the IP header

  friend constexpr bool operator==(const HeaderProblem&, const HeaderProblem&) = default;
};

/// The whole story of a packet that parse_ip() refuses, which itself tells only the kind.
[[nodiscard]] std::optional<HeaderProblem> header_problem(Bytes packet);

}  // namespace lastack::wire
