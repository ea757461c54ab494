#include "run/announcement.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

namespace lastack::run {
namespace {

constexpr int kNeighbourBuffer = 4 << 20;  // octets asked for
constexpr int kJoinPatience = 5000;        // ms

}  // namespace

void ask_for_room(int socket) {
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kNeighbourBuffer, sizeof kNeighbourBuffer);
}

OwnedFd neighbour_socket() {
  OwnedFd made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ask_for_room(made.get());
  return made;
}

std::expected<UnixAddress, int> UnixAddress::at(const std::string& path) {
  UnixAddress address;
  if (path.size() >= sizeof address.octets.sun_path) return std::unexpected(ENAMETOOLONG);
  address.octets.sun_family = AF_UNIX;
  std::memcpy(address.octets.sun_path, path.data(), path.size());
  return address;
}

std::expected<OwnedFd, int> connected_to(const std::string& path) {
  const auto address = UnixAddress::at(path);
  if (!address) return std::unexpected(address.error());
  OwnedFd socket = neighbour_socket();
  if (!socket || ::connect(socket.get(), address->generic(), sizeof address->octets) != 0) {
    return std::unexpected(errno);
  }
  return socket;
}

std::string text_in(std::span<const std::byte> octets) {
  std::string text(octets.size(), '\0');
  std::ranges::transform(octets, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

std::string Announcement::text() const {
  std::string all;
  for (const auto& address : yours) all += "yours " + address.to_string() + "\n";
  for (const auto& address : addresses) all += "address " + address.to_string() + "\n";
  for (const HostName& one : names) {
    if (one.address.is_loopback()) continue;  // everybody has one of his own
    all += "name " + one.address.to_string() + " " + one.name + "\n";
  }
  if (one_by_one) all += "one-by-one\n";
  if (!refusal.empty()) all += "no " + refusal + "\n";
  return all;
}

Announcement Announcement::read(const std::string& text) {
  Announcement read;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string what;
    std::string word;
    std::string name;
    words >> what >> word;
    if (what == "no") read.refusal = line.substr(std::min(line.size(), what.size() + 1));
    read.one_by_one |= what == "one-by-one";
    const auto address = wire::IpAddress::parse(word);
    if (!address) continue;
    if (what == "yours") read.yours.push_back(*address);
    if (what == "address") read.addresses.push_back(*address);
    if (what == "name" && words >> name) read.names.push_back({name, *address});
  }
  return read;
}

std::expected<Joined, int> join(const std::string& path, const Announcement& own) {
  auto socket = connected_to(path);
  if (!socket) return std::unexpected(socket.error());
  const std::string hello = static_cast<char>(kTextMessage) + own.text();
  if (::send(socket->get(), hello.data(), hello.size(), kMessageFlags) < 0)
    return std::unexpected(errno);
  pollfd asked{.fd = socket->get(), .events = POLLIN, .revents = 0};
  if (::poll(&asked, 1, kJoinPatience) != 1) return std::unexpected(ETIMEDOUT);
  std::vector<std::byte> answer(kLargestMessage);
  const ssize_t n = ::recv(socket->get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (n <= 0 || answer[0] != kTextMessage) return std::unexpected(n < 0 ? errno : ECONNRESET);
  const auto told = std::span(answer).first(static_cast<std::size_t>(n)).subspan(1);
  return Joined{std::move(*socket), Announcement::read(text_in(told))};
}

}  // namespace lastack::run
