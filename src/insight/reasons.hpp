// Why a segment was sent, or went no further, in words.
#pragma once

#include <string>

#include "host/trace.hpp"
#include "insight/text.hpp"

namespace lastack::insight {

/// "400 ms", "1.5 s".
[[nodiscard]] std::string span_text(Duration span);

/// Why a segment went that nobody would expect: "RTO 2 of 15, 400 ms", "window probe"; empty for
/// the ordinary ones.
[[nodiscard]] std::string why_text(const host::TraceEvent& sent);

/// What a reason to drop a segment means, without its name; Drop::none means nothing.
[[nodiscard]] Text drop_text(tcp::Drop drop);

}  // namespace lastack::insight
