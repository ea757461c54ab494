// The options of an IPv4 header (RFC 791 §3.1): passed over, source routes refused.
#pragma once

#include <optional>

#include "wire/bytes.hpp"
#include "wire/header_problem.hpp"

namespace lastack::wire {

/// What is wrong with the options of `header`, whose length is that of the whole IPv4 header.
/// No option changes what a host does with a packet (RFC 1122 §3.2.1.8), so they are only walked.
/// DEVIATES: RFC 1122 §3.2.1.8(c) wants a source route that ends here taken. Such packets are
/// dropped, as RFC 7126 §4.3 and §4.4 advise: their source address is whatever the sender wants.
[[nodiscard]] std::optional<HeaderProblem> check_ipv4_options(Bytes header);

}  // namespace lastack::wire
