// What must hold for sockets of UDP: in every state, and in the end.
#include <string>

#include "explore/datagram_side.hpp"

namespace lastack::explore {

using socket::Fd;

/// Equal sides are equal octets: of the host, and of what it has to be like.
void DatagramSide::encode(Encoder& out) const {
  out.byte(opens_left_);
  out.byte(calls_left_);
  out.byte(octets_left_);
  out.byte(said_);
  out.byte(copies_.size() << 4U | seconds_.size() << 3U | for_second_);
  out.byte(std::uint64_t{model_.has_endpoint} | std::uint64_t{model_.has_port} << 1U |
           std::uint64_t{model_.chosen} << 2U | std::uint64_t{model_.shut_read} << 3U |
           std::uint64_t{model_.shut_write} << 4U | std::uint64_t{model_.corked} << 5U);
  out.byte(static_cast<std::uint64_t>(model_.error));
  const auto end = [&out](const host::Endpoint& e) { out.byte(e.port); };
  const auto waiting = [&](const Waiting& one) {
    end(one.from);
    for (const char octet : one.octets) out.byte(static_cast<std::uint8_t>(octet));
    out.byte(0);
  };
  end(model_.peer.value_or(host::Endpoint{}));
  out.byte(model_.begun ? 1 : 0);
  if (model_.begun) waiting(*model_.begun);
  for (const Waiting& one : model_.queue) waiting(one);
  host_->udp_endpoints().each([&](const host::UdpEntry& e) {
    out.byte(128U | e.endpoint.waiting());
    out.byte(static_cast<std::uint64_t>(e.endpoint.error()));
    end(e.bound);
    end(e.endpoint.remote());
  });
}

/// Each endpoint is somebody's, its port is taken as long as it is there, and all octets that wait
/// are counted; poll() says what the calls will.
void DatagramSide::check_books() {
  const host::UdpEndpoints& all = host_->udp_endpoints();
  const std::size_t endpoints = (model_.has_endpoint ? 1U : 0U) + seconds_.size();
  if (all.size() != endpoints) wrong("endpoints are counted wrong");
  std::size_t held = 0;
  all.each([&held](const host::UdpEntry& e) { held += e.endpoint.held(); });
  if (all.unread != held) wrong("octets that wait are counted wrong");
  if (all.blocked != 0 || !all.outbox.empty()) wrong("a datagram waits to go out");
  if (host_->events() != 0) wrong("an event is left");
  const auto again = host_->udp_open(place(), {}, now_);
  if (again.has_value() == model_.has_port) wrong("the port is taken by nobody, or free");
  if (again) host_->udp_close(*again);
  if (sockets_.open_sockets() != (copies_.empty() ? 0U : 1U) + seconds_.size()) {
    wrong("open sockets are counted wrong");
  }
  unsigned bits = socket::kPollOut;
  if (model_.shut_read && model_.shut_write) bits |= socket::kPollHup;
  if (model_.shut_read) bits |= socket::kPollIn | socket::kPollRdHup;
  if (!model_.queue.empty()) bits |= socket::kPollIn;
  if (model_.error != Errno::none) bits |= socket::kPollErr;
  for (const Fd fd : copies_) {
    if (sockets_.references(fd) != copies_.size()) wrong("references are counted wrong");
    if (*sockets_.poll(fd) != bits) wrong("poll() has other bits");
  }
}

std::string DatagramSide::wrong_with_answers() {
  if (copies_.empty()) return {};
  const Fd fd = copies_.front();
  const std::uint16_t port = sockets_.local_name(fd)->port;
  if (model_.has_port && port != place().port) return "getsockname() has another port";
  const auto peer = sockets_.peer_name(fd);
  if (peer.has_value() != model_.peer.has_value() || (peer && *peer != *model_.peer)) {
    return "getpeername() has another name";
  }
  const int first = model_.queue.empty() ? 0 : static_cast<int>(model_.queue[0].octets.size());
  if (sockets_.ioctl(fd, socket::kSiocInq) != first) return "SIOCINQ has another length";
  take_error();
  take_error();
  return wrong_;
}

/// Who looks ahead hears the error, too, and takes nothing; then all that waits comes, in order.
std::string DatagramSide::wrong_with_calls() {
  if (copies_.empty()) return {};
  const std::size_t waiting = model_.queue.size();
  receive(socket::kMsgPeek);
  receive(socket::kMsgPeek);
  for (std::size_t i = 0; i <= waiting; ++i) receive(0);
  check_books();
  return wrong_;
}

std::string DatagramSide::left() {
  const host::UdpEndpoints& all = host_->udp_endpoints();
  if (sockets_.open_sockets() != 0) return "an open socket is left";
  if (all.size() != 0) return "an endpoint is left";
  if (all.unread != 0) return "octets are counted as unread";
  if (all.blocked != 0) return "an endpoint waits for room";
  if (host_->events() != 0) return "an event is left";
  if (host_->timers() != 0) return "a timer is left";
  sent_.clear();
  if (host_->pool().in_use() != 0) return "a buffer is left";
  return {};
}

}  // namespace lastack::explore
