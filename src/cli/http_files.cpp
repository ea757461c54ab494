#include "cli/http_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

namespace lastack::cli {
namespace {

HttpStatus status_of_errno(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE: return HttpStatus::unavailable;
    case EXDEV:  // it leads out of the folder
    case EACCES:
    case EPERM: return HttpStatus::forbidden;
    default: return HttpStatus::not_found;
  }
}

/// As open(), where no part of `name` leads out of `folder`: the kernel sees to it (Linux 5.6).
int open_beneath(const std::string& folder, const std::string& name) {
  const int root = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -1;
  const open_how how{.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                     .mode = 0,
                     .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  const auto file = static_cast<int>(
      ::syscall(SYS_openat2, root, name.empty() ? "." : name.c_str(), &how, sizeof how));
  const int error = errno;
  ::close(root);
  errno = error;
  return file;
}

/// As text and in the quotes of an attribute.
std::string in_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

/// Names in a folder, a slash behind those of folders.
std::vector<std::string> names_in(int descriptor) {
  std::vector<std::string> names;
  const int own = ::openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = own >= 0 ? ::fdopendir(own) : nullptr;
  if (entries == nullptr) {
    if (own >= 0) ::close(own);
    return names;
  }
  while (const dirent* entry = ::readdir(entries)) {
    std::string name = std::data(entry->d_name);
    if (name == "." || name == "..") continue;
    struct stat status{};
    const bool folder = ::fstatat(own, name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode);
    names.push_back(std::move(name) + (folder ? "/" : ""));
  }
  ::closedir(entries);
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::expected<HttpFile, HttpStatus> open_below(const std::string& folder, std::string_view path) {
  // However many slashes there are in front: never a path of its own.
  const auto relative = std::filesystem::path(path).relative_path().lexically_normal();
  if (!relative.empty() && *relative.begin() == "..") {
    return std::unexpected(HttpStatus::forbidden);
  }
  HttpFile file{.name = relative == "." ? "" : relative.string()};
  file.descriptor = open_beneath(folder, file.name);
  if (file.descriptor < 0) return std::unexpected(status_of_errno(errno));
  struct stat status{};
  const bool known = ::fstat(file.descriptor, &status) == 0;
  file.folder = S_ISDIR(status.st_mode);
  if (!known || (!file.folder && !S_ISREG(status.st_mode))) {
    ::close(file.descriptor);
    return std::unexpected(HttpStatus::not_found);
  }
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.modified = status.st_mtime;
  return file;
}

std::string listing_of(const HttpFile& folder) {
  const std::string title = in_html("/" + folder.name);
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>{0}</title></head>\n<body>\n"
      "<h1>{0}</h1>\n<ul>\n",
      title);
  if (!folder.name.empty()) out += "<li><a href=\"../\">../</a></li>\n";
  for (const std::string& name : names_in(folder.descriptor)) {
    // "./" in front: "a:b" would be an address of its own.
    out += fmt::format("<li><a href=\"./{}\">{}</a></li>\n", in_html(percent_encoded(name)),
                       in_html(name));
  }
  return out + "</ul>\n</body>\n</html>\n";
}

std::string_view content_type_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kTypes{{
      {".html", "text/html; charset=utf-8"},
      {".htm", "text/html; charset=utf-8"},
      {".txt", "text/plain; charset=utf-8"},
      {".md", "text/plain; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".gif", "image/gif"},
      {".pdf", "application/pdf"},
      {".wasm", "application/wasm"},
      {".gz", "application/gzip"},
  }};
  const auto found =
      std::ranges::find_if(kTypes, [name](const auto& type) { return name.ends_with(type.first); });
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

/// By hand: strftime() would speak the locale's language.
std::string http_date(std::time_t time) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace lastack::cli
