// Other runs on the same network: packets for their addresses go to their supervisors, over a
// socket of the machine between two of them. The first run of a network hands out addresses, and
// carries packets between those that have joined it.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/event_loop.hpp"
#include "link/link.hpp"
#include "run/announcement.hpp"
#include "run/descriptor.hpp"
#include "run/edges.hpp"
#include "run/names.hpp"

namespace lastack::run {

class Neighbours final : public link::Wrapper {
 public:
  /// `far`: where packets come out that are not the run's own. All of them outlive it. Where
  /// nobody `receives` here, what is for no neighbour is dropped.
  Neighbours(link::Link& far, io::EventLoop& loop, Names& names, Announcement own, bool receives);
  ~Neighbours() override;

  /// Others may join at `path`, which goes with this; only the same user's. errno.
  [[nodiscard]] std::expected<void, int> open(const std::string& path);
  void take_in(Joined joined);
  /// Called with the addresses that can't be reached any more where a run has gone; whether it is
  /// the one that was joined.
  std::function<void(const std::vector<wire::IpAddress>& gone, bool joined)> on_gone;

  /// Called when others have come, gone, or told something.
  std::function<void()> on_news;

  [[nodiscard]] bool has(const wire::IpAddress& address) const;
  /// Whether some of them have a bad wire, which treats packets one by one.
  [[nodiscard]] bool want_one_by_one() const;
  [[nodiscard]] bool has_to_send() const;
  /// Octets carried so far, both ways.
  [[nodiscard]] std::uint64_t carried() const { return carried_; }
  /// Does what there is to do now.
  void turn(TimePoint now);

  void send(const link::PacketRef& packet, TimePoint now) override { inner().send(packet, now); }
  std::size_t receive(std::vector<link::Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;

 private:
  using Id = std::uint64_t;
  struct Message {
    std::byte kind;
    Slice octets;
  };
  struct Neighbour {
    OwnedFd socket;
    Announcement told{};
    bool joined = false;    ///< else it has joined us
    bool readable = false;  ///< there may be more
    bool blocked = false;   ///< takes no more for now
    bool gone = false;
    std::deque<Message> out{};  ///< what it has no room for yet
    std::size_t octets = 0;
  };
  static constexpr Id kListener = 0;

  void look();
  void accept();
  void sort(TimePoint now);
  void take(Id id, TimePoint now);
  void heard(Id id, std::span<const std::byte> message, TimePoint now);
  void announced(Id id, const std::string& text);
  [[nodiscard]] Announcement welcome(const Announcement& theirs) const;
  [[nodiscard]] Announcement all_but(Id id) const;
  void tell_all_but(Id id);
  void news();
  [[nodiscard]] Neighbour* at(const wire::IpAddress& address);
  static void put(Neighbour& to, const Slice& packet);
  static void tell(Neighbour& to, const Announcement& what);
  void send_out(Neighbour& to);
  void forget_gone();

  io::EventLoop* loop_;
  Names* names_;
  Announcement own_;
  bool receives_;
  OwnedFd listener_;
  std::string path_;
  Edges edges_;
  Id next_id_ = kListener + 1;
  std::map<Id, Neighbour> neighbours_;
  std::vector<link::Packet> batch_;
  std::vector<link::Packet> passing_;  ///< for who receives here
  std::uint64_t carried_ = 0;
  std::vector<std::byte> scratch_;
};

}  // namespace lastack::run
