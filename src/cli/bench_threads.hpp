// The benchmark on several threads.
#pragma once

#include <CLI/CLI.hpp>

namespace lastack::cli {

/// Adds `lastack bench threads`.
void add_bench_threads(CLI::App& bench);

}  // namespace lastack::cli
