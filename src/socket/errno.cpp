#include "socket/errno.hpp"

#include <array>
#include <utility>

namespace lastack::socket {

std::string_view to_string(Errno error) {
  static constexpr std::array kNames{
      std::pair{Errno::enoent, "ENOENT"},
      std::pair{Errno::eagain, "EAGAIN"},
      std::pair{Errno::ebadf, "EBADF"},
      std::pair{Errno::eacces, "EACCES"},
      std::pair{Errno::einval, "EINVAL"},
      std::pair{Errno::emfile, "EMFILE"},
      std::pair{Errno::enotty, "ENOTTY"},
      std::pair{Errno::epipe, "EPIPE"},
      std::pair{Errno::edom, "EDOM"},
      std::pair{Errno::edestaddrreq, "EDESTADDRREQ"},
      std::pair{Errno::emsgsize, "EMSGSIZE"},
      std::pair{Errno::enoprotoopt, "ENOPROTOOPT"},
      std::pair{Errno::eprotonosupport, "EPROTONOSUPPORT"},
      std::pair{Errno::esocktnosupport, "ESOCKTNOSUPPORT"},
      std::pair{Errno::eopnotsupp, "EOPNOTSUPP"},
      std::pair{Errno::eafnosupport, "EAFNOSUPPORT"},
      std::pair{Errno::eaddrinuse, "EADDRINUSE"},
      std::pair{Errno::eaddrnotavail, "EADDRNOTAVAIL"},
      std::pair{Errno::enetunreach, "ENETUNREACH"},
      std::pair{Errno::econnaborted, "ECONNABORTED"},
      std::pair{Errno::econnreset, "ECONNRESET"},
      std::pair{Errno::enobufs, "ENOBUFS"},
      std::pair{Errno::eisconn, "EISCONN"},
      std::pair{Errno::enotconn, "ENOTCONN"},
      std::pair{Errno::etimedout, "ETIMEDOUT"},
      std::pair{Errno::econnrefused, "ECONNREFUSED"},
      std::pair{Errno::ehostunreach, "EHOSTUNREACH"},
      std::pair{Errno::ealready, "EALREADY"},
      std::pair{Errno::einprogress, "EINPROGRESS"},
  };
  for (const auto& [value, name] : kNames) {
    if (value == error) return name;
  }
  return "?";
}

Errno errno_of(tcp::Error error, bool in_close_wait) {
  switch (error) {
    case tcp::Error::refused: return Errno::econnrefused;
    case tcp::Error::reset: return in_close_wait ? Errno::epipe : Errno::econnreset;
    case tcp::Error::timed_out: return Errno::etimedout;
    case tcp::Error::unreachable: return Errno::ehostunreach;
    case tcp::Error::net_unreachable: return Errno::enetunreach;
    case tcp::Error::prohibited: return Errno::eacces;
    case tcp::Error::no_protocol: return Errno::enoprotoopt;
    case tcp::Error::aborted: return Errno::econnaborted;
    case tcp::Error::closing: return Errno::epipe;
    case tcp::Error::exists: return Errno::eisconn;
    case tcp::Error::not_open:
    case tcp::Error::none: break;
  }
  return Errno::enotconn;
}

Errno errno_of(host::Refusal refusal) {
  switch (refusal) {
    case host::Refusal::address_in_use: return Errno::eaddrinuse;
    case host::Refusal::address_not_available: return Errno::eaddrnotavail;
    case host::Refusal::unreachable:
    case host::Refusal::bad_address: return Errno::enetunreach;
    case host::Refusal::too_many: break;
  }
  return Errno::enobufs;
}

Errno errno_of(udp::Error error) {
  switch (error) {
    case udp::Error::none: break;
    case udp::Error::would_block: return Errno::eagain;
    case udp::Error::refused: return Errno::econnrefused;
    case udp::Error::prohibited:
    case udp::Error::unreachable: return Errno::ehostunreach;
    case udp::Error::net_prohibited: return Errno::enetunreach;
    case udp::Error::no_protocol: return Errno::enoprotoopt;
    case udp::Error::not_allowed: return Errno::eacces;
    case udp::Error::too_big:
    case udp::Error::too_long: return Errno::emsgsize;
    case udp::Error::no_destination: return Errno::edestaddrreq;
    case udp::Error::bad_address: return Errno::einval;
    case udp::Error::no_route: return Errno::enetunreach;
    case udp::Error::not_open: return Errno::ebadf;
  }
  return Errno::none;
}

}  // namespace lastack::socket
