// An open socket: what every descriptor that refers to it shares (POSIX's open file description).
#pragma once

#include <cstdint>

#include "base/box.hpp"
#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/errno.hpp"

namespace lastack::socket {

/// Bits of poll(), Linux's numbers.
enum Poll : std::uint16_t {
  kPollIn = 0x001,
  kPollPri = 0x002,
  kPollOut = 0x004,
  kPollErr = 0x008,
  kPollHup = 0x010,
  kPollRdHup = 0x2000,
};

struct OpenSocket {
  enum class Kind : std::uint8_t {
    fresh,  ///< neither connected nor listening: TCP's CLOSED
    listening,
    connecting,  ///< connect() was called, and nobody has asked yet what became of it
    connected,   ///< the handshake is over; the connection may have ended since
  };

  /// What the calls before connect() or listen() have chosen.
  struct Choices {
    host::Endpoint local;
    host::SettingsPtr settings;
    bool bound = false;          ///< `local` was taken by bind()
    bool reuse_address = false;  ///< SO_REUSEADDR
    friend bool operator==(const Choices&, const Choices&) = default;
  };

  std::uint32_t references = 0;  ///< descriptors; 0: this place is free
  Kind kind = Kind::fresh;
  bool shut_read : 1 = false;    ///< SHUT_RD was said
  bool shut_write : 1 = false;   ///< SHUT_WR was said
  bool linger_zero : 1 = false;  ///< SO_LINGER with time 0: the last close resets
  bool error_told : 1 = false;   ///< the connection's error was returned once
  std::uint32_t index = 0;       ///< of the connection or listener at the host
  std::uint32_t generation = 0;
  Box<Choices> choices;

  [[nodiscard]] bool has_flow() const {
    return kind == Kind::connecting || kind == Kind::connected;
  }
  [[nodiscard]] host::FlowId flow() const { return {index, generation}; }
  [[nodiscard]] host::ListenerId listener() const { return {index, generation}; }
};

static_assert(sizeof(OpenSocket) <= 32, "part of what an idle connection costs");

}  // namespace lastack::socket
