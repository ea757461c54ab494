// What runs of one network tell each other, and the sockets of the machine between them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "run/descriptor.hpp"
#include "run/names.hpp"
#include "wire/ip.hpp"

namespace lastack::run {

/// What passes between two of them is one of these, by its first octet.
inline constexpr std::byte kPacketMessage{'p'};
inline constexpr std::byte kTextMessage{'t'};
inline constexpr std::size_t kLargestMessage = wire::kMostPacket + 64;
inline constexpr int kMessageFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

/// What one run tells another, as lines of text: whoever can be reached there.
struct Announcement {
  std::vector<wire::IpAddress> yours;  ///< of who is told: handed out
  std::vector<wire::IpAddress> addresses;
  std::vector<HostName> names;
  bool one_by_one = false;  ///< somebody there has a bad wire: no packet is to be several in one
  std::string refusal;      ///< why not

  [[nodiscard]] std::string text() const;
  [[nodiscard]] static Announcement read(const std::string& text);
};

/// A run that was joined.
struct Joined {
  OwnedFd socket;
  Announcement told;
};
/// Joins the one whose socket is at `path`, and waits until it has answered. errno where nobody
/// does.
[[nodiscard]] std::expected<Joined, int> join(const std::string& path, const Announcement& own);

/// The name of a socket in the file system.
struct UnixAddress {
  sockaddr_un octets{};
  /// ENAMETOOLONG.
  [[nodiscard]] static std::expected<UnixAddress, int> at(const std::string& path);
  [[nodiscard]] const sockaddr* generic() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&octets));
  }
};
[[nodiscard]] OwnedFd neighbour_socket();
/// Asks for as large a buffer as there may be.
void ask_for_room(int socket);
/// One that is connected to `path`, or errno.
[[nodiscard]] std::expected<OwnedFd, int> connected_to(const std::string& path);
[[nodiscard]] std::string text_in(std::span<const std::byte> octets);

}  // namespace lastack::run
