#include "run/message.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "io/socket_address.hpp"

namespace lastack::run {
namespace {

constexpr std::size_t kMostParts = 1024;     // UIO_MAXIOV
constexpr std::size_t kMostMessages = 1024;  // the same for sendmmsg() and recvmmsg()

std::uint64_t number_of(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

template <typename T>
std::span<const std::byte> octets_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::expected<Message, std::int64_t> message_at(const Caller& caller, std::uint64_t at) {
  const auto header = caller.value<msghdr>(at);
  if (!header) return std::unexpected(-EFAULT);
  if (header->msg_iovlen > kMostParts) return std::unexpected(-EMSGSIZE);
  Message message;
  message.parts.resize(header->msg_iovlen);
  if (!caller.read(number_of(header->msg_iov), std::as_writable_bytes(std::span(message.parts)))) {
    return std::unexpected(-EFAULT);
  }
  message.name = number_of(header->msg_name);
  message.name_size = message.name != 0 ? header->msg_namelen : 0;
  message.header_at = at;
  return message;
}

bool has_one_message(const Call& call) {
  return call.number == __NR_sendmsg || call.number == __NR_recvmsg;
}

}  // namespace

int flags_of(const Call& call) { return call.integer(has_one_message(call) ? 2 : 3); }

std::expected<std::vector<Message>, std::int64_t> messages_of(const Caller& caller,
                                                              const Call& call) {
  const auto& arguments = call.arguments;
  std::vector<Message> all;
  if (call.number == __NR_sendto || call.number == __NR_recvfrom) {
    Message message;
    void* const octets = reinterpret_cast<void*>(arguments[1]);  // NOLINT: another's address
    message.parts.push_back({octets, arguments[2]});
    message.name = arguments[4];
    const bool sends = call.number == __NR_sendto;
    (sends ? message.name_size : message.name_size_at) = arguments[5];
    all.push_back(std::move(message));
    return all;
  }
  const bool one = has_one_message(call);
  const std::size_t count =
      one ? 1 : std::min<std::size_t>(arguments[2] & 0xffffffff, kMostMessages);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = arguments[1] + i * sizeof(mmsghdr);
    auto message = message_at(caller, at);
    if (!message && all.empty()) return std::unexpected(message.error());
    if (!message) break;
    if (!one) message->written_to_at = at + offsetof(mmsghdr, msg_len);
    all.push_back(std::move(*message));
  }
  return all;
}

std::expected<std::vector<std::byte>, std::int64_t> gather(const Caller& caller,
                                                           const Message& message,
                                                           std::size_t most) {
  std::vector<std::byte> all;
  for (const iovec& part : message.parts) {
    const std::size_t before = all.size();
    if (part.iov_len > most - before) return std::unexpected(-EMSGSIZE);
    all.resize(before + part.iov_len);
    if (!caller.read(number_of(part.iov_base), std::span(all).subspan(before))) {
      return std::unexpected(-EFAULT);
    }
  }
  return all;
}

std::int64_t scatter(const Caller& caller, const Message& message,
                     std::span<const std::byte> octets, const host::Endpoint& from, bool inet6,
                     int flags) {
  const auto all = static_cast<std::int64_t>(octets.size());
  std::size_t written = 0;
  for (const iovec& part : message.parts) {
    const auto here = octets.subspan(written, std::min(part.iov_len, octets.size() - written));
    if (!caller.write(number_of(part.iov_base), here)) return -EFAULT;
    written += here.size();
  }
  const bool cut = written < octets.size();
  const auto name = io::socket_address(from, inet6);
  const auto name_octets = octets_of(name.octets);
  std::size_t room = message.name_size;
  if (message.name_size_at != 0) {
    const auto said = caller.value<socklen_t>(message.name_size_at);
    if (!said) return -EFAULT;
    room = *said;
  }
  bool good = message.name == 0 ||
              caller.write(message.name, name_octets.first(std::min<std::size_t>(room, name.size)));
  if (message.name_size_at != 0) good &= caller.write(message.name_size_at, octets_of(name.size));
  if (message.header_at != 0) {
    const socklen_t size = message.name != 0 ? name.size : 0;
    const std::size_t no_control = 0;
    const int told = cut ? MSG_TRUNC : 0;
    good &=
        caller.write(message.header_at + offsetof(msghdr, msg_namelen), octets_of(size)) &&
        caller.write(message.header_at + offsetof(msghdr, msg_controllen), octets_of(no_control)) &&
        caller.write(message.header_at + offsetof(msghdr, msg_flags), octets_of(told));
  }
  if (!good) return -EFAULT;
  return (flags & MSG_TRUNC) != 0 ? all : static_cast<std::int64_t>(written);
}

}  // namespace lastack::run
