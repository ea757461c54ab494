// Programs whose sockets are lastack's: their calls answered, their octets carried.
//
// The rare calls come here and act on socket::Sockets; reading, writing and waiting are the
// kernel's, on stand-ins (run/stand_in.hpp). Before a call is answered everything is taken that
// programs have written or closed by then: so what one program did before another asks has
// happened.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "io/event_loop.hpp"
#include "io/socket_address.hpp"
#include "run/errands.hpp"
#include "run/guardian.hpp"
#include "run/guest.hpp"
#include "run/notifier.hpp"
#include "run/undelivered.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

struct Message;

/// The network that the programs have.
struct Network {
  /// Lets happen what happens without time passing: packets that are there arrive.
  std::function<void()> settle;
  /// The same, and what the device has by now arrives, too: where the other end is this machine's
  /// kernel, its answer to what was sent.
  std::function<void()> settle_device;
  /// Whether somebody at that end is of the run.
  std::function<bool(const host::Endpoint&)> within;
  /// Whether datagrams find a way to something beyond. errno where they don't.
  std::function<std::expected<void, int>(const host::Endpoint&)> has_way;
  /// A program's connection to something beyond has begun. errno where it comes to nothing.
  std::function<std::expected<void, int>(const host::Endpoint&)> goes_out;
};

/// A socket of the programs, for views.
struct Shown {
  host::Endpoint local;
  std::optional<host::Endpoint> remote;  ///< nothing where it has no peer
  bool datagrams = false;
  std::vector<Holder> holders;  ///< those that can be seen
};

