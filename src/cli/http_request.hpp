// A request of HTTP/1 as text: its first line and fields (RFC 9112), and the range it asks for
// (RFC 9110 §14).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace lastack::cli {

enum class HttpStatus : std::uint16_t {
  ok = 200,
  partial_content = 206,
  moved_permanently = 301,
  bad_request = 400,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  uri_too_long = 414,
  range_not_satisfiable = 416,
  header_too_large = 431,
  not_implemented = 501,
  unavailable = 503,
  version_not_supported = 505,
};

/// "404 Not Found"
[[nodiscard]] std::string to_string(HttpStatus status);

struct HttpRequest {
  bool head_only = false;  ///< HEAD; GET otherwise
  bool last = false;       ///< nothing can follow it on this connection
  std::string path;        ///< decoded, without the query; begins with a slash
  std::string range;       ///< the Range field; empty where there is none, or where If-Range is
};

/// Of `head`, which ends with the line end of its last line, or why not. The method matters to the
/// answer even then.
struct HttpFault {
  HttpStatus status = HttpStatus::bad_request;
  bool head_only = false;
};
[[nodiscard]] std::expected<HttpRequest, HttpFault> parse_http_request(std::string_view head);

/// Octets first to last of a whole, both included.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// The one range that `field` asks for of `size` octets; nothing where the field is to be ignored:
/// it is none, of another unit, malformed, or names several. An error where no octet is in it.
[[nodiscard]] std::expected<std::optional<ByteRange>, HttpStatus> range_of_field(
    std::string_view field, std::uint64_t size);

/// With what a path can't have in it as "%20".
[[nodiscard]] std::string percent_encoded(std::string_view path);

}  // namespace lastack::cli
