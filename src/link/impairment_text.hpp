// A bad wire in words, as in loss=1%,delay=20ms,rate=50mbit.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "link/impaired.hpp"

namespace lastack::link {

struct WireInWords {
  Impairment impairment;
  std::optional<std::uint64_t> seed;
};

/// What each word means, a line each, for a person.
[[nodiscard]] std::string_view impairment_help();

/// NAME=VALUE, separated by commas: shares in per cent (1%), times with us, ms or s, rates with
/// bit, kbit, mbit or gbit a second, sizes with B, kB or MB (powers of ten). What is wrong, in a
/// sentence, where it is none.
[[nodiscard]] std::expected<WireInWords, std::string> parse_impairment(std::string_view text);

}  // namespace lastack::link
