#include "wire/extensions.hpp"

#include "wire/ip.hpp"

namespace lastack::wire {
namespace {

constexpr std::size_t kPayloadLengthAt = 4;
constexpr std::size_t kNextHeaderAt = 6;
constexpr std::size_t kUnit = 8;  // lengths are counted in these
constexpr std::size_t kMostSkipped = 32;
constexpr std::size_t kMostPadding = 7;  // in one piece: nobody needs more (RFC 8504 §5.3)

constexpr std::uint8_t kPad1 = 0;
constexpr std::uint8_t kPadN = 1;
constexpr std::uint8_t kJumbo = 0xc2;  // RFC 2675 §2

/// Codes of ICMPv6's parameter problem (RFC 4443 §3.4, RFC 7112 §5, RFC 8883 §3).
enum Code : std::uint8_t {
  kErroneousField = 0,
  kUnknownNextHeader = 1,
  kUnknownOption = 2,
  kIncompleteChain = 3,
  kTooManyHeaders = 8,
  kTooManyOptions = 9,
};

HeaderProblem told(ParseError error, Code code, std::size_t at) {
  return {.error = error, .told = true, .code = code, .pointer = static_cast<std::uint32_t>(at)};
}

/// A first fragment that ends before its packet's headers do (RFC 7112 §5).
HeaderProblem incomplete() { return told(ParseError::tiny_fragment, kIncompleteChain, 0); }

std::uint8_t octet(Bytes packet, std::size_t at) {
  return std::to_integer<std::uint8_t>(packet[at]);
}

/// Octets of the header of kind `protocol` at `at`, or nothing where it runs past the end.
std::optional<std::size_t> size_of(Bytes packet, std::uint8_t protocol, std::size_t at) {
  if (packet.size() - at < kUnit) return std::nullopt;
  const std::size_t length = octet(packet, at + 1);
  std::size_t size = (length + 1) * kUnit;
  if (protocol == kFragmentHeader) size = kUnit;
  if (protocol == kAuthentication) size = (length + 2) * 4;  // RFC 4302 §2.2
  if (size < kUnit || size > packet.size() - at) return std::nullopt;
  return size;
}

FragmentField fragment_field(Bytes packet, std::size_t at) {
  Reader in(packet.subspan(at));
  in.skip(2);
  const std::uint16_t place = in.u16();
  return {.identification = in.u32(),
          .offset = static_cast<std::uint16_t>(place & 0xfff8U),
          .more = (place & 1U) != 0};
}

/// Moves on behind the header at `end`, which has `size` octets.
void pass(Bytes packet, std::size_t size, Extensions& x) {
  if (x.protocol == kFragmentHeader) {
    const FragmentField field = fragment_field(packet, x.end);
    if (field.offset > 0 || field.more) x.fragment = field;
    x.fragment_at = x.end;
    x.fragment_named_at = x.named_at;
  }
  x.protocol = octet(packet, x.end);
  x.named_at = x.end;
  x.end += size;
}

/// What an option that we don't know wants done (§4.2); all but padding are such.
std::optional<HeaderProblem> judge_option(std::uint8_t type, std::size_t at) {
  const ParseError error = type == kJumbo ? ParseError::jumbogram : ParseError::refused_option;
  HeaderProblem problem = told(error, kUnknownOption, at);
  switch (type >> 6U) {
    case 0: return std::nullopt;
    case 1: return HeaderProblem{.error = error};
    case 2: problem.even_multicast = true; break;
    default: break;
  }
  return problem;
}

std::optional<HeaderProblem> judge_options(Bytes packet, std::size_t from, std::size_t to) {
  std::size_t padding = 0;
  std::size_t options = 0;
  for (std::size_t at = from; at < to;) {
    const std::uint8_t type = octet(packet, at);
    if (type != kPad1 && to - at < 2) return HeaderProblem{};
    const std::size_t size = type == kPad1 ? 1 : 2U + octet(packet, at + 1);
    if (size > to - at) return HeaderProblem{};
    if (type == kPad1 || type == kPadN) {
      padding += size;
      if (padding > kMostPadding) return HeaderProblem{};
    } else {
      padding = 0;
      if (++options > kMostOptions) return told(ParseError::bad_extension, kTooManyOptions, at);
      if (const auto problem = judge_option(type, at)) return problem;
    }
    at += size;
  }
  return std::nullopt;
}

/// We are the last stop of every route (§4.4). RFC 5095: type 0 is a type like one we don't know.
std::optional<HeaderProblem> judge_routing(Bytes packet, std::size_t at) {
  if (octet(packet, at + 3) == 0) return std::nullopt;
  return told(ParseError::source_routed, kErroneousField, at + 2);
}

/// Whether the header at `x.end` lets its packet go on.
std::optional<HeaderProblem> judge(Bytes packet, std::size_t size, const Extensions& x) {
  switch (x.protocol) {
    case kHopByHop:
      if (x.end != kIpv6Header) {
        return told(ParseError::bad_extension, kUnknownNextHeader, x.named_at);  // §4.1
      }
      [[fallthrough]];
    case kDestinationOptions: return judge_options(packet, x.end + 2, x.end + size);
    case kRouting: return judge_routing(packet, x.end);
    default: return std::nullopt;
  }
}

/// Octets that the header of the payload's protocol has at least.
std::size_t least_header(std::uint8_t protocol) {
  switch (protocol) {
    case kProtocolTcp: return kTcpHeader;
    case kProtocolUdp:
    case kProtocolIcmpv6: return 8;
    case kNoNextHeader: return 0;
    default: return 1;
  }
}

/// The rest of the chain, behind the header that makes the packet a first fragment: it must be
/// there, and is judged when the packet is whole.
std::optional<HeaderProblem> check_first_fragment(Bytes packet, Extensions x) {
  for (std::size_t i = 0; is_extension(x.protocol); ++i) {
    if (i == kMostExtensions || x.protocol == kFragmentHeader) return HeaderProblem{};
    // Out of place (§4.1); where the packet is whole nobody would see that any more.
    if (x.protocol == kHopByHop)
      return told(ParseError::bad_extension, kUnknownNextHeader, x.named_at);
    const auto size = size_of(packet, x.protocol, x.end);
    if (!size) return incomplete();
    pass(packet, *size, x);
  }
  if (packet.size() - x.end < least_header(x.protocol)) return incomplete();
  return std::nullopt;
}

std::expected<Extensions, HeaderProblem> walk(Bytes packet) {
  Extensions x{
      .protocol = octet(packet, kNextHeaderAt), .end = kIpv6Header, .named_at = kNextHeaderAt};
  for (std::size_t i = 0; is_extension(x.protocol); ++i) {
    if (i == kMostExtensions) {
      return std::unexpected(told(ParseError::bad_extension, kTooManyHeaders, x.end));
    }
    const auto size = size_of(packet, x.protocol, x.end);
    if (!size) return std::unexpected(HeaderProblem{});
    if (const auto problem = judge(packet, *size, x)) return std::unexpected(*problem);
    pass(packet, *size, x);
    if (x.fragment) break;
  }
  if (x.fragment && x.fragment->offset == 0) {
    if (const auto problem = check_first_fragment(packet, x)) return std::unexpected(*problem);
  }
  return x;
}

}  // namespace

std::expected<Extensions, HeaderProblem> walk_extensions(Bytes packet) {
  if (packet.size() < kIpv6Header) return std::unexpected(HeaderProblem{ParseError::truncated});
  const std::size_t length = Reader(packet.subspan(kPayloadLengthAt)).u16();
  const bool jumbo = length == 0 && octet(packet, kNextHeaderAt) == kHopByHop;
  if (jumbo) {  // its length stands in an option that we don't know (RFC 2675 §3)
    const auto walked = walk(packet);
    const bool named = !walked && walked.error().error == ParseError::jumbogram;
    return std::unexpected(named ? walked.error() : HeaderProblem{ParseError::jumbogram});
  }
  if (length > packet.size() - kIpv6Header)
    return std::unexpected(HeaderProblem{ParseError::truncated});
  return walk(packet.first(kIpv6Header + length));
}

std::optional<Extensions> skip_extensions(Bytes packet) {
  if (packet.size() < kIpv6Header) return std::nullopt;
  Extensions x{
      .protocol = octet(packet, kNextHeaderAt), .end = kIpv6Header, .named_at = kNextHeaderAt};
  for (std::size_t i = 0; is_extension(x.protocol); ++i) {
    const auto size = size_of(packet, x.protocol, x.end);
    if (!size || i == kMostSkipped) break;
    pass(packet, *size, x);
    if (x.fragment && x.fragment->offset > 0) break;
  }
  return x;
}

}  // namespace lastack::wire
