// A small HTTP/1.1 server for files: GET and HEAD, persistent connections, nothing else.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "cli/services.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kLongestRequest = 16384;
constexpr std::size_t kFilePart = 65536;

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
      return c >= '0' && c <= '9'                 ? c - '0'
             : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                  : -1;
    };
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// The value of a header of `request`, all of which is in lower case; empty where there is none.
std::string_view header(std::string_view request, std::string_view name) {
  const std::size_t at = request.find("\r\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  const std::string_view value = request.substr(at + name.size() + 3);
  return value.substr(0, value.find("\r\n"));
}

class Http : public Session {
 public:
  explicit Http(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http() override { end_file(); }

  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    for (;;) {
      if (!send_pending(sockets, fd, now)) return alive_;
      if (last_) return false;
      if (next_request()) continue;
      std::array<std::byte, 4096> octets{};
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return false;
      for (std::size_t i = 0; i < *n; ++i) request_ += static_cast<char>(octets[i]);
    }
  }

 private:
  /// Sends head and file. False where that has to wait, or the connection has ended (`alive_`).
  bool send_pending(socket::Sockets& sockets, socket::Fd fd, TimePoint now) {
    while (!head_.empty() || file_ >= 0) {
      if (head_.empty() && !read_chunk()) {
        if (left_ == 0) continue;
        // The file has become shorter. A FIN would say that this was all of it.
        (void)sockets.set_linger_zero(fd, true);
        alive_ = false;
        return false;
      }
      const auto n = sockets.send(fd, std::as_bytes(std::span(head_)), now);
      if (!n) {
        alive_ = n.error() == socket::Errno::eagain;
        return false;
      }
      head_.erase(0, *n);
    }
    return true;
  }

  /// The next octets of the file into `head_`, as many as were announced; false where there are no
  /// more.
  bool read_chunk() {
    head_.resize(std::min<std::uint64_t>(kFilePart, left_));
    const ssize_t n = ::read(file_, head_.data(), head_.size());
    head_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    left_ -= head_.size();
    if (!head_.empty()) return true;
    end_file();
    return false;
  }

  void end_file() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

  bool next_request() {
    const std::size_t end = request_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (request_.size() < kLongestRequest) return false;
      answer("431 Request Header Fields Too Large", false);
      return true;
    }
    const std::string request = request_.substr(0, end + 2);
    request_.erase(0, end + 4);
    handle(request);
    return true;
  }

  void handle(const std::string& request) {
    const std::string line = request.substr(0, request.find("\r\n"));
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      return answer("400 Bad Request", false);
    }
    const std::string method = line.substr(0, first);
    if (method != "GET" && method != "HEAD") return answer("501 Not Implemented", false);
    std::string lower = request;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    // A body would be taken for the next request: whoever sends one gets one answer.
    const bool body =
        !header(lower, "content-length").empty() || !header(lower, "transfer-encoding").empty();
    const bool close = header(lower, "connection").find("close") != std::string_view::npos;
    last_ = close || body || line.ends_with("HTTP/1.0");
    const std::string target = line.substr(first + 1, second - first - 1);
    serve(target.substr(0, target.find('?')), method == "HEAD");
  }

  void serve(const std::string& target, bool head_only) {
    const auto path = decoded(target);
    if (!path || !path->starts_with('/') || path->find('\0') != std::string::npos) {
      return answer("400 Bad Request", head_only);
    }
    // However many slashes there are in front: never a path of its own.
    const auto relative = std::filesystem::path(*path).relative_path().lexically_normal();
    if (!relative.empty() && *relative.begin() == "..") return answer("403 Forbidden", head_only);
    auto full = folder_ / relative;
    std::error_code error;
    if (std::filesystem::is_directory(full, error)) full /= "index.html";
    const int file = ::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && (errno == EMFILE || errno == ENFILE)) {
      return answer("503 Service Unavailable", head_only);
    }
    struct stat status{};
    if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
      if (file >= 0) ::close(file);
      return answer("404 Not Found", head_only);
    }
    head_ = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n", status.st_size,
                        last_ ? "Connection: close\r\n" : "");
    if (head_only) {
      ::close(file);
    } else {
      file_ = file;
      left_ = static_cast<std::uint64_t>(status.st_size);
    }
  }

  /// An answer that is no file. Where what comes next can't be known, it is the last one.
  void answer(std::string_view status, bool head_only) {
    last_ = last_ || status.starts_with("400") || status.starts_with("431") ||
            status.starts_with("501");
    const std::string body = fmt::format("{}\n", status);
    head_ = fmt::format("HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{}\r\n{}",
                        status, body.size(), last_ ? "Connection: close\r\n" : "",
                        head_only ? "" : body);
  }

  std::filesystem::path folder_;
  std::string request_;     ///< what has come of the next request
  std::string head_;        ///< to be sent before anything else
  int file_ = -1;           ///< to be sent after that
  std::uint64_t left_ = 0;  ///< octets of it
  bool last_ = false;
  bool alive_ = true;
};

}  // namespace

std::unique_ptr<Session> make_http_session(const std::string& folder) {
  return std::make_unique<Http>(folder);
}

}  // namespace lastack::cli
