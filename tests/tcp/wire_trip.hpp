// The way of a header through packets. While wire/ has no emitter and parser yet, the header is
// handed over as it is; only the address family's defaults differ.
#pragma once

#include <cstdint>

#include "wire/tcp_header.hpp"

namespace lastack_test {

enum class Family { v4, v6 };

inline lastack::wire::TcpHeader through_wire(const lastack::wire::TcpHeader& header, std::uint32_t,
                                             Family) {
  return header;
}

}  // namespace lastack_test
