// What the benchmarks over devices stand on: a network namespace of their own, and the kernel's end
// of a connection in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace lastack::cli {

/// From now on this process is in a network namespace of its own, in which it may do as it likes.
/// Failure where the system allows that neither to this user nor to users at all. Only before there
/// are threads.
void enter_own_network();

/// A process that does `work`, in the network of this one, until this object goes.
class Beside {
 public:
  explicit Beside(const std::function<void()>& work);
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside();

 private:
  pid_t process_;
};

/// What a script of bash prints, errors too.
[[nodiscard]] std::string output_of(const std::string& script);

inline constexpr std::size_t kBenchChunk = std::size_t{128} << 10U;  ///< octets a call, as iperf3
inline constexpr std::uint16_t kBenchPort = 9;
inline constexpr const char* kBenchHost = "10.77.0.2";    ///< this program's end of the device
inline constexpr const char* kBenchKernel = "10.77.0.1";  ///< the kernel's

// What the kernel's end does, with one connection to kBenchHost, until it is ended.

/// Sends without end, kBenchChunk a call.
void kernel_sends();
/// Reads; with `discard` nothing is copied to the reader (MSG_TRUNC).
void kernel_receives(bool discard);
/// Sends an octet and waits for one, again and again.
void kernel_pings();

}  // namespace lastack::cli
