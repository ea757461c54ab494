// The errno values that socket calls answer with: Linux's numbers, by POSIX's names.
#pragma once

#include <cstdint>
#include <string_view>

#include "host/refusal.hpp"
#include "tcp/effects.hpp"
#include "udp/endpoint.hpp"

namespace lastack::socket {

/// Numbers are Linux's on every platform, so that a transcript of calls reads the same everywhere.
enum class Errno : std::uint8_t {
  none = 0,
  enoent = 2,
  eagain = 11,
  ebadf = 9,
  eacces = 13,
  einval = 22,
  emfile = 24,
  enotty = 25,
  epipe = 32,
  edom = 33,
  edestaddrreq = 89,
  emsgsize = 90,
  enoprotoopt = 92,
  eprotonosupport = 93,
  esocktnosupport = 94,
  eopnotsupp = 95,
  eafnosupport = 97,
  eaddrinuse = 98,
  eaddrnotavail = 99,
  enetunreach = 101,
  econnaborted = 103,
  econnreset = 104,
  enobufs = 105,
  eisconn = 106,
  enotconn = 107,
  etimedout = 110,
  econnrefused = 111,
  ehostunreach = 113,
  ealready = 114,
  einprogress = 115,
};

/// The name as in "ECONNRESET".
[[nodiscard]] std::string_view to_string(Errno error);

/// What the user is told of a connection's end; `in_close_wait` since Linux answers EPIPE where a
/// RST comes after the peer's FIN. Zero where it is nobody's error (POSIX leaves the choice).
[[nodiscard]] Errno errno_of(tcp::Error error, bool in_close_wait);

/// What a call is told that the host has refused.
[[nodiscard]] Errno errno_of(host::Refusal refusal);

/// What a call of UDP is told; zero where it is no error.
[[nodiscard]] Errno errno_of(udp::Error error);

}  // namespace lastack::socket
