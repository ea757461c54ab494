// What sendmsg() and recvmsg() are told by pointers: copied once, and not looked at again.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "run/caller.hpp"
#include "run/notifier.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

/// One message of a call, whichever call it is.
struct Message {
  std::vector<iovec> parts;         ///< in the caller's memory
  std::uint64_t name = 0;           ///< where an address is, or is to be written; 0 for nowhere
  std::uint64_t name_size = 0;      ///< octets of it
  std::uint64_t name_size_at = 0;   ///< recvfrom()'s; 0 for nowhere
  std::uint64_t header_at = 0;      ///< the msghdr; 0 where there is none
  std::uint64_t written_to_at = 0;  ///< mmsghdr's msg_len; 0 where there is none
};

/// What sendto(), sendmsg() and sendmmsg(), or their opposites, are about. -errno.
[[nodiscard]] std::expected<std::vector<Message>, std::int64_t> messages_of(const Caller& caller,
                                                                            const Call& call);
/// The flags of such a call.
[[nodiscard]] int flags_of(const Call& call);

/// The octets to be sent; -EMSGSIZE where there are more than `most`.
[[nodiscard]] std::expected<std::vector<std::byte>, std::int64_t> gather(const Caller& caller,
                                                                         const Message& message,
                                                                         std::size_t most);
/// Writes what was received as far as there is room, from whom and with which flags: what the call
/// returns, or -EFAULT.
[[nodiscard]] std::int64_t scatter(const Caller& caller, const Message& message,
                                   std::span<const std::byte> octets, const host::Endpoint& from,
                                   bool inet6, int flags);

}  // namespace lastack::run
