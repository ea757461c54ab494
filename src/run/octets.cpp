#include "run/octets.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "host/host.hpp"

namespace lastack::run {

using socket::Errno;

Room::Room(socket::Sockets& sockets, socket::Fd fd) {
  constexpr std::size_t kHead = 128;  // octets: IP's header and TCP's with all options
  constexpr std::size_t kMost = BufferPool::kLarge - kHead;
  const socket::OpenSocket* open = sockets.find(fd);
  const tcp::Connection* connection =
      open != nullptr && open->has_flow() ? sockets.host().connection(open->flow()) : nullptr;
  const std::size_t segment = connection != nullptr ? connection->smss() : 1;
  size_ = segment < kMost ? kMost - kMost % segment : kMost;
  slice_ = Slice::allocate_behind(kHead, size_, &sockets.host().pool());
}

Slice Room::filled(std::size_t octets) && {
  slice_.grow(octets);
  return std::move(slice_);
}

void Backlog::add(Slice octets, bool urgent) {
  octets_ += octets.size();
  waiting_.push_back(Piece{std::move(octets), urgent});
}

socket::Result<void> Backlog::send(socket::Sockets& sockets, socket::Fd fd, TimePoint now) {
  while (!waiting_.empty()) {
    auto& [octets, urgent] = waiting_.front();
    const auto sent =
        urgent ? sockets.send_urgent(fd, octets.bytes(), now) : sockets.send(fd, octets, now);
    if (!sent && sent.error() == Errno::eagain) return {};
    if (!sent) return std::unexpected(sent.error());
    octets_ -= *sent;
    octets.drop_front(*sent);
    if (!octets.empty()) return {};
    (void)waiting_.pop_front();
  }
  return {};
}

void Backlog::clear() {
  waiting_ = {};
  octets_ = 0;
}

std::size_t Readable::octets() const {
  std::size_t all = 0;
  for (const auto& piece : std::span(pieces).first(count)) all += piece.size();
  return all;
}

ssize_t Readable::send_to(int descriptor) const {
  constexpr int kHow = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count == 1) return ::send(descriptor, pieces[0].data(), pieces[0].size(), kHow);
  std::array<iovec, kPieces> parts{};
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {.iov_base = const_cast<std::byte*>(pieces[i].data()), .iov_len = pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  return ::sendmsg(descriptor, &message, kHow);
}

socket::Result<Readable> look(socket::Sockets& sockets, socket::Fd fd, std::span<std::byte> scratch,
                              TimePoint now) {
  Readable readable;
  readable.count = sockets.lend(fd, readable.pieces);
  if (readable.count > 0) return readable;
  const auto octets = sockets.peek(fd, scratch, now);
  if (!octets) return std::unexpected(octets.error());
  readable.pieces[0] = scratch.first(*octets);
  readable.count = *octets > 0 ? 1 : 0;
  return readable;
}

}  // namespace lastack::run