class Supervisor {
 public:
  /// All of them outlive it.
  Supervisor(socket::Sockets& sockets, io::EventLoop& loop, const Notifier& notifier,
             Ledger& ledger, Errands& errands, Network network);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  /// Hand in every event of the host.
  void on_event(const host::HostEvent& event, TimePoint now);
  /// Calls whose time is over.
  void turn(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  /// Every socket with everybody who has it.
  [[nodiscard]] std::vector<Shown> shown() const;

 private:
  /// What the call returns; nothing where it was answered, or waits.
  using Answer = std::optional<std::int64_t>;
  static constexpr std::size_t kMostReset = 256;  ///< before it is looked who still has them
  static constexpr std::size_t kScratch = std::size_t{256} << 10U;
  static constexpr std::uint64_t kCalls = 0;  ///< no socket's inode
  static constexpr std::uint32_t kNewsOfEnds = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;

  /// One call, with what there is to know of it.
  struct Asked {
    const Call& call;
    const Caller& caller;
    Guest& guest;
    int far;  ///< borrowed
    TimePoint now;
    [[nodiscard]] bool non_blocking() const;
  };

  // supervisor.cpp
  void answer_calls();
  void handle(const Call& call, TimePoint now);
  [[nodiscard]] Answer act_on(const Asked& asked);
  [[nodiscard]] Answer transfer_datagrams(const Asked& asked);
  void note_news(std::uint64_t inode, std::uint32_t events);
  void act_on_due(TimePoint now);
  void act_on_wakes(TimePoint now);
  Guest* find(std::uint64_t inode);
  Guest& take_in(std::unique_ptr<Guest> guest);
  void forget(Guest& guest, TimePoint now);
  void give_answer(const Call& call, std::int64_t value, TimePoint now);
  void tell_connected(const Call& call, TimePoint now);
  void wait(Guest& guest, WaitingCall waiting, socket::Call what, TimePoint now);
  void forget_gone_calls(Guest& guest, TimePoint now);
  void answer_waiting(Guest& guest, TimePoint now,
                      Answer (Supervisor::*answer)(Guest&, WaitingCall&, TimePoint));
  void reset(Guest& guest);
  [[nodiscard]] bool let_go_of(std::uint16_t port, TimePoint now);
  [[nodiscard]] OwnedFd borrow_again(const Guest& guest);
  [[nodiscard]] OwnedFd borrow(Guest& guest);

  // carry.cpp
  void act(Guest& guest, TimePoint now);
  void act_connecting(Guest& guest, TimePoint now);
  void act_listening(Guest& guest, TimePoint now);
  enum class Some : std::uint8_t { none, less, full };  ///< than there was room for
  Some take_some(Guest& guest);
  void take_all(Guest& guest);
  void take_from_program(Guest& guest, TimePoint now);
  [[nodiscard]] bool is_connected(const Guest& guest) const;
  [[nodiscard]] bool has_unread(const Guest& guest) const;
  [[nodiscard]] bool give_urgent(Guest& guest, TimePoint now);
  [[nodiscard]] bool send_left(Guest& guest, TimePoint now);
  void give_to_program(Guest& guest, TimePoint now);
  void has_no_room(Guest& guest);
  void end_reading(Guest& guest);
  void end_writing(Guest& guest, int far);
  void settle(Guest& guest);
  void close(Guest& guest, TimePoint now);

  // opening.cpp
  [[nodiscard]] Answer socket(const Call& call);
  [[nodiscard]] Answer bind(const Asked& asked);
  [[nodiscard]] Answer listen(const Asked& asked);
  [[nodiscard]] Answer connect(const Asked& asked);
  [[nodiscard]] Answer disconnect(const Asked& asked);
  [[nodiscard]] Answer accept(const Asked& asked);
  [[nodiscard]] Answer accept_for(Guest& guest, WaitingCall& waiting, TimePoint now);
  [[nodiscard]] Answer accept_now(Guest& guest, const Call& call, int listeners_far, TimePoint now);
  void show_waiting(Guest& guest, int far);
  [[nodiscard]] std::unique_ptr<Guest> next_child(Guest& guest, OwnedFd& far, bool non_blocking,
                                                  std::int64_t& error, TimePoint now);
  [[nodiscard]] std::expected<StandIn::Pair, int> make_stand_in(bool non_blocking,
                                                                bool datagrams = false);
  [[nodiscard]] OwnedFd renew(const Asked& asked);
  [[nodiscard]] bool is_spent(const Guest& guest) const;
  [[nodiscard]] static bool is_callers_only(const Asked& asked);

  // datagrams.cpp
  void act_datagrams(Guest& guest, TimePoint now);
  void send_datagrams(Guest& guest, TimePoint now);
  static void forget_read(Guest& guest, int far);
  [[nodiscard]] bool may_lend(Guest& guest, std::size_t octets);
  void lend_datagrams(Guest& guest, TimePoint now);
  void keep_error(Guest& guest);
  [[nodiscard]] static socket::Errno tell_error(Guest& guest, int far);
  [[nodiscard]] std::int64_t way_to(const host::Endpoint& end) const;
  [[nodiscard]] bool may_not(const Guest& guest, const host::Endpoint& end) const;
  [[nodiscard]] Answer connect_datagrams(const Asked& asked, const host::Endpoint& remote);
  [[nodiscard]] Answer send_messages(const Asked& asked);
  [[nodiscard]] std::int64_t send_one(const Asked& asked, const Message& message);
  [[nodiscard]] Answer receive_messages(const Asked& asked);
  [[nodiscard]] Answer receive_for(Guest& guest, WaitingCall& waiting, TimePoint now);
  [[nodiscard]] std::int64_t next_datagram(Guest& guest, int far, bool peek, host::Endpoint& from,
                                           TimePoint now);
  [[nodiscard]] Answer shut_datagrams(const Asked& asked, int how);

  // others.cpp
  [[nodiscard]] Answer shutdown(const Asked& asked);
  [[nodiscard]] static std::optional<int> kept_by_stand_in(const Guest& guest, int level, int name);
  [[nodiscard]] Answer set_option(const Asked& asked);
  [[nodiscard]] static Answer set_in_place(const Asked& asked, std::span<const std::byte> value);
  [[nodiscard]] Answer set_low_at(const Asked& asked, std::span<const std::byte> value);
  void limit(Guest& guest, int far, TimePoint now);
  void pass_options_on(Guest& guest, int far, TimePoint now);
  void hear_error_told(const Asked& asked);
  static void hear_error(const Asked& asked);
  [[nodiscard]] Answer get_option(const Asked& asked);
  [[nodiscard]] static Answer tell_option(const Asked& asked, std::span<const std::byte> value);
  [[nodiscard]] Answer name(const Asked& asked);
  [[nodiscard]] Answer ioctl(const Asked& asked);

  // transfers.cpp
  [[nodiscard]] Answer transfer(const Asked& asked);
  [[nodiscard]] Answer why_not_received(const Asked& asked);
  [[nodiscard]] Answer why_not_sent(const Asked& asked);
  [[nodiscard]] Answer send_to(const Asked& asked);
  [[nodiscard]] Answer send_urgent(const Asked& asked);

  // all_octets.cpp
  [[nodiscard]] Answer receive_all(const Asked& asked);
  [[nodiscard]] Answer receive_all_for(Guest& guest, WaitingCall& waiting, TimePoint now);
  [[nodiscard]] bool more_can_come(const Guest& guest) const;

  socket::Sockets* sockets_;
  io::EventLoop* loop_;
  const Notifier* notifier_;
  Ledger* ledger_;
  Errands* errands_;
  Network network_;
  Callers callers_;
  Undelivered undelivered_;
  io::EventLoop::WatcherId ends_ = 0;  ///< who watches all near ends, by inode, and for calls
  bool call_waits_ = false;            ///< or did when that was looked at
  std::unordered_map<std::uint64_t, std::unique_ptr<Guest>> by_inode_;
  std::unordered_map<std::uint32_t, Guest*> by_open_;
  std::deque<std::uint64_t> due_;     ///< inodes of those to look at, in the order of their news
  std::vector<std::uint64_t> timed_;  ///< of those with calls that do not wait for ever
  std::vector<std::uint64_t> reset_;  ///< of those whose stand-in was reset
  std::size_t most_reset_ = kMostReset;
  const Guest* settling_ = nullptr;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(kScratch);
};

/// Whether an urgent octet lies there to be read.
[[nodiscard]] bool has_urgent(int far);

/// errno as a call returns it.
[[nodiscard]] constexpr std::int64_t failed(socket::Errno error) {
  return -static_cast<std::int64_t>(error);
}
template <typename T>
[[nodiscard]] std::int64_t answer_of(const socket::Result<T>& result) {
  if (!result) return failed(result.error());
  if constexpr (std::is_void_v<T>) {
    return 0;
  } else {
    return static_cast<std::int64_t>(*result);
  }
}

/// An address as a program has given it.
struct GivenAddress {
  sockaddr_storage octets{};
  socklen_t size = 0;

  [[nodiscard]] sa_family_t family() const { return octets.ss_family; }
  /// -errno where it is none of IP's.
  [[nodiscard]] std::expected<host::Endpoint, std::int64_t> endpoint() const;
};
/// What lies behind two arguments: where it is, how long. EFAULT is negative, as errno.
[[nodiscard]] std::expected<GivenAddress, std::int64_t> given_address(const Caller& caller,
                                                                      std::uint64_t at,
                                                                      std::uint64_t size);
[[nodiscard]] std::expected<host::Endpoint, std::int64_t> address_argument(const Caller& caller,
                                                                           std::uint64_t at,
                                                                           std::uint64_t size);
/// Whom a program means: no address is this host, as Linux has it.
[[nodiscard]] host::Endpoint meant(const host::Endpoint& end);
/// Writes an address as accept() and getsockname() do: as much as there is room for, and its size.
[[nodiscard]] bool write_address(const Caller& caller, const host::Endpoint& end, bool inet6,
                                 std::uint64_t at, std::uint64_t size_at, socklen_t room);

}  // namespace lastack::run
