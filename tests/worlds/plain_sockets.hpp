// The sockets that the system gives a program, whoever answers its calls.
#pragma once

#include <map>
#include <string>

#include "worlds/script.hpp"

namespace lastack::worlds {

/// Says why with errno, and ends the program.
[[noreturn]] void give_up(const std::string& what);

/// A process has one of them. Its descriptors outlive exec().
class PlainSockets : public Side {
 public:
  PlainSockets();
  ~PlainSockets() override;

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
  int state_of(const End&, const End&) override { return kTcpClosed; }

 private:
  int epoll_ = -1;
  std::map<int, int> edges_{};  ///< of descriptors, as epoll last told
};

/// The kernel's own view of its connections: sock_diag(7), in the namespace where it was made.
class SocketDiag {
 public:
  SocketDiag();
  SocketDiag(const SocketDiag&) = delete;
  SocketDiag& operator=(const SocketDiag&) = delete;
  ~SocketDiag();
  [[nodiscard]] int state_of(const End& local, const End& remote) const;

 private:
  int descriptor_;
};

}  // namespace lastack::worlds
