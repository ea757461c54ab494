#include "wire/parse_error.hpp"

#include <array>

namespace lastack::wire {

std::string_view to_string(ParseError error) {
  static constexpr std::array<std::string_view, kParseErrorCount> kNames{
      "truncated",  "bad_version",   "bad_length",   "bad_checksum",  "fragment",
      "bad_option", "bad_extension", "bad_address",  "source_routed", "refused_option",
      "jumbogram",  "bad_fragment",  "tiny_fragment"};
  return kNames[static_cast<std::size_t>(error)];
}

}  // namespace lastack::wire
