// Which calls of a program are answered here, and which go to the kernel as ever.
#pragma once

namespace lastack::run {

/// Puts the calling process, and all that it will start, under the filter (seccomp(2), without
/// privileges: no_new_privs). Calls that have to do with sockets wait from then on for an answer at
/// the descriptor that this returns, which exec() closes; what could go round it fails with ENOSYS
/// (io_uring, calls of other architectures). -errno where it can't be.
[[nodiscard]] int install_filter();

}  // namespace lastack::run
