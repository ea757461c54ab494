#include "cli/http_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <vector>

namespace lastack::cli {
namespace {

struct HttpField {
  std::string name;  ///< in lower case
  std::string_view value;
};

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const char lower = static_cast<char>(c | 32);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// The parts between commas, without the white space around them.
std::vector<std::string_view> list_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma == text.size()) return parts;
    text.remove_prefix(comma + 1);
  }
}

/// "%20" and the like; nothing where it is malformed.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto digit = [](char c) {
      return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    };
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// The lines after the first; nothing where one is no field (RFC 9112 §5: a space before the colon
/// and a line that goes on with the last one's value among them).
std::optional<std::vector<HttpField>> fields_of(std::string_view lines) {
  std::vector<HttpField> fields;
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
    const std::string_view value = trimmed(line.substr(colon + 1));
    constexpr std::string_view kNever("\0\r\n", 3);
    if (value.find_first_of(kNever) != std::string_view::npos) return std::nullopt;
    fields.push_back({in_lower_case(line.substr(0, colon)), value});
    lines.remove_prefix(end + 2);
  }
  return fields;
}

std::string_view value_of_field(std::span<const HttpField> fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &HttpField::name);
  return found == fields.end() ? std::string_view() : found->value;
}

/// A word of Connection, in any of its lines.
bool says_connection(std::span<const HttpField> fields, std::string_view word) {
  return std::ranges::any_of(fields, [word](const HttpField& field) {
    return field.name == "connection" && std::ranges::any_of(list_of(field.value), [&](auto part) {
             return in_lower_case(part) == word;
           });
  });
}

/// A body would be taken for the next request: whoever sends one gets one answer.
bool has_body(std::span<const HttpField> fields) {
  return std::ranges::any_of(fields, [](const HttpField& field) {
    return field.name == "transfer-encoding" ||
           (field.name == "content-length" && field.value != "0");
  });
}

/// The minor version, or why there is none to work with (RFC 9112 §2.3).
std::expected<int, HttpStatus> minor_version(std::string_view text) {
  const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                           text[6] == '.' && is_digit(text[7]);
  if (!well_formed) return std::unexpected(HttpStatus::bad_request);
  if (text[5] != '1') return std::unexpected(HttpStatus::version_not_supported);
  return text[7] - '0';
}

/// Known methods that this server has not are 405, others 501 (RFC 9110 §9.1).
HttpStatus refusal_of_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> kKnown{"POST",  "PUT",     "DELETE", "PATCH",
                                                   "TRACE", "OPTIONS", "CONNECT"};
  const bool known = std::ranges::find(kKnown, method) != kKnown.end();
  return known ? HttpStatus::method_not_allowed : HttpStatus::not_implemented;
}

/// The path of a target in origin or absolute form (RFC 9112 §3.2), decoded.
std::optional<std::string> path_of_target(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (in_lower_case(target.substr(0, kScheme.size())) == kScheme) {
    target.remove_prefix(kScheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (!target.starts_with('/')) target = "/";
  }
  const auto path = decoded(target.substr(0, target.find('?')));
  const bool good = path && path->starts_with('/') && path->find('\0') == std::string::npos;
  return good ? path : std::nullopt;
}

std::optional<std::uint64_t> octet_number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc{} ? value : UINT64_MAX;  // more than there can be
}

}  // namespace

std::string to_string(HttpStatus status) {
  std::string number = std::to_string(static_cast<unsigned>(status)) + " ";
  switch (status) {
    case HttpStatus::ok: return number + "OK";
    case HttpStatus::partial_content: return number + "Partial Content";
    case HttpStatus::moved_permanently: return number + "Moved Permanently";
    case HttpStatus::bad_request: return number + "Bad Request";
    case HttpStatus::forbidden: return number + "Forbidden";
    case HttpStatus::not_found: return number + "Not Found";
    case HttpStatus::method_not_allowed: return number + "Method Not Allowed";
    case HttpStatus::uri_too_long: return number + "URI Too Long";
    case HttpStatus::range_not_satisfiable: return number + "Range Not Satisfiable";
    case HttpStatus::header_too_large: return number + "Request Header Fields Too Large";
    case HttpStatus::not_implemented: return number + "Not Implemented";
    case HttpStatus::unavailable: return number + "Service Unavailable";
    case HttpStatus::version_not_supported: return number + "HTTP Version Not Supported";
  }
  return number;
}

std::expected<HttpRequest, HttpFault> parse_http_request(std::string_view head) {
  const std::size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || first == second) return std::unexpected(HttpFault{});
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  HttpRequest request{.head_only = method == "HEAD", .last = false, .path = {}, .range = {}};
  const auto fault = [&request](HttpStatus status) {
    return std::unexpected(HttpFault{status, request.head_only});
  };
  if (!is_token(method) || target.empty() || target.find(' ') != std::string_view::npos) {
    return fault(HttpStatus::bad_request);
  }
  const auto minor = minor_version(line.substr(second + 1));
  if (!minor) return fault(minor.error());
  const auto fields = fields_of(head.substr(end + 2));
  if (!fields) return fault(HttpStatus::bad_request);
  const auto hosts = std::ranges::count(*fields, "host", &HttpField::name);
  if (hosts > 1 || (hosts == 0 && *minor > 0)) return fault(HttpStatus::bad_request);
  if (method != "GET" && method != "HEAD") return fault(refusal_of_method(method));
  const auto path = path_of_target(target);
  if (!path) return fault(HttpStatus::bad_request);
  request.path = *path;
  request.last = *minor == 0 || has_body(*fields) || says_connection(*fields, "close");
  // Without validators no representation is known to be the same one (RFC 9110 §14.2).
  const bool conditional = !value_of_field(*fields, "if-range").empty();
  if (!conditional && !request.head_only) request.range = value_of_field(*fields, "range");
  return request;
}

std::expected<std::optional<ByteRange>, HttpStatus> range_of_field(std::string_view field,
                                                                   std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (in_lower_case(field.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  field = trimmed(field.substr(kUnit.size()));
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos || field.find(',') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto from = octet_number(field.substr(0, dash));
  const auto to = octet_number(field.substr(dash + 1));
  const bool open_end = dash + 1 == field.size();
  if (dash == 0) {  // the last so many
    if (!to) return std::nullopt;
    if (*to == 0) return std::unexpected(HttpStatus::range_not_satisfiable);
    if (size == 0) return std::nullopt;  // all of nothing, which no Content-Range can name
    return ByteRange{size - std::min(*to, size), size - 1};
  }
  if (!from || (!to && !open_end) || (to && *to < *from)) return std::nullopt;
  if (*from >= size) return std::unexpected(HttpStatus::range_not_satisfiable);
  return ByteRange{*from, open_end ? size - 1 : std::min(*to, size - 1)};
}

std::string percent_encoded(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/!$&'()*+,;=:@";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const char lower = static_cast<char>(c | 32);
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 128 && (is_digit(c) || (lower >= 'a' && lower <= 'z') ||
                        kPlain.find(c) != std::string_view::npos)) {
      out += c;
    } else {
      out += '%';
      out += kHex[octet >> 4U];
      out += kHex[octet & 15U];
    }
  }
  return out;
}

}  // namespace lastack::cli
