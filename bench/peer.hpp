// What the programs of the peers share: their options, their clock and the line they end with.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

namespace bench {

struct Options {
  std::string_view what;  ///< bulk, pingpong or connect
  double seconds = 0.5;   ///< processor time to measure for
  std::size_t buffer = 0;
  std::size_t chunk = 65536;  ///< octets a write and a read
  std::size_t time_wait = 1000;
};

[[noreturn]] inline void fail(std::string_view why) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

template <typename T>
T number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) fail("that is no number");
  return value;
}

/// PROGRAM bulk|pingpong|connect [--seconds N] [--buffer N] [--chunk N] [--time-wait N]
inline Options options(int argc, char** argv) {
  Options result;
  if (argc < 2) fail("what is to be measured?");
  result.what = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--seconds") result.seconds = number<double>(value);
    if (name == "--buffer") result.buffer = number<std::size_t>(value);
    if (name == "--chunk") result.chunk = number<std::size_t>(value);
    if (name == "--time-wait") result.time_wait = number<std::size_t>(value);
  }
  return result;
}

/// Processor time of this process, the kernel's work for it included, in nanoseconds.
inline double cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

inline std::vector<unsigned char> pattern(std::size_t size) {
  std::vector<unsigned char> octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<unsigned char>(i * 131);
  return octets;
}

/// Calls once() again and again until so much processor time is over; nanoseconds a call.
template <typename Once>
double ns_per_call(double seconds, std::size_t at_a_time, Once once) {
  std::size_t calls = 0;
  const double before = cpu_ns();
  double now = before;
  while (now - before < seconds * 1e9) {
    for (std::size_t i = 0; i < at_a_time; ++i) once();
    calls += at_a_time;
    now = cpu_ns();
  }
  return (now - before) / static_cast<double>(calls);
}

inline void report(double ns) { std::printf("{\"ns\": %.3f}\n", ns); }
inline void report(double ns, std::size_t first, std::size_t last) {
  std::printf("{\"ns\": %.3f, \"time_wait\": [%zu, %zu]}\n", ns, first, last);
}

constexpr double kUnit = 1460;  ///< octets that bulk is given for
constexpr std::size_t kBulkAtOnce = std::size_t{8}
                                    << 20U;  ///< octets between two looks at the clock
constexpr std::size_t kWarmUp = std::size_t{16} << 20U;

}  // namespace bench
