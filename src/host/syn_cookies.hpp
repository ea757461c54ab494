// SYN cookies: while the SYN queue is full, the peer keeps the handshake for us (RFC 4987 §3.6).
#pragma once

#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/sequence.hpp"
#include "base/time.hpp"
#include "host/flow.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::host {

/// Our initial sequence number is a keyed hash of who asks, of the time, and of what the SYN said;
/// its last bits name the peer's segment size. Where segments are stamped, the last bits of our
/// stamp hold what else the SYN offered; where not, there is no room, and the connection does
/// without. So an ACK that fits comes from somebody who got our SYN,ACK, not long ago.
class SynCookies {
 public:
  /// A cookie is good for one to two of these.
  static constexpr Duration kSlot = 64s;

  explicit SynCookies(const HashKey& key) : key_(key) {}

  /// What a cookie can keep of a SYN's options; the handshake goes on as if the SYN had no others.
  /// `stamped`: both sides stamp their segments. `default_mss`: where the SYN names no size.
  [[nodiscard]] static wire::TcpOptions kept(const wire::TcpOptions& syn, bool stamped,
                                             std::uint16_t default_mss);
  /// The initial sequence number that says so.
  [[nodiscard]] Seq number(const Flow& flow, Seq irs, const wire::TcpOptions& kept,
                           TimePoint now) const;
  /// The stamp that does, where ours would be `value`: never a later one, so that the next is not
  /// older.
  [[nodiscard]] static std::uint32_t stamp(std::uint32_t value, const wire::TcpOptions& kept);
  /// The SYN that began the handshake which `ack` completes; nothing where we have answered none
  /// such, or too long ago.
  [[nodiscard]] std::optional<wire::TcpHeader> syn_of(const Flow& flow, const wire::TcpHeader& ack,
                                                      TimePoint now) const;

 private:
  [[nodiscard]] std::uint32_t number_in(std::int64_t slot, const Flow& flow, Seq irs,
                                        const wire::TcpOptions& kept) const;

  HashKey key_;
};

}  // namespace lastack::host
