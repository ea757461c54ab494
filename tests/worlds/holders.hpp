// Sockets in the hands of several processes: what a script says is said by up to four of them,
// which get descriptors by fork(), keep them over exec(), hand them to each other and are killed.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "worlds/plain_sockets.hpp"
#include "worlds/script.hpp"

namespace lastack::worlds {

/// What a holder is asked to do.
enum class Ask : std::uint8_t {
  open,
  dup,
  give,  ///< its descriptor, to who asks
  take,  ///< one that comes behind
  fork,  ///< the child has `fd` and nothing else
  exec,
  bind,
  listen,
  connect,
  accept,
  send,
  recv,
  shutdown,
  close,
  set,
  get,
  name,
  poll,
  state,
  edges,
  ioctl,
};

struct Request {
  Ask ask = Ask::open;
  int fd = -1;
  int a = 0;
  int b = 0;
  bool with_end = false;
  End end;
};

struct Answered {
  int result = 0;
  bool raised = false;
  End end;
};

/// The process on the other end of `channel` says what is to be done, until it closes it.
[[noreturn]] void serve_as_holder(int channel);

/// Four of them, started when they are first needed. A descriptor is `holder * kEach` and what the
/// holder calls it.
class Holders : public Side {
 public:
  static constexpr int kEach = 10000;

  Holders() = default;
  ~Holders() override;

  int open(bool v6, bool stream) override;
  int dup(int fd) override;
  int bind(int fd, const End& at) override;
  int listen(int fd, int backlog) override;
  int connect(int fd, const End& to) override;
  int accept(int fd) override;
  int send(int fd, const std::vector<std::byte>& octets, int flags,
           const std::optional<End>& to) override;
  bool raised() override { return raised_; }
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

  void opens_in(int holder) override { opens_in_ = holder; }
  int share(int fd, Sharing how, int holder) override;
  void exec(int fd) override;
  void kill(int holder) override;

 private:
  struct Holder {
    int channel = -1;
    int alive = -1;  ///< readable when it has ended
    pid_t process = 0;
  };

  Holder& at(int fd_or_holder);
  void start(int holder);
  void greet(Holder& holder);
  Answered ask(int fd, Request request, std::span<const std::byte> out = {},
               std::span<std::byte> in = {});
  int fork_to(int fd, int holder);
  int pass_to(int fd, int holder);

  std::array<Holder, kHolders> holders_{};
  int opens_in_ = 0;
  bool raised_ = false;
};

/// Both sides on the machine's loopback, or on what answers this program's calls in its place: they
/// differ by their ports.
class LoopbackWorld : public World {
 public:
  LoopbackWorld();
  ~LoopbackWorld() override;

  void begin() override {}
  Side& side(int) override;
  void settle() override;
  void hold(bool) override {}
  void pass() override {}
  [[nodiscard]] End at(int side, bool v6, std::uint16_t ports, int place) const override;
  [[nodiscard]] Name name_of(const End& end, std::uint16_t ports) const override;

 private:
  class Ours;
  std::unique_ptr<Ours> side_;
};

}  // namespace lastack::worlds
