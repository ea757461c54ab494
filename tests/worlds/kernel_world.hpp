// The kernel's sockets as a side of a world for scripts: a network namespace of its own with a TUN
// device, whose packets are carried by hand. So the test knows when nothing is on its way, and can
// hold it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "worlds/plain_sockets.hpp"

namespace lastack::worlds {

/// Needs root. The calling thread goes to the namespace where sockets are made in it.
class KernelSide : public PlainSockets {
 public:
  /// Its addresses are those of side `which`.
  explicit KernelSide(int which);
  ~KernelSide() override;

  int open(bool v6, bool stream) override;
  int state_of(const End& local, const End& remote) override;
  bool transmit(Packet& packet) override;
  void arrives(const Packet& packet) override;

 private:
  void make(int which);
  void leave();
  [[nodiscard]] bool answers(int which);
  void enter();

  int space_ = -1;   ///< the namespace
  int device_ = -1;  ///< its TUN device
  std::optional<SocketDiag> diag_;
};

/// Two sides whose packets go from one to the other in the order in which they were sent.
class WiredWorld : public World {
 public:
  WiredWorld(std::unique_ptr<Side> a, std::unique_ptr<Side> b)
      : sides_{std::move(a), std::move(b)} {}

  void begin() override;
  Side& side(int which) override { return *sides_[static_cast<std::size_t>(which)]; }
  void settle() override;
  void hold(bool on) override { held_ = on; }
  void pass() override;

 private:
  void collect();

  std::array<std::unique_ptr<Side>, 2> sides_;
  bool held_ = false;
  std::deque<std::pair<int, Packet>> wire_;  ///< from which side
};

}  // namespace lastack::worlds
