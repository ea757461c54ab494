#include "ip/icmp_meaning.hpp"

#include "ip/path_mtu.hpp"

namespace lastack::ip {
namespace {

using What = Meaning::What;

constexpr Meaning soft(What what) { return {.kind = Meaning::Kind::soft, .what = what}; }
constexpr Meaning hard(What what) { return {.kind = Meaning::Kind::hard, .what = what}; }

/// Codes 2 and 3 are hard, 4 is path MTU discovery. RFC 9293 is silent about codes above 5; what an
/// administrator prohibits is hard as in IPv6, the rest may pass.
Meaning unreachable_v4(std::uint8_t code) {
  switch (code) {
    case wire::icmp4::kPort: return hard(What::port);
    case wire::icmp4::kProtocol: return hard(What::protocol);
    case wire::icmp4::kNetProhibited: return hard(What::network);
    case wire::icmp4::kHostProhibited:
    case wire::icmp4::kProhibited: return hard(What::host);
    case wire::icmp4::kNet:
    case wire::icmp4::kNetUnknown:
    case wire::icmp4::kNetTos: return soft(What::network);
    default: return soft(What::host);
  }
}

/// Codes 1 and 4 are hard; 5 and 6 are kinds of 1 (RFC 4443 §3.1).
Meaning unreachable_v6(std::uint8_t code) {
  switch (code) {
    case wire::icmp6::kPort: return hard(What::port);
    case wire::icmp6::kProhibited:
    case wire::icmp6::kSourcePolicy:
    case wire::icmp6::kRejectRoute: return hard(What::policy);
    case wire::icmp6::kNoRoute: return soft(What::network);
    default: return soft(What::host);
  }
}

}  // namespace

Meaning meaning_of(const wire::IcmpMessage& message, const wire::Quote& about) {
  const wire::Family family = about.source.family();
  switch (message.kind) {
    case wire::IcmpKind::unreachable:
      return family == wire::Family::v4 ? unreachable_v4(message.code)
                                        : unreachable_v6(message.code);
    case wire::IcmpKind::time_exceeded:
    case wire::IcmpKind::parameter_problem: return soft(What::host);
    case wire::IcmpKind::packet_too_big: {
      const auto mtu = believable_mtu(family, message.mtu, about.length);
      if (!mtu) return {.kind = Meaning::Kind::unbelievable};
      return {.kind = Meaning::Kind::too_big, .mtu = *mtu};
    }
    default: return {};
  }
}

}  // namespace lastack::ip
