// What a program takes from the system it runs on: randomness, the clock, a TUN device (Linux).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "lastack/address.hpp"
#include "lastack/stack.hpp"
#include "lastack/time.hpp"

namespace lastack {

/// 256 bits of the system's randomness.
[[nodiscard]] Seed system_seed();
/// CLOCK_MONOTONIC.
[[nodiscard]] TimePoint monotonic_now();

struct TunOptions {
  std::string name;            ///< at most 15 characters; made if it does not exist
  std::vector<Prefix> kernel;  ///< addresses of the kernel's end; giving any needs CAP_NET_ADMIN
};

/// What went wrong, for a person and as an errno value.
struct SystemError {
  std::string what;  ///< "make TUN device la0: Operation not permitted"
  int number = 0;
};

/// Carries packets between a stack and this machine's kernel, and tells the stack the time.
///
///   while (going && driver->alive()) {
///     driver->turn();
///     for (auto event = stack.next_event(); event; event = stack.next_event()) act(*event);
///     driver->turn();
///     driver->wait(1s);
///   }
class TunDriver {
 public:
  /// The device goes when the driver does, unless it was prepared: `ip tuntap add … user`.
  [[nodiscard]] static std::expected<TunDriver, SystemError> open(Stack& stack,
                                                                  const TunOptions& options);
  TunDriver(TunDriver&&) noexcept;
  TunDriver& operator=(TunDriver&&) noexcept;
  ~TunDriver();

  /// Reads what has come, lets timers expire, and sends what there is to send.
  void turn();
  /// Waits until packets have come or a timer is due, `most` at the longest. Not at all where the
  /// stack has got an event to tell since then.
  void wait(Duration most);
  /// False once the device was deleted under us: there is nothing to wait for any more.
  [[nodiscard]] bool alive() const;
  /// For a loop of your own: poll this for input, until next_deadline() of the stack.
  [[nodiscard]] int descriptor() const;

 private:
  struct Parts;
  explicit TunDriver(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lastack
