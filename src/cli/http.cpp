// A small HTTP/1.1 server for files: GET and HEAD, ranges, persistent connections.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "cli/http_files.hpp"
#include "cli/http_request.hpp"
#include "cli/services.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr std::size_t kLongestRequest = 16384;
constexpr std::size_t kFilePart = 65536;
constexpr std::size_t kMostIgnored = 1U << 20U;

class Http : public Session {
 public:
  explicit Http(std::string folder) : folder_(std::move(folder)) {}
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http() override { end_file(); }

  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    for (;;) {
      if (!send_pending(sockets, fd, now)) return alive_;
      if (last_) return linger(sockets, fd, now);
      if (next_request()) continue;
      std::array<std::byte, 4096> octets{};
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return false;
      for (std::size_t i = 0; i < *n; ++i) request_ += static_cast<char>(octets[i]);
    }
  }

 private:
  /// Sends text and file. False where that has to wait, or the connection has ended (`alive_`).
  bool send_pending(socket::Sockets& sockets, socket::Fd fd, TimePoint now) {
    while (!text_.empty() || file_ >= 0) {
      if (text_.empty() && !read_chunk()) {
        if (left_ == 0) continue;
        // The file has become shorter. A FIN would say that this was all of it.
        (void)sockets.set_linger_zero(fd, true);
        alive_ = false;
        return false;
      }
      const auto n = sockets.send(fd, std::as_bytes(std::span(text_)), now);
      if (!n) {
        alive_ = n.error() == socket::Errno::eagain;
        return false;
      }
      text_.erase(0, *n);
    }
    return true;
  }

  /// Our side has ended. To close with octets unread would reset, and cost the peer what it has not
  /// read of the answer (RFC 9112 §9.6): so they are read until its FIN. False: it is over.
  bool linger(socket::Sockets& sockets, socket::Fd fd, TimePoint now) {
    if (!lingers_) (void)sockets.shutdown(fd, socket::kShutWr, now);
    lingers_ = true;
    std::array<std::byte, 4096> octets{};
    while (ignored_ < kMostIgnored) {
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return false;
      ignored_ += *n;
    }
    return false;
  }

  /// The next octets of the file into `text_`, as many as were announced; false where there are no
  /// more.
  bool read_chunk() {
    text_.resize(std::min<std::uint64_t>(kFilePart, left_));
    const ssize_t n = ::read(file_, text_.data(), text_.size());
    text_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    left_ -= text_.size();
    if (!text_.empty()) return true;
    end_file();
    return false;
  }

  void end_file() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

  /// Answers the next request, if all of it is there. An empty line in front of it is none (RFC
  /// 9112 §2.2).
  bool next_request() {
    head_only_ = false;
    while (request_.starts_with("\r\n")) request_.erase(0, 2);
    const std::size_t line = std::min(request_.find("\r\n"), request_.size());
    const std::size_t end = request_.find("\r\n\r\n");
    if (line > kLongestLine) {
      answer(HttpStatus::uri_too_long);
    } else if (std::min(end, request_.size()) > kLongestRequest) {
      answer(HttpStatus::header_too_large);
    } else if (end == std::string::npos) {
      return false;
    } else {
      const std::string head = request_.substr(0, end + 2);
      request_.erase(0, end + 4);
      handle(head);
    }
    return true;
  }

  void handle(const std::string& head) {
    const auto request = parse_http_request(head);
    if (!request) {
      head_only_ = request.error().head_only;
      return answer(request.error().status);
    }
    head_only_ = request->head_only;
    last_ = request->last;
    const auto file = open_below(folder_, request->path);
    if (file && file->folder) return serve_folder(*file, *request);
    if (!file) return answer(file.error());
    serve_file(*file, *request);
  }

  /// Takes the descriptor over, as serve_file() does.
  void serve_folder(const HttpFile& folder, const HttpRequest& request) {
    if (!folder.name.empty() && !folder.name.ends_with('/')) {  // links in it need the slash
      answer(HttpStatus::moved_permanently,
             fmt::format("Location: /{}/\r\n", percent_encoded(folder.name)));
    } else if (const auto index = open_below(folder_, "/" + folder.name + "index.html");
               index && !index->folder) {
      serve_file(*index, request);
    } else {
      if (index) ::close(index->descriptor);
      const std::string body = listing_of(folder);
      begin(HttpStatus::ok, "text/html; charset=utf-8", body.size(), "");
      if (!head_only_) text_ += body;
    }
    ::close(folder.descriptor);
  }

  /// Takes the descriptor over.
  void serve_file(const HttpFile& file, const HttpRequest& request) {
    file_ = file.descriptor;
    const auto range = range_of_field(request.range, file.size);
    if (!range) {
      end_file();
      return answer(range.error(), fmt::format("Content-Range: bytes */{}\r\n", file.size));
    }
    std::string more =
        fmt::format("Last-Modified: {}\r\nAccept-Ranges: bytes\r\n", http_date(file.modified));
    left_ = file.size;
    if (*range) {
      const ByteRange part = **range;
      more += fmt::format("Content-Range: bytes {}-{}/{}\r\n", part.first, part.last, file.size);
      left_ = part.last - part.first + 1;
      (void)::lseek(file_, static_cast<off_t>(part.first), SEEK_SET);
    }
    begin(*range ? HttpStatus::partial_content : HttpStatus::ok, content_type_of(file.name), left_,
          more);
    if (head_only_) end_file();
  }

  /// The head of an answer; its last one where what comes next can't be known.
  void begin(HttpStatus status, std::string_view type, std::uint64_t length,
             std::string_view more) {
    text_ = fmt::format(
        "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}{}"
        "\r\n",
        to_string(status), http_date(::time(nullptr)), type, length, more,
        last_ ? "Connection: close\r\n" : "");
  }

  /// An answer that is no file. After a request that was not understood it is the last one.
  void answer(HttpStatus status, std::string more = {}) {
    switch (status) {
      case HttpStatus::forbidden:
      case HttpStatus::not_found:
      case HttpStatus::moved_permanently:
      case HttpStatus::range_not_satisfiable:
      case HttpStatus::unavailable: break;
      case HttpStatus::method_not_allowed: more += "Allow: GET, HEAD\r\n"; [[fallthrough]];
      default: last_ = true;
    }
    const std::string body = to_string(status) + "\n";
    begin(status, "text/plain", body.size(), more);
    if (!head_only_) text_ += body;
  }

  std::string folder_;
  std::string request_;     ///< what has come of the next request
  std::string text_;        ///< to be sent before anything else
  int file_ = -1;           ///< to be sent after that
  std::uint64_t left_ = 0;  ///< octets of it
  bool head_only_ = false;  ///< the request is HEAD
  bool last_ = false;       ///< no other answer follows
  bool lingers_ = false;
  std::size_t ignored_ = 0;  ///< octets that came after the last answer
  bool alive_ = true;
};

}  // namespace

std::unique_ptr<Session> make_http_session(const std::string& folder) {
  return std::make_unique<Http>(folder);
}

}  // namespace lastack::cli
