#include "wire/ipv4_options.hpp"

namespace lastack::wire {
namespace {

constexpr std::size_t kFixedHeader = 20;

enum Ipv4Option : std::uint8_t {
  kEndOfList = 0,
  kNoOperation = 1,
  kLooseSourceRoute = 131,
  kStrictSourceRoute = 137,
};

/// RFC 1122 §3.2.2.5: its sender SHOULD be told.
HeaderProblem bad_option(std::size_t at) {
  return {.error = ParseError::bad_option, .told = true, .pointer = static_cast<std::uint32_t>(at)};
}

}  // namespace

std::optional<HeaderProblem> check_ipv4_options(Bytes header) {
  Reader in(header);
  in.skip(kFixedHeader);
  while (in.left() > 0) {
    const std::size_t at = in.at();
    const std::uint8_t kind = in.u8();
    if (kind == kEndOfList) break;
    if (kind == kNoOperation) continue;
    if (kind == kLooseSourceRoute || kind == kStrictSourceRoute) {
      return HeaderProblem{.error = ParseError::source_routed};
    }
    const std::size_t length = in.u8();
    if (!in.ok() || length < 2 || length - 2 > in.left()) return bad_option(at);
    in.skip(length - 2);
  }
  return std::nullopt;
}

}  // namespace lastack::wire
