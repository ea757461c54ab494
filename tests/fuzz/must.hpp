// How a fuzzer says that something is wrong, and how it shows what it does.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace lastack::fuzz {

/// Whether to tell each step on stderr: for whoever replays an input (LASTACK_FUZZ_SHOW=1).
inline bool shows() {
  static const bool shown = std::getenv("LASTACK_FUZZ_SHOW") != nullptr;
  return shown;
}

/// Where what must hold does not, says what and dies, so that libFuzzer keeps the input.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace lastack::fuzz
