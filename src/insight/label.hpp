// What stands on an arrow of a ladder.
#pragma once

#include <cstdint>
#include <string>

#include "wire/tcp.hpp"

namespace lastack::insight {

/// "SYN,ACK": the flags that say something; PSH does not.
[[nodiscard]] std::string flags_text(wire::Flags flags);

/// Flags, and sequence numbers relative to each side's first: "1:1461 ACK ack 102",
/// "FIN,ACK seq 101 ack 1". `size` is the payload in octets.
[[nodiscard]] std::string segment_label(const wire::TcpHeader& header, std::size_t size,
                                        std::uint32_t first_seq, std::uint32_t first_ack);

}  // namespace lastack::insight
