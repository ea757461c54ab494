// Which calls of a program are answered here, and which go to the kernel as ever.
#pragma once

#include "run/notifier.hpp"

namespace lastack::run {

/// Puts the calling process, and all that it will start, under the filter (seccomp(2), without
/// privileges: no_new_privs). Calls that have to do with sockets wait from then on for an answer at
/// the descriptor that this returns, which exec() closes; what could go round it fails with ENOSYS
/// (io_uring, calls of other architectures). -errno where it can't be.
[[nodiscard]] int install_filter();

/// Whether a call on a socket that is none of ours would have it lead anywhere else on the
/// machine's network: one that a program got as its input, or from somebody outside, leads where it
/// led.
[[nodiscard]] bool leads_out(const Call& call, int socket);

}  // namespace lastack::run
