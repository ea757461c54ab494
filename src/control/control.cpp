#include "control/control.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace lastack::control {
namespace {

constexpr std::size_t kMostClients = 16;
constexpr auto kPatience = 5s;  // of one who asks

/// Nothing where the path does not fit: another, shorter one must not be taken for it.
std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

using Json = nlohmann::json;

/// False where not all of it could be sent, though it was waited for the other side as long as
/// `patience` says, which is less afterwards.
bool send_part(int descriptor, std::string_view part, Duration& patience) {
  while (!part.empty()) {
    const ssize_t n = ::send(descriptor, part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      part.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    const auto left = patience / 1ms;
    if (n == 0 || (errno != EAGAIN && errno != EINTR) || left <= 0) return false;
    pollfd wanted{.fd = descriptor, .events = POLLOUT, .revents = 0};
    const TimePoint before = io::monotonic_now();
    ::poll(&wanted, 1, static_cast<int>(left));
    patience -= io::monotonic_now() - before;
  }
  return true;
}

bool send_line(int descriptor, const Said& said, Duration patience) {
  return each_part(said, [descriptor, &patience](std::string_view part) {
    return send_part(descriptor, part, patience);
  });
}

/// The next line that comes; nothing once there is none.
std::optional<std::string> receive_line(int descriptor, Lines& lines) {
  for (;;) {
    if (auto line = lines.next()) return line;
    std::array<char, 65536> octets{};
    const ssize_t n = ::read(descriptor, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;  // it was stopped meanwhile, and goes on: signal(7)
    if (n <= 0) return std::nullopt;
    lines.add({octets.data(), static_cast<std::size_t>(n)});
  }
}

}  // namespace

std::string socket_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') return std::string(runtime) + "/lastack";
  return "/run/lastack";
}

Server::Server(io::EventLoop& loop, Answer answer, Duration patience)
    : loop_(loop), answer_(std::move(answer)), patience_(patience) {
  const std::string folder = socket_folder();
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    why_ = folder + ": " + error.message();
    return;
  }
  path_ = folder + "/" + std::to_string(::getpid()) + ".sock";
  const auto address = address_of(path_);
  if (!address) {
    why_ = path_ + ": the name is too long for a socket";
    return;
  }
  ::unlink(path_.c_str());
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(descriptor_, generic(*address), sizeof *address) == 0;
  ::umask(mask);
  if (!bound || ::listen(descriptor_, kMostClients) != 0) {
    why_ = path_ + ": " + std::strerror(errno);
    if (bound) ::unlink(path_.c_str());
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    return;
  }
  loop_.add(descriptor_, [this] { accept_one(); });
}

Server::~Server() {
  for (const auto& [client, lines] : clients_) {
    loop_.remove(client);
    ::close(client);
  }
  if (descriptor_ < 0) return;
  loop_.remove(descriptor_);
  ::close(descriptor_);
  ::unlink(path_.c_str());
}

void Server::accept_one() {
  const int client = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  if (clients_.size() >= kMostClients || !send_line(client, greeting(::getpid()), {})) {
    ::close(client);
    return;
  }
  clients_[client] = {};
  loop_.add(client, [this, client] { read_from(client); });
}

/// One who asks and does not read must not hold the host up: whoever is too slow is let go.
void Server::read_from(int client) {
  std::array<char, 4096> octets{};
  const ssize_t n = ::read(client, octets.data(), octets.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  Lines& lines = clients_[client];
  if (n > 0) lines.add({octets.data(), static_cast<std::size_t>(n)});
  bool good = n > 0;
  while (good) {
    const auto line = lines.next();
    if (!line) break;
    good = send_line(client, answer_to(*line, answer_), patience_);
  }
  if (good && lines.waiting() <= kLongestRequest) return;
  loop_.remove(client);
  clients_.erase(client);
  ::close(client);
}

std::vector<int> hosts() {
  std::vector<int> pids;
  std::error_code error;
  std::filesystem::directory_iterator files(socket_folder(), error);
  for (const std::filesystem::directory_iterator end; !error && files != end;
       files.increment(error)) {
    const auto& entry = *files;
    if (entry.path().extension() != ".sock") continue;
    if (const int pid = std::atoi(entry.path().stem().c_str()); pid != 0) pids.push_back(pid);
  }
  std::ranges::sort(pids);
  return pids;
}

Client::Client(Client&& other) noexcept
    : pid_(other.pid_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      lines_(std::move(other.lines_)) {}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(lines_, other.lines_);
  return *this;
}

Client::~Client() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<Client> Client::open(int pid) {
  const auto address = address_of(socket_folder() + "/" + std::to_string(pid) + ".sock");
  if (!address) return std::nullopt;
  Client client(pid, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int fd = client.descriptor_;
  const timeval patience{kPatience / 1s, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd, generic(*address), sizeof *address) != 0) return std::nullopt;
  const auto first = receive_line(fd, client.lines_);
  if (!first || !greets(*first)) return std::nullopt;
  return client;
}

std::optional<Json> Client::ask(const Json& request) {
  if (!send_line(descriptor_, request, kPatience)) return std::nullopt;
  const auto line = receive_line(descriptor_, lines_);
  return line ? read_line(*line) : std::nullopt;
}

std::vector<Reply> ask(int pid, const nlohmann::json& request) {
  std::vector<Reply> replies;
  for (const int owner : hosts()) {
    if (pid != 0 && pid != owner) continue;
    auto client = Client::open(owner);
    if (!client) continue;
    if (auto answer = client->ask(request)) replies.push_back({owner, std::move(*answer)});
  }
  return replies;
}

}  // namespace lastack::control
