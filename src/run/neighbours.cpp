#include "run/neighbours.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ranges>
#include <utility>

#include "link/destination.hpp"
#include "wire/ip.hpp"

namespace lastack::run {
namespace {

constexpr std::size_t kAtOnce = 16;              // packets
constexpr std::size_t kMostRounds = 32;          // before others have their turn
constexpr std::size_t kMostWaiting = 8U << 20U;  // octets for one neighbour

/// An address whose last number, as it is written, is one more.
std::optional<wire::IpAddress> next_after(const wire::IpAddress& address, unsigned step) {
  constexpr unsigned kMost = 254;
  const std::string text = address.to_string();
  const std::size_t at = text.find_last_of(".:") + 1;
  const unsigned long number = std::strtoul(text.c_str() + at, nullptr, 10) + step;
  if (number > kMost) return std::nullopt;
  return wire::IpAddress::parse(text.substr(0, at) + std::to_string(number));
}

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

// --- who there is

Neighbours::Neighbours(link::Link& far, io::EventLoop& loop, Names& names, Announcement own,
                       bool receives)
    : Wrapper(far),
      loop_(&loop),
      names_(&names),
      own_(std::move(own)),
      receives_(receives),
      scratch_(kAtOnce * kLargestMessage) {
  news();
  loop_->add(edges_.descriptor(), [this] { look(); });
}

Neighbours::~Neighbours() {
  loop_->remove(edges_.descriptor());
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::expected<void, int> Neighbours::open(const std::string& path) {
  if (connected_to(path)) return std::unexpected(EADDRINUSE);
  const auto address = UnixAddress::at(path);
  if (!address) return std::unexpected(address.error());
  ::unlink(path.c_str());  // of one that was killed
  listener_ = neighbour_socket();
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(listener_.get(), address->generic(), sizeof(sockaddr_un)) == 0;
  const int error = errno;
  ::umask(mask);
  if (!bound) return std::unexpected(error);
  path_ = path;
  if (::listen(listener_.get(), SOMAXCONN) != 0) return std::unexpected(errno);
  edges_.add(listener_.get(), kListener, EPOLLIN);
  return {};
}

void Neighbours::take_in(Joined joined) {
  const int socket = joined.socket.get();
  const bool told = !joined.told.addresses.empty();
  const Id id = next_id_++;
  neighbours_.emplace(
      id, Neighbour{
              .socket = std::move(joined.socket), .told = std::move(joined.told), .joined = told});
  edges_.add(socket, id, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  news();
}

void Neighbours::accept() {
  for (;;) {
    OwnedFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    ask_for_room(socket.get());
    take_in({std::move(socket), {}});
  }
}

Neighbours::Neighbour* Neighbours::at(const wire::IpAddress& address) {
  for (Neighbour& one : neighbours_ | std::views::values) {
    if (std::ranges::find(one.told.addresses, address) != one.told.addresses.end()) return &one;
  }
  return nullptr;
}

bool Neighbours::has(const wire::IpAddress& address) const {
  return const_cast<Neighbours*>(this)->at(address) != nullptr;
}

void Neighbours::news() {
  names_->hosts = own_.names;
  for (const Neighbour& one : neighbours_ | std::views::values) {
    append(names_->hosts, one.told.names);
  }
  if (on_news) on_news();
}

bool Neighbours::want_one_by_one() const {
  return std::ranges::any_of(neighbours_ | std::views::values,
                             [](const Neighbour& one) { return one.told.one_by_one; });
}

Announcement Neighbours::all_but(Id id) const {
  Announcement all = own_;
  all.yours.clear();
  for (const auto& [other, neighbour] : neighbours_) {
    if (other == id) continue;
    append(all.addresses, neighbour.told.addresses);
    append(all.names, neighbour.told.names);
    all.one_by_one |= neighbour.told.one_by_one;
  }
  return all;
}

/// Those that have joined us; the one that we joined tells others itself.
void Neighbours::tell_all_but(Id id) {
  for (auto& [other, neighbour] : neighbours_) {
    const bool welcomed = !neighbour.joined && !neighbour.told.addresses.empty();
    if (other != id && welcomed) tell(neighbour, all_but(other));
  }
}

/// Addresses for one that joins: the first that are free behind ours.
Announcement Neighbours::welcome(const Announcement& theirs) const {
  Announcement answer;
  const auto taken = [this](const wire::IpAddress& address) {
    const auto& ours = own_.addresses;
    return has(address) || std::ranges::find(ours, address) != ours.end();
  };
  for (const wire::IpAddress& wanted : theirs.addresses) {
    if (taken(wanted)) {
      answer.refusal = wanted.to_string() + " is another's already";
      return answer;
    }
  }
  constexpr unsigned kMost = 254;
  for (unsigned step = 1; step <= kMost && answer.yours.empty(); ++step) {
    std::vector<wire::IpAddress> free;
    for (const wire::IpAddress& first : own_.yours) {
      const auto address = next_after(first, step);
      if (address && !taken(*address)) free.push_back(*address);
    }
    if (free.size() == own_.yours.size()) answer.yours = std::move(free);
  }
  if (answer.yours.empty()) answer.refusal = "it has no address left";
  return answer;
}

void Neighbours::announced(Id id, const std::string& text) {
  Neighbour& from = neighbours_.at(id);
  const bool first = !from.joined && from.told.addresses.empty();
  Announcement theirs = Announcement::read(text);
  if (first) {
    Announcement answer = welcome(theirs);
    const Announcement others = all_but(id);
    answer.addresses = others.addresses;
    answer.names = others.names;
    answer.one_by_one = others.one_by_one;
    append(theirs.addresses, answer.yours);
    for (HostName& name : theirs.names) {  // those of the run itself have none yet
      if (!name.address.is_unspecified()) continue;
      const auto& yours = answer.yours;
      const auto like = [&](const auto& a) { return a.family() == name.address.family(); };
      if (const auto found = std::ranges::find_if(yours, like); found != yours.end()) {
        name.address = *found;
      }
    }
    tell(from, answer);
    if (!answer.refusal.empty()) return;  // it goes by itself
  }
  std::vector<wire::IpAddress> gone;
  for (const wire::IpAddress& address : from.told.addresses) {
    if (std::ranges::find(theirs.addresses, address) == theirs.addresses.end()) {
      gone.push_back(address);
    }
  }
  from.told = std::move(theirs);
  news();
  if (on_gone && !gone.empty()) on_gone(gone, false);
  if (!from.joined) tell_all_but(id);
}

void Neighbours::forget_gone() {
  for (auto one = neighbours_.begin(); one != neighbours_.end();) {
    if (!one->second.gone) {
      ++one;
      continue;
    }
    const Neighbour gone = std::move(one->second);
    const Id id = one->first;
    one = neighbours_.erase(one);
    news();
    tell_all_but(id);
    if (on_gone) on_gone(gone.told.addresses, gone.joined);
  }
}

// --- packets

void Neighbours::put(Neighbour& to, const Slice& packet) {
  if (to.octets + packet.size() > kMostWaiting && !to.out.empty()) return;  // as a router would
  to.octets += packet.size();
  to.out.push_back({kPacketMessage, packet});
}

void Neighbours::tell(Neighbour& to, const Announcement& what) {
  const std::string text = what.text();
  to.octets += text.size();
  to.out.push_back({kTextMessage, Slice::copy_of(std::as_bytes(std::span(text)))});
}

void Neighbours::send_out(Neighbour& to) {
  while (!to.out.empty() && !to.blocked && !to.gone) {
    std::array<mmsghdr, kAtOnce> messages{};
    std::array<std::array<iovec, 2>, kAtOnce> pieces{};
    const std::size_t count = std::min(kAtOnce, to.out.size());
    for (std::size_t i = 0; i < count; ++i) {
      Message& message = to.out[i];
      const auto octets = message.octets.bytes();
      auto* const read_only = const_cast<std::byte*>(octets.data());  // NOLINT: only read
      pieces[i] = {iovec{&message.kind, 1}, iovec{read_only, octets.size()}};
      messages[i].msg_hdr.msg_iov = pieces[i].data();
      messages[i].msg_hdr.msg_iovlen = pieces[i].size();
    }
    const int sent =
        ::sendmmsg(to.socket.get(), messages.data(), static_cast<unsigned>(count), kMessageFlags);
    if (sent < 0) {
      to.blocked = errno == EAGAIN;
      to.gone = !to.blocked;
      return;
    }
    for (int i = 0; i < sent; ++i) {
      carried_ += to.out.front().octets.size();
      to.octets -= to.out.front().octets.size();
      to.out.pop_front();
    }
  }
}

void Neighbours::heard(Id id, std::span<const std::byte> message, TimePoint now) {
  if (message.empty()) return;
  const auto rest = message.subspan(1);
  if (message[0] == kTextMessage) return announced(id, text_in(rest));
  if (message[0] != kPacketMessage) return;
  carried_ += rest.size();
  const auto to = link::destination_of(rest);
  Neighbour* const other = to ? at(*to) : nullptr;
  Slice packet = Slice::copy_of(rest);
  if (other != nullptr && !other->joined) return put(*other, packet);
  inner().pass_on({.octets = std::move(packet), .at = now}, now);
}

void Neighbours::take(Id id, TimePoint now) {
  for (std::size_t round = 0; round < kMostRounds; ++round) {
    std::array<mmsghdr, kAtOnce> messages{};
    std::array<iovec, kAtOnce> pieces{};
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      pieces[i] = {scratch_.data() + i * kLargestMessage, kLargestMessage};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    Neighbour& from = neighbours_.at(id);
    const int n = ::recvmmsg(from.socket.get(), messages.data(), kAtOnce, MSG_DONTWAIT, nullptr);
    if (n < 0) {
      from.readable = false;
      from.gone |= errno != EAGAIN;
      return;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      if (messages[i].msg_len == 0) {  // its end: nothing that is sent is empty
        from.gone = true;
        return;
      }
      heard(id, std::span(scratch_).subspan(i * kLargestMessage, messages[i].msg_len), now);
    }
  }
}

void Neighbours::look() {
  edges_.each([this](Id id, std::uint32_t events) {
    if (id == kListener) return accept();
    const auto found = neighbours_.find(id);
    if (found == neighbours_.end()) return;
    if ((events & EPOLLOUT) != 0) found->second.blocked = false;
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0) found->second.readable = true;
  });
}

/// What comes out at the far end is a neighbour's, or for who receives here.
void Neighbours::sort(TimePoint now) {
  batch_.clear();
  inner().receive(batch_, now);
  for (link::Packet& packet : batch_) {
    const auto to = link::destination_of(packet.octets.bytes());
    if (Neighbour* const one = to ? at(*to) : nullptr) {
      put(*one, packet.octets);
    } else if (receives_) {
      passing_.push_back(std::move(packet));
    }
  }
  batch_.clear();
  for (Neighbour& one : neighbours_ | std::views::values) send_out(one);
}

void Neighbours::turn(TimePoint now) {
  inner().advance(now);
  std::vector<Id> readable;
  for (const auto& [id, one] : neighbours_) {
    if (one.readable && !one.gone) readable.push_back(id);
  }
  for (const Id id : readable) take(id, now);
  sort(now);
  forget_gone();
}

std::size_t Neighbours::receive(std::vector<link::Packet>& into, TimePoint now) {
  sort(now);
  const std::size_t count = passing_.size();
  std::ranges::move(passing_, std::back_inserter(into));
  passing_.clear();
  return count;
}

bool Neighbours::has_to_send() const {
  return std::ranges::any_of(neighbours_ | std::views::values,
                             [](const Neighbour& one) { return !one.out.empty(); });
}

TimePoint Neighbours::next_deadline() const {
  const bool due = !passing_.empty() ||
                   std::ranges::any_of(neighbours_ | std::views::values, [](const Neighbour& one) {
                     return one.gone || one.readable || (!one.out.empty() && !one.blocked);
                   });
  return due ? TimePoint{} : inner().next_deadline();
}

}  // namespace lastack::run
