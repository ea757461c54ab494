// Files for an HTTP server: what a path names below a folder, and never anything else.
#pragma once

#include <cstdint>
#include <ctime>
#include <expected>
#include <string>
#include <string_view>

#include "cli/http_request.hpp"

namespace lastack::cli {

/// Of whoever has it: close it.
struct HttpFile {
  int descriptor = -1;
  bool folder = false;
  std::uint64_t size = 0;
  std::time_t modified = 0;
  std::string name;  ///< below the folder, without slashes in front; empty for the folder itself
};

/// The file or folder that `path` names, which begins with a slash. Neither ".." nor a symbolic
/// link leads out of `folder`.
[[nodiscard]] std::expected<HttpFile, HttpStatus> open_below(const std::string& folder,
                                                             std::string_view path);

/// A page of links to all that is in an open folder.
[[nodiscard]] std::string listing_of(const HttpFile& folder);

/// By the ending of its name.
[[nodiscard]] std::string_view content_type_of(std::string_view name);

/// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string http_date(std::time_t time);

}  // namespace lastack::cli
