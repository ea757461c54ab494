#include "worlds/edges.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/random.hpp"
#include "socket/numbers.hpp"

namespace lastack::worlds {
namespace {

class EdgeUser {
 public:
  EdgeUser(World& world, std::uint64_t seed, bool full, std::uint16_t port)
      : world_(world), random_(seed), full_(full), obeys_(below(2) == 0) {
    world_.begin();
    open(port);
  }
  ~EdgeUser() {
    for (const auto& [side, fd] : {std::pair{0, mine_}, {1, theirs_}, {1, listener_}}) {
      if (fd >= 0) world_.side(side).close(fd);
    }
    world_.hold(false);
    world_.settle();
  }
  EdgeUser(const EdgeUser&) = delete;
  EdgeUser& operator=(const EdgeUser&) = delete;

  EdgeRun run() {
    constexpr int kSteps = 14;
    look("connected", true);
    for (int i = 0; i < kSteps && run_.wrong.empty(); ++i) {
      const std::string done = act(below(18));
      world_.settle();
      look(done, done != "nothing");
    }
    return std::move(run_);
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint32_t>(n))); }
  Side& us() { return world_.side(0); }
  Side& peer() { return world_.side(1); }

  void open(std::uint16_t port) {
    const End at{World::address(1, false), port};
    listener_ = peer().open(false, true);
    peer().bind(listener_, at);
    peer().listen(listener_, 5);
    mine_ = us().open(false, true);
    us().connect(mine_, at);
    world_.settle();
    theirs_ = peer().accept(listener_);
  }

  int send(Side& side, int fd, int octets, int flags = 0) {
    std::vector<std::byte> some(static_cast<std::size_t>(octets), std::byte{7});
    return side.send(fd, some, flags | socket::kMsgNoSignal, {});
  }
  int recv(Side& side, int fd, int octets) {
    std::vector<std::byte> into(static_cast<std::size_t>(octets));
    End from;
    return side.recv(fd, into, 0, from);
  }
  void drain() {
    while (theirs_ >= 0 && recv(peer(), theirs_, 65536) > 0) world_.settle();
  }
  /// Until it would block: from then on the user waits for POLLOUT.
  void fill(Side& side, int fd) {
    constexpr int kChunk = 20000;
    int sent = 0;
    while ((sent = send(side, fd, kChunk)) > 0) world_.settle();
    if (&side == &us() && sent == -EAGAIN) known_ &= ~socket::kPollOut;
  }
  std::string shut(Side& side, int fd, int how) {
    side.shutdown(fd, how);
    return "shutdown " + std::to_string(how);
  }
  std::string let_go(bool reset) {
    const std::array<int, 2> linger{reset ? 1 : 0, 0};
    std::vector<std::byte> value(sizeof(linger));
    std::memcpy(value.data(), linger.data(), sizeof(linger));
    peer().set(theirs_, socket::kSolSocket, socket::kSoLinger, value);
    peer().close(std::exchange(theirs_, -1));
    return reset ? "the peer resets" : "the peer closes";
  }
  std::string low_at(int octets) {
    std::vector<std::byte> value(sizeof(int));
    std::memcpy(value.data(), &octets, sizeof(int));
    us().set(mine_, socket::kSolSocket, socket::kSoRcvLowAt, value);
    return "SO_RCVLOWAT " + std::to_string(octets);
  }

  std::string act(int what);
  std::string act_as_peer(int what);
  void look(const std::string& done, bool may_be_news);
  void use();
  void read();

  World& world_;
  Random random_;
  bool full_;
  bool obeys_;
  int listener_ = -1;
  int mine_ = -1;
  int theirs_ = -1;
  int known_ = 0;  ///< what the user has been told and has not used up
  bool held_ = false;
  EdgeRun run_;
};

std::string EdgeUser::act_as_peer(int what) {
  if (theirs_ < 0) return "nothing";
  switch (what) {
    case 0:
    case 1:
    case 2:
    case 3: {
      constexpr std::array kSizes{1, 5, 100, 3000};
      const int n = kSizes[static_cast<std::size_t>(below(4))];
      send(peer(), theirs_, n);
      return "the peer sends " + std::to_string(n);
    }
    case 4: send(peer(), theirs_, 1, 1); return "the peer sends an urgent octet";
    case 5: return "the peer's " + shut(peer(), theirs_, 1);
    case 6: return let_go(below(2) == 0);
    case 7:
    case 8: drain(); return "the peer reads all";
    default:
      if (!full_) return "nothing";
      if (below(2) == 0) {
        fill(peer(), theirs_);
        return "the peer fills";
      }
      recv(peer(), theirs_, below(100000));
      return "the peer reads some";
  }
}

std::string EdgeUser::act(int what) {
  switch (what) {
    case 10: send(us(), mine_, 100); return "send 100";
    case 11:
      if (held_ || !full_) return "nothing";  // how much fits is each world's own
      fill(us(), mine_);
      return "send until EAGAIN";
    case 12:
    case 13:
      held_ = what == 12 && !held_;
      world_.hold(held_);
      return held_ ? "hold" : "release";
    case 14: return below(3) == 0 ? shut(us(), mine_, below(3)) : "nothing";
    case 15: return low_at(below(2) == 0 ? 10 : 1);
    case 16: return "nothing";
    default: return act_as_peer(what % 10);
  }
}

/// The edges since the last look, each once; and what poll() says must have been told.
void EdgeUser::look(const std::string& done, bool may_be_news) {
  constexpr int kMostRounds = 1000;
  std::string line = done + ":";
  for (int round = 0; round < kMostRounds; ++round) {
    const int edges = us().edges(mine_);
    line += " " + poll_text(edges);
    if (edges != 0 && !may_be_news) run_.wrong = "an edge out of nothing";
    if (us().edges(mine_) != 0) run_.wrong = "an edge came twice";
    known_ |= edges;
    const auto lost = [&] { return us().poll(mine_) & ~known_; };
    if (lost() != 0) run_.wrong = "lost " + poll_text(lost());
    if (edges != 0) use();
    world_.settle();
    if (edges == 0 || !run_.wrong.empty()) break;
  }
  run_.lines.push_back(line);
}

/// What an edge-triggered user does with what it has been told.
void EdgeUser::use() {
  if ((known_ & socket::kPollIn) == 0) return;
  if (obeys_) {
    read();
  } else {
    recv(us(), mine_, 3);
  }
}

void EdgeUser::read() {
  constexpr int kChunk = 5000;
  for (;;) {
    const int n = recv(us(), mine_, kChunk);
    if (n > 0) continue;
    if (n == -EAGAIN) known_ &= ~(socket::kPollIn | socket::kPollPri);
    return;
  }
}

}  // namespace

EdgeRun edge_run(World& world, std::uint64_t seed, bool full, std::uint16_t ports) {
  return EdgeUser(world, seed, full, static_cast<std::uint16_t>(ports + 1)).run();
}

}  // namespace lastack::worlds
