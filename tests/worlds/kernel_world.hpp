// The kernel's sockets as a world for scripts: two network namespaces, each with a TUN device, and
// between these a wire that is ours. So the test knows when nothing is on its way, and can hold it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "worlds/script.hpp"

namespace lastack::worlds {

/// Needs root. The calling thread stays in the first namespace.
class KernelWorld : public World {
 public:
  KernelWorld();
  ~KernelWorld() override;

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
  void hold(bool on) override { held_ = on; }

 private:
  struct Side {
    int space = -1;   ///< the namespace
    int device = -1;  ///< its TUN device
    int diag = -1;    ///< sock_diag(7)
    int epoll = -1;
    std::map<int, int> edges{};  ///< of descriptors, as epoll last told
  };
  using Packet = std::vector<std::byte>;

  void make_side(int side);
  void enter(int side);
  bool collect();

  std::array<Side, 2> sides_;
  int inside_ = -1;  ///< the side whose namespace this thread is in
  bool held_ = false;
  std::deque<std::pair<int, Packet>> wire_;  ///< from which side
};

}  // namespace lastack::worlds
