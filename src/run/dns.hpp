// Questions for names, and answers to them (RFC 1035 §4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire/address.hpp"
#include "wire/bytes.hpp"

namespace lastack::run {

inline constexpr std::uint16_t kDnsPort = 53;

struct DnsQuestion {
  static constexpr std::uint16_t kA = 1;  ///< types (RFC 1035 §3.2.2, RFC 3596)
  static constexpr std::uint16_t kPointer = 12;
  static constexpr std::uint16_t kAaaa = 28;

  std::string name;  ///< in lower case, without the last dot
  std::uint16_t type = 0;
  std::size_t end = 0;  ///< octets of the message up to its end
};

/// Of a message that asks one thing, of the Internet; nothing where it is another one.
[[nodiscard]] std::optional<DnsQuestion> question_in(wire::Bytes message);

/// The name has these addresses; those of the family that was asked for are told.
[[nodiscard]] std::vector<std::byte> dns_answer(wire::Bytes message, const DnsQuestion& question,
                                                std::span<const wire::IpAddress> addresses);
/// There is no such name.
[[nodiscard]] std::vector<std::byte> dns_no_such_name(wire::Bytes message,
                                                      const DnsQuestion& question);

}  // namespace lastack::run
