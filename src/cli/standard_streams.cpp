#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace lastack::cli {

void hold_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);  // the lowest free number
  }
}

// --- input

StandardInput::StandardInput(io::EventLoop& loop) : loop_(&loop) { watch(); }

/// Until there is something: what is ready and not wanted yet must not keep the loop awake.
void StandardInput::watch() {
  if (watched_ || ready_) return;
  watched_ = loop_->add(STDIN_FILENO, [this] {
    loop_->remove(STDIN_FILENO);
    watched_ = false;
    ready_ = true;
  });
  ready_ = !watched_;
}

std::span<const std::byte> StandardInput::next() {
  if (from_ == size_ && ready_ && !ended_) {
    const ssize_t n = ::read(STDIN_FILENO, octets_.data(), octets_.size());
    from_ = 0;
    size_ = n > 0 ? static_cast<std::size_t>(n) : 0;
    ready_ = false;
    ended_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  }
  if (from_ == size_ && !ended_) watch();
  return std::span(octets_).subspan(from_, size_ - from_);
}

void StandardInput::close() {
  if (watched_) loop_->remove(STDIN_FILENO);
  watched_ = false;
  ended_ = true;
  from_ = size_ = 0;
}

// --- output

/// To write without ever waiting, and without a change that other holders of a pipe or terminal
/// would notice: through a description of our own where one can be had.
StandardOutput::StandardOutput(io::EventLoop& loop) : loop_(&loop), descriptor_(STDOUT_FILENO) {
  struct stat status{};
  if (::fstat(STDOUT_FILENO, &status) != 0 || S_ISREG(status.st_mode)) return;
  if (S_ISSOCK(status.st_mode)) {
    kind_ = Kind::socket;
  } else {
    const int own = ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    kind_ = own >= 0 ? Kind::unblocking : Kind::blocking;
    if (own >= 0) descriptor_ = own;
  }
  watch();
}

StandardOutput::~StandardOutput() {
  if (watched_) loop_->remove(descriptor_);
  if (kind_ == Kind::unblocking) ::close(descriptor_);
}

/// For room where something waits, for the end of its reader otherwise.
void StandardOutput::watch() {
  if (watched_) loop_->remove(descriptor_);
  watched_ =
      !gone_ &&
      loop_->add(descriptor_, [this] { look(); }, empty() ? io::Watch::hang_up : io::Watch::output);
}

void StandardOutput::look() {
  pollfd state{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  ::poll(&state, 1, 0);
  if ((state.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0) return;
  gone_ = true;
  waiting_.clear();
  watch();
}

/// Octets written. A blocking descriptor takes so many without waiting where it takes any.
std::size_t StandardOutput::write(std::span<const std::byte> octets) {
  ssize_t n = -1;
  if (kind_ == Kind::socket) {
    n = ::send(descriptor_, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (kind_ == Kind::blocking) {
    pollfd state{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (::poll(&state, 1, 0) == 0) return 0;
    n = ::write(descriptor_, octets.data(), std::min<std::size_t>(octets.size(), PIPE_BUF));
  } else {
    n = ::write(descriptor_, octets.data(), octets.size());
  }
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return 0;
  gone_ = true;
  error_ = errno == EPIPE ? 0 : errno;
  return 0;
}

void StandardOutput::put(std::span<const std::byte> octets) {
  const std::size_t n = write(octets);
  if (gone_ || n == octets.size()) return;
  waiting_.assign(octets.begin() + static_cast<std::ptrdiff_t>(n), octets.end());
  watch();
}

std::size_t StandardOutput::flush() {
  if (empty() || gone_) return 0;
  const std::size_t n = write(waiting_);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
  if (gone_) waiting_.clear();
  if (empty()) watch();
  return n;
}

}  // namespace lastack::cli
