// The benchmark over a TUN device.
#pragma once

#include <CLI/CLI.hpp>

namespace lastack::cli {

/// Adds `lastack bench tun`.
void add_bench_tun(CLI::App& bench);

}  // namespace lastack::cli
