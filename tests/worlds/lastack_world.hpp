// Two of lastack's hosts in virtual time as a world for scripts.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "sim/two_hosts.hpp"
#include "worlds/script.hpp"

namespace lastack::worlds {

class LastackWorld : public World {
 public:
  explicit LastackWorld(bool as_linux) : as_linux_(as_linux) {}

  void begin(std::uint16_t ports) override;
  int open(int side, bool stream) override;
  int dup(int side, int fd) override;
  int bind(int side, int fd, const End& at) override;
  int listen(int side, int fd, int backlog) override;
  int connect(int side, int fd, const End& to) override;
  int accept(int side, int fd) override;
  int send(int side, int fd, const std::vector<std::byte>& octets, int flags,
           const std::optional<End>& to) override;
  int recv(int side, int fd, std::vector<std::byte>& into, int flags) override;
  int shutdown(int side, int fd, int how) override;
  int close(int side, int fd) override;
  int set(int side, int fd, int level, int name, const std::vector<std::byte>& value) override;
  int get(int side, int fd, int level, int name) override;
  int name(int side, int fd, bool peer, End& end) override;
  int poll(int side, int fd) override;
  int state(int side, int fd) override;
  int edges(int side, int fd) override;
  int ioctl(int side, int fd, unsigned request) override;
  int state_of(int side, const End& local, const End& remote) override;
  void settle() override;
  void hold(bool on) override;

  [[nodiscard]] sim::TwoHosts& hosts() { return *hosts_; }

 private:
  [[nodiscard]] socket::Sockets& at(int side) {
    return hosts_->sockets(static_cast<std::size_t>(side));
  }

  /// What an epoll keeps of one descriptor.
  struct Watch {
    std::uint32_t open = 0;
    bool woken = true;  ///< it reports once as things stand
  };

  void pull_wakes(int side);

  bool as_linux_;
  std::array<std::map<int, Watch>, 2> watches_;
  bool held_ = false;
  std::unique_ptr<sim::TwoHosts> hosts_;
};

}  // namespace lastack::worlds
