// What a program reaches at 127.0.0.1 and ::1: the kernel's loopback, or that of the run it is in.
#include <sys/socket.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "control/control.hpp"
#include "socket/tcp_info.hpp"
#include "worlds/holders.hpp"

namespace lastack::worlds {
namespace {

constexpr int kQuickAck = 12;

}  // namespace

/// What the host of the run says of a connection.
class RunsView {
 public:
  RunsView() {
    for (const int pid : control::hosts()) {
      if (auto client = control::Client::open(pid)) client_.emplace(std::move(*client));
    }
    if (!client_) give_up("no host answers");
  }
  void forget() { rows_.reset(); }
  [[nodiscard]] int state_of(const End& local, const End& remote) {
    if (!rows_) rows_ = client_->ask({{"ask", "ss"}});
    if (!rows_) give_up("the host is gone");
    for (const auto& row : *rows_) {
      if (row["protocol"] != "tcp" || row["local"] != local.to_string()) continue;
      if (row["remote"] == remote.to_string()) return number_of(row["state"].get<std::string>());
    }
    return kTcpClosed;
  }

 private:
  [[nodiscard]] static int number_of(std::string_view state) {
    for (int number = 1; number <= 11; ++number) {
      if (state_name(number) == state) return number;
    }
    return 0;
  }

  std::optional<control::Client> client_;
  std::optional<nlohmann::json> rows_;
};

/// LASTACK_RUN says that it is under lastack run.
class LoopbackWorld::Ours : public Holders {
 public:
  Ours() {
    if (std::getenv("LASTACK_RUN") != nullptr) {
      view_.emplace();
    } else {
      diag_.emplace();
    }
  }
  int open(bool v6, bool stream) override {
    const int made = Holders::open(v6, stream);
    if (made >= 0 && stream) at_once(made);
    return made;
  }
  int accept(int fd) override {
    const int made = Holders::accept(fd);
    if (made >= 0) at_once(made);
    return made;
  }
  int state_of(const End& local, const End& remote) override {
    return view_ ? view_->state_of(local, remote) : diag_->state_of(local, remote);
  }
  void settled() {
    if (view_) view_->forget();
  }

 private:
  /// No ACK is delayed.
  void at_once(int fd) {
    constexpr int kTcp = 6;
    const std::array one{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}};
    (void)set(fd, kTcp, kQuickAck, {one.begin(), one.end()});
  }

  std::optional<RunsView> view_;
  std::optional<SocketDiag> diag_;
};

LoopbackWorld::LoopbackWorld() : side_(std::make_unique<Ours>()) {}
LoopbackWorld::~LoopbackWorld() = default;
Side& LoopbackWorld::side(int) { return *side_; }

/// The kernel's loopback is done when a call returns. Where calls are answered by a run, everything
/// that was written or closed before one is taken before it.
void LoopbackWorld::settle() {
  constexpr int kRounds = 3;  // what comes back of what was taken
  for (int i = 0; i < kRounds; ++i) {
    int value = 0;
    socklen_t size = sizeof value;
    (void)::getsockopt(-1, SOL_SOCKET, SO_TYPE, &value, &size);
  }
  side_->settled();
}

End LoopbackWorld::at(int side, bool v6, std::uint16_t ports, int place) const {
  const int port = place == 0 ? 0 : ports + place + side * kPlaces;
  return {*IpAddress::parse(v6 ? "::1" : "127.0.0.1"), static_cast<std::uint16_t>(port)};
}

World::Name LoopbackWorld::name_of(const End& end, std::uint16_t ports) const {
  const int n = end.port - ports;
  const bool known = n > 0 && n < 2 * kPlaces && n != kPlaces;
  const char* const who = !end.address.is_loopback() ? "?" : !known ? "L" : n < kPlaces ? "A" : "B";
  return {who, known ? std::to_string(n % kPlaces) : "any"};
}

}  // namespace lastack::worlds
