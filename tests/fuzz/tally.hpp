// What the inputs of one run of a fuzzer have reached, all together.
#pragma once

#include "host/counters.hpp"

namespace lastack::fuzz {

/// Adds what a host has counted. With LASTACK_FUZZ_TALLY=1 the program tells each row of the table
/// when it is first taken, and at its end which of the eleven states, rows and reasons to drop were
/// reached: fuzz.py reads it.
void tally(const host::Counters& counters);

}  // namespace lastack::fuzz
