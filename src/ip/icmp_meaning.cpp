#include "ip/icmp_meaning.hpp"

#include "ip/path_mtu.hpp"

namespace lastack::ip {
namespace {

constexpr Meaning kSoft{.kind = Meaning::Kind::soft};
constexpr Meaning kHard{.kind = Meaning::Kind::hard};
constexpr Meaning kRefused{.kind = Meaning::Kind::hard, .refused = true};

/// Codes 2 and 3 are hard, 4 is path MTU discovery. RFC 9293 is silent about codes above 5; what an
/// administrator prohibits is hard as in IPv6, the rest may pass.
Meaning unreachable_v4(std::uint8_t code) {
  switch (code) {
    case wire::icmp4::kPort: return kRefused;
    case wire::icmp4::kProtocol:
    case wire::icmp4::kNetProhibited:
    case wire::icmp4::kHostProhibited:
    case wire::icmp4::kProhibited: return kHard;
    default: return kSoft;
  }
}

/// Codes 1 and 4 are hard; 5 and 6 are kinds of 1 (RFC 4443 §3.1).
Meaning unreachable_v6(std::uint8_t code) {
  switch (code) {
    case wire::icmp6::kPort: return kRefused;
    case wire::icmp6::kProhibited:
    case wire::icmp6::kSourcePolicy:
    case wire::icmp6::kRejectRoute: return kHard;
    default: return kSoft;
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
    case wire::IcmpKind::parameter_problem: return kSoft;
    case wire::IcmpKind::packet_too_big: {
      const auto mtu = believable_mtu(family, message.mtu, about.length);
      if (!mtu) return {.kind = Meaning::Kind::unbelievable};
      return {.kind = Meaning::Kind::too_big, .mtu = *mtu};
    }
    default: return {};
  }
}

}  // namespace lastack::ip
