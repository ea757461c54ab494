#include "control/control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "lastack/version.hpp"

namespace lastack::control {
namespace {

constexpr std::size_t kLongestLine = 65536;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

void send_line(int descriptor, const nlohmann::json& json) {
  const std::string line = json.dump() + "\n";
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t n = ::send(descriptor, line.data() + at, line.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

std::optional<std::string> read_line(int descriptor, std::string& rest) {
  for (;;) {
    if (const auto end = rest.find('\n'); end != std::string::npos) {
      std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      return line;
    }
    std::array<char, 65536> octets{};
    const ssize_t n = ::read(descriptor, octets.data(), octets.size());
    if (n <= 0) return std::nullopt;
    rest.append(octets.data(), static_cast<std::size_t>(n));
  }
}

std::optional<nlohmann::json> ask_one(const std::string& path, const nlohmann::json& request) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_un address = address_of(path);
  std::optional<nlohmann::json> answer;
  if (::connect(fd, generic(address), sizeof address) == 0) {
    std::string rest;
    const auto greeting = read_line(fd, rest);
    if (greeting &&
        nlohmann::json::parse(*greeting, nullptr, false).value("protocol", 0) == kProtocol) {
      send_line(fd, request);
      if (const auto line = read_line(fd, rest))
        answer = nlohmann::json::parse(*line, nullptr, false);
    }
  }
  ::close(fd);
  return answer;
}

}  // namespace

std::string socket_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') return std::string(runtime) + "/lastack";
  return "/run/lastack";
}

Server::Server(io::EventLoop& loop, Answer answer) : loop_(loop), answer_(std::move(answer)) {
  std::error_code error;
  std::filesystem::create_directories(socket_folder(), error);
  path_ = socket_folder() + "/" + std::to_string(::getpid()) + ".sock";
  ::unlink(path_.c_str());
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un address = address_of(path_);
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(descriptor_, generic(address), sizeof address) == 0;
  ::umask(mask);
  if (!bound || ::listen(descriptor_, 16) != 0) {
    why_ = path_ + ": " + std::strerror(errno);
    ::close(descriptor_);
    descriptor_ = -1;
    return;
  }
  loop_.add(descriptor_, [this] { accept_one(); });
}

Server::~Server() {
  for (const auto& [client, text] : clients_) {
    loop_.remove(client);
    ::close(client);
  }
  if (descriptor_ < 0) return;
  loop_.remove(descriptor_);
  ::close(descriptor_);
  ::unlink(path_.c_str());
}

void Server::accept_one() {
  const int client = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const timeval patience{1, 0};  // one who asks and does not read must not hold the host up
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  clients_[client] = "";
  send_line(client, {{"lastack", version()}, {"protocol", kProtocol}, {"pid", ::getpid()}});
  loop_.add(client, [this, client] { read_from(client); });
}

void Server::read_from(int client) {
  std::array<char, 4096> octets{};
  const ssize_t n = ::recv(client, octets.data(), octets.size(), MSG_DONTWAIT);
  std::string& text = clients_[client];
  if (n > 0) text.append(octets.data(), static_cast<std::size_t>(n));
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    const auto request = nlohmann::json::parse(text.substr(0, end), nullptr, false);
    text.erase(0, end + 1);
    send_line(client, request.is_object() ? answer_(request)
                                          : nlohmann::json{{"error", "not a JSON object"}});
  }
  if (n > 0 && text.size() < kLongestLine) return;
  loop_.remove(client);
  clients_.erase(client);
  ::close(client);
}

std::vector<Reply> ask(int pid, const nlohmann::json& request) {
  std::vector<Reply> replies;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(socket_folder(), error)) {
    if (entry.path().extension() != ".sock") continue;
    const int owner = std::atoi(entry.path().stem().c_str());
    if (owner == 0 || (pid != 0 && pid != owner)) continue;
    if (auto answer = ask_one(entry.path(), request))
      replies.push_back({owner, std::move(*answer)});
  }
  return replies;
}

}  // namespace lastack::control
