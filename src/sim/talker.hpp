// One side of a simulated conversation: a program that opens, talks, listens and ends as its plan
// says, and notes what it saw.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/sha256.hpp"
#include "sim/content.hpp"
#include "sim/plan.hpp"
#include "sim/world.hpp"

namespace lastack::sim {

/// What became of one side.
struct Report {
  bool opened = false;    ///< its handshake was completed
  bool finished = false;  ///< it holds nothing any more
  bool saw_end = false;   ///< recv said 0 where the peer's FIN was the reason
  bool shut_read = false;
  bool gave_up = false;    ///< waited too long for anything to happen
  std::uint64_t sent = 0;  ///< octets that send took
  Sha256 received;
  std::optional<socket::Errno> error;  ///< what ended it, where it did not end itself
  std::string complaint;               ///< a call answered as it must not
};

/// What both sides of a conversation know of each other: the trial sees everything.
struct Conversation {
  const ConversationPlan* plan = nullptr;
  std::array<Report, 2> reports;
  /// Somebody did what may cost the other side octets or end in RST; or a handshake found nobody.
  bool violent = false;
  const Conversation* before = nullptr;  ///< has to end first
  [[nodiscard]] bool finished() const { return reports[0].finished && reports[1].finished; }
  TimePoint progress{};  ///< when anything last came about at either side
};

class Talker final : public Program {
 public:
  /// `peer` is where the other side listens, or opens from where both open at once.
  Talker(World& world, std::size_t side, Conversation& conversation, host::Endpoint own,
         host::Endpoint peer, std::uint64_t key);

  void run(TimePoint now) override;
  [[nodiscard]] TimePoint next_wake() const override;

 private:
  [[nodiscard]] bool opens() const;
  [[nodiscard]] bool has_begun(TimePoint now);
  void keep_urgent_inline(socket::Fd fd, TimePoint now);
  void begin_to_listen(TimePoint now);
  [[nodiscard]] bool moment_has_come(TimePoint now) const;
  void open(TimePoint now);
  void begin_to_open(TimePoint now);
  void take_connection(TimePoint now);
  void opened(TimePoint now);
  void act_at_moment(TimePoint now);
  void write(TimePoint now);
  void read(TimePoint now);
  void take(std::span<const std::byte> octets);
  void end_when_done(TimePoint now);
  void mind_linux();
  void mind_patience(TimePoint now);
  void drop_a_descriptor(TimePoint now);
  void failed(socket::Errno error, TimePoint now);
  void finish(TimePoint now);
  void complain(std::string what);
  [[nodiscard]] Duration draw_pause();
  [[nodiscard]] bool peer_fin_taken() const;

  /// What moves while a connection is alive.
  struct Seen {
    tcp::State state = tcp::State::closed;
    Offset sent = 0;
    Offset received = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  World* world_;
  socket::Sockets* sockets_;
  std::size_t side_;
  Conversation* conversation_;
  const TalkerPlan* plan_;
  Report* report_;
  host::Endpoint own_;
  host::Endpoint peer_;
  Content content_;
  Random random_;
  TimePoint begins_;
  TimePoint write_at_{};
  TimePoint read_at_{};
  TimePoint last_run_{};
  socket::Fd listener_ = -1;
  socket::Fd fd_ = -1;
  std::vector<socket::Fd> extra_;
  bool acted_ = false;  ///< the ending that has a moment has happened
  bool shut_write_ = false;
  bool busy_port_ = false;
  Seen seen_;
  std::vector<std::byte> room_;
};

/// How long a side waits for anything at all before it gives up: longer than fifteen
/// retransmissions take. Where the peer may be gone without a word it waits less.
inline constexpr Duration kPatience = 30min;
inline constexpr Duration kPatienceAfterViolence = 6min;

}  // namespace lastack::sim
