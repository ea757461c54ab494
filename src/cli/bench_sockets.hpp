// lastack bench sockets: what a call on a socket costs.
#pragma once

#include <CLI/CLI.hpp>

namespace lastack::cli {

void add_bench_sockets(CLI::App& bench);

}  // namespace lastack::cli
