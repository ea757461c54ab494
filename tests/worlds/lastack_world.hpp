// lastack's sockets as a side of a world for scripts; and two of its hosts in virtual time.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "sim/two_hosts.hpp"
#include "worlds/script.hpp"

namespace lastack::worlds {

/// The sockets of one host, at the time that `now` is.
class LastackSide : public Side {
 public:
  LastackSide(host::Host& host, socket::Sockets& sockets, std::function<TimePoint()> now)
      : host_(&host), sockets_(&sockets), now_(std::move(now)) {}

  int open(bool v6, bool stream) override;
  int dup(int fd) override;
  int bind(int fd, const End& at) override;
  int listen(int fd, int backlog) override;
  int connect(int fd, const End& to) override;
  int accept(int fd) override;
  int send(int fd, const std::vector<std::byte>& octets, int flags,
           const std::optional<End>& to) override;
  bool raised() override;
  int recv(int fd, std::vector<std::byte>& into, int flags, End& from) override;
  int shutdown(int fd, int how) override;
  int close(int fd) override;
  int set(int fd, int level, int name, const std::vector<std::byte>& value) override;
  int get(int fd, int level, int name) override;
  int name(int fd, bool peer, End& end) override;
  int poll(int fd) override;
  int state(int fd) override;
  int edges(int fd) override;
  int ioctl(int fd, unsigned request) override;
  int state_of(const End& local, const End& remote) override;

 private:
  /// What an epoll keeps of one descriptor.
  struct Watch {
    std::uint32_t open = 0;
    bool woken = true;  ///< it reports once as things stand
  };

  void pull_wakes();

  host::Host* host_;
  socket::Sockets* sockets_;
  std::function<TimePoint()> now_;
  std::map<int, Watch> watches_;
  bool raised_ = false;
};

class LastackWorld : public World {
 public:
  explicit LastackWorld(bool as_linux) : as_linux_(as_linux) {}

  void begin() override;
  Side& side(int which) override { return *sides_[static_cast<std::size_t>(which)]; }
  void settle() override;
  void hold(bool on) override;
  void pass() override { hosts_->pass(); }

  [[nodiscard]] sim::TwoHosts& hosts() { return *hosts_; }

 private:
  bool as_linux_;
  bool held_ = false;
  std::unique_ptr<sim::TwoHosts> hosts_;
  std::array<std::unique_ptr<LastackSide>, 2> sides_;
};

/// A host whose packets are carried by hand, with the addresses of side `which`. Its time passes
/// only as it is told.
class LastackAlone : public LastackSide {
 public:
  LastackAlone(int which, bool as_linux);

  bool transmit(Packet& packet) override;
  void arrives(const Packet& packet) override;

  [[nodiscard]] socket::Sockets& sockets() { return core_->sockets; }
  [[nodiscard]] TimePoint now() const { return core_->now; }
  /// Timers that are due by then expire.
  void advance(TimePoint to);

 private:
  struct Core {
    Core(host::Config config, Random random) : host(std::move(config), random), sockets(host) {}
    host::Host host;
    socket::Sockets sockets;
    TimePoint now{1000s};
    host::PacketOut out{};
  };
  explicit LastackAlone(std::unique_ptr<Core> core);
  void tell_events();

  std::unique_ptr<Core> core_;
};

}  // namespace lastack::worlds
