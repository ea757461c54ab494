// The stream buffers against the plain reference; the calls come from the fuzzer's octets.
// Target: tcp/stream/*
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "tcp/stream/calls.hpp"

namespace {

template <typename Calls>
void run(std::span<const std::uint8_t> octets) {
  Calls calls{lastack_test::FromOctets(octets)};
  while (!calls.done() && calls.failure().empty()) calls.step();
  calls.finish();
  if (calls.failure().empty()) return;
  std::fprintf(stderr, "%s\n", calls.failure().c_str());
  std::abort();
}

}  // namespace

/// The first octet chooses the buffer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span octets(data + 1, size - 1);
  if (data[0] % 4 == 0) {
    run<lastack_test::SendCalls<lastack_test::FromOctets>>(octets);
  } else {
    run<lastack_test::ReceiveCalls<lastack_test::FromOctets>>(octets);
  }
  return 0;
}
