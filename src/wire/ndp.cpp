// Neighbour discovery messages in: every check of RFC 4861 §6.1, §7.1 and §8.1.
#include "wire/ndp.hpp"

#include <array>
#include <chrono>

#include "wire/checksum.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint8_t kUnrouted = 255;
constexpr std::size_t kMostOptions = 64;

enum Type : std::uint8_t {
  kRouterSolicitation = 133,
  kRouterAdvertisement = 134,
  kNeighbourSolicitation = 135,
  kNeighbourAdvertisement = 136,
  kRedirect = 137,
};

enum Option : std::uint8_t {
  kSourceLink = 1,
  kTargetLink = 2,
  kPrefixInformation = 3,
  kMtu = 5,
  kNonce = 14,             // RFC 3971 §5.3.2
  kRouteInformation = 24,  // RFC 4191
};

/// All options of a message that anybody here asks for, whatever the message.
struct Options {
  std::optional<MacAddress> source_link;
  std::optional<MacAddress> target_link;
  std::optional<std::uint32_t> mtu;
  std::optional<Nonce> nonce;
};

Duration lifetime(std::uint32_t seconds) {
  return seconds == UINT32_MAX ? kForever : Duration(std::chrono::seconds(seconds));
}

/// Two bits, as a signed number.
RouterPreference preference(std::uint8_t flags) {
  switch (flags >> 3U & 3U) {
    case 1: return RouterPreference::high;
    case 3: return RouterPreference::low;
    default: return RouterPreference::medium;
  }
}

/// A prefix as an option carries it: what stands behind its length is of no meaning.
Prefix network(Bytes octets, std::uint8_t length) {
  std::array<std::byte, 16> whole{};
  std::ranges::copy(octets.first(std::min<std::size_t>(octets.size(), 16)), whole.begin());
  for (std::size_t bit = length; bit < 128; ++bit) {
    whole[bit / 8] &= ~(std::byte{0x80} >> (bit % 8));
  }
  return {IpAddress::from(whole), length};
}

bool read_prefix(Reader& in, RouterAdvertisement& into) {
  PrefixInformation option;
  const std::uint8_t length = in.u8();
  const std::uint8_t flags = in.u8();
  option.on_link = (flags & 0x80U) != 0;
  option.autonomous = (flags & 0x40U) != 0;
  option.valid = lifetime(in.u32());
  option.preferred = lifetime(in.u32());
  in.skip(4);
  const Bytes octets = in.bytes(16);
  if (!in.ok() || in.left() != 0 || length > 128) return false;
  option.prefix = network(octets, length);
  if (option.prefix.address.is_v4()) return true;  // ::ffff:0:0/96 is never on a link
  if (into.prefix_count < into.prefix.size()) into.prefix[into.prefix_count++] = option;
  return true;
}

/// The prefix takes as many octets as its length needs, in units of eight (RFC 4191 §2.3).
bool read_route(Reader& in, RouterAdvertisement& into) {
  RouteInformation option;
  const std::uint8_t length = in.u8();
  option.preference = preference(in.u8());
  option.lifetime = lifetime(in.u32());
  const std::size_t octets = in.left();
  if (!in.ok() || octets > 16 || length > 128 || octets * 8 < length) return false;
  option.prefix = network(in.bytes(octets), length);
  if (option.prefix.address.is_v4()) return true;
  if (into.route_count < into.route.size()) into.route[into.route_count++] = option;
  return true;
}

std::optional<MacAddress> read_link_address(Reader& in) {
  const Bytes octets = in.bytes(MacAddress::kSize);
  if (!in.ok() || in.left() != 0) return std::nullopt;
  return MacAddress::from(octets);
}

/// Reads one option's value; false where its length can't be that of its kind. Only a router
/// advertisement has somewhere to put prefixes and routes.
bool read_option(std::uint8_t kind, Bytes value, Options& options, RouterAdvertisement* router) {
  Reader in(value);
  switch (kind) {
    case kSourceLink: return (options.source_link = read_link_address(in)).has_value();
    case kTargetLink: return (options.target_link = read_link_address(in)).has_value();
    case kMtu:
      in.skip(2);
      options.mtu = in.u32();
      return in.ok() && in.left() == 0;
    case kNonce:  // of any length; ours has 6 octets, so another is none of ours
      if (value.size() == 6) {
        const Nonce high = in.u16();
        options.nonce = high << 32U | in.u32();
      } else {
        options.nonce = UINT64_MAX;
      }
      return true;
    case kPrefixInformation: return router == nullptr || read_prefix(in, *router);
    case kRouteInformation: return router == nullptr || read_route(in, *router);
    default: return true;
  }
}

bool read_options(Bytes octets, Options& options, RouterAdvertisement* router = nullptr) {
  Reader in(octets);
  for (std::size_t count = 0; in.left() > 0; ++count) {
    const std::uint8_t kind = in.u8();
    const std::size_t length = in.u8() * std::size_t{8};
    if (!in.ok() || length == 0 || count == kMostOptions) return false;
    const Bytes value = in.bytes(length - 2);
    if (!in.ok() || !read_option(kind, value, options, router)) return false;
  }
  // Who sends frames is one station: a group as a link-layer address would make us flood.
  const auto is_wrong = [](const std::optional<MacAddress>& m) { return m && !m->is_station(); };
  return !is_wrong(options.source_link) && !is_wrong(options.target_link);
}

using Result = std::expected<NdpMessage, NdpError>;

Result refused(NdpError error) { return std::unexpected(error); }

/// What a single interface can have as its IPv6 address.
bool can_be_target(const IpAddress& address) {
  return !address.is_multicast() && !address.is_unspecified() && !address.is_v4() &&
         !address.is_loopback();
}

Result read_router_solicitation(const IpHeader& ip, Reader& in) {
  in.skip(4);
  Options options;
  if (!in.ok()) return refused(NdpError::truncated);
  if (!read_options(in.bytes(in.left()), options)) return refused(NdpError::bad_option);
  if (ip.source.is_unspecified() && options.source_link) return refused(NdpError::bad_address);
  return RouterSolicitation{.source_link = options.source_link};
}

Result read_router_advertisement(const IpHeader& ip, Reader& in) {
  Result result = RouterAdvertisement{};
  auto& router = std::get<RouterAdvertisement>(*result);
  router.hop_limit = in.u8();
  const std::uint8_t flags = in.u8();
  router.lifetime = std::chrono::seconds(in.u16());
  router.reachable = std::chrono::milliseconds(in.u32());
  router.retransmit = std::chrono::milliseconds(in.u32());
  router.preference = preference(flags);
  Options options;
  if (!in.ok()) return refused(NdpError::truncated);
  if (!ip.source.is_link_local()) return refused(NdpError::bad_address);
  if (!read_options(in.bytes(in.left()), options, &router)) return refused(NdpError::bad_option);
  router.source_link = options.source_link;
  router.mtu = options.mtu;
  return result;
}

Result read_neighbour_solicitation(const IpHeader& ip, Reader& in) {
  in.skip(4);
  const IpAddress target = IpAddress::from(in.bytes(16));
  Options options;
  if (!in.ok()) return refused(NdpError::truncated);
  if (!read_options(in.bytes(in.left()), options)) return refused(NdpError::bad_option);
  if (!can_be_target(target)) return refused(NdpError::bad_address);
  if (ip.source.is_unspecified() &&
      (options.source_link || ip.destination != solicited_node(target))) {
    return refused(NdpError::bad_address);
  }
  return NeighbourSolicitation{
      .target = target, .source_link = options.source_link, .nonce = options.nonce};
}

Result read_neighbour_advertisement(const IpHeader& ip, Reader& in) {
  const std::uint32_t flags = in.u32();
  NeighbourAdvertisement message{.target = IpAddress::from(in.bytes(16)),
                                 .router = (flags & 0x8000'0000U) != 0,
                                 .solicited = (flags & 0x4000'0000U) != 0,
                                 .overrides = (flags & 0x2000'0000U) != 0,
                                 .target_link = {}};
  Options options;
  if (!in.ok()) return refused(NdpError::truncated);
  if (!read_options(in.bytes(in.left()), options)) return refused(NdpError::bad_option);
  const bool to_all = message.solicited && ip.destination.is_multicast();
  if (!can_be_target(message.target) || to_all || ip.source.is_unspecified()) {
    return refused(NdpError::bad_address);
  }
  message.target_link = options.target_link;
  return message;
}

Result read_redirect(const IpHeader& ip, Reader& in) {
  in.skip(4);
  Redirect message{.target = IpAddress::from(in.bytes(16)),
                   .destination = IpAddress::from(in.bytes(16)),
                   .target_link = {}};
  Options options;
  if (!in.ok()) return refused(NdpError::truncated);
  if (!read_options(in.bytes(in.left()), options)) return refused(NdpError::bad_option);
  const bool router_or_itself =
      message.target.is_link_local() || message.target == message.destination;
  if (!ip.source.is_link_local() || !can_be_target(message.target) ||
      !can_be_target(message.destination) || !router_or_itself) {
    return refused(NdpError::bad_address);
  }
  message.target_link = options.target_link;
  return message;
}

}  // namespace

std::string_view to_string(NdpError error) {
  static constexpr std::array<std::string_view, kNdpErrorCount> kNames{
      "truncated",  "bad_checksum", "bad_hop_limit", "bad_code",
      "bad_option", "bad_address",  "unknown"};
  return kNames[static_cast<std::size_t>(error)];
}

std::expected<NdpMessage, NdpError> parse_ndp(const IpHeader& ip, Bytes icmp) {
  Reader in(icmp);
  const std::uint8_t type = in.u8();
  const std::uint8_t code = in.u8();
  in.skip(2);
  if (!in.ok()) return refused(NdpError::truncated);
  if (!is_ndp(type)) return refused(NdpError::unknown);
  if (ip.hop_limit != kUnrouted) return refused(NdpError::bad_hop_limit);
  Sum sum = pseudo_header(ip.source, ip.destination, kProtocolIcmpv6,
                          static_cast<std::uint32_t>(icmp.size()));
  sum.add(icmp);
  if (sum.checksum() != 0) return refused(NdpError::bad_checksum);
  if (ip.source.is_multicast() || ip.source.is_loopback()) return refused(NdpError::bad_address);
  if (code != 0) return refused(NdpError::bad_code);
  switch (type) {
    case kRouterSolicitation: return read_router_solicitation(ip, in);
    case kRouterAdvertisement: return read_router_advertisement(ip, in);
    case kNeighbourSolicitation: return read_neighbour_solicitation(ip, in);
    case kNeighbourAdvertisement: return read_neighbour_advertisement(ip, in);
    default: return read_redirect(ip, in);
  }
}

// --- out

namespace {

void put_link(Option kind, const std::optional<MacAddress>& mac, Writer& out) {
  if (!mac) return;
  out.u8(kind);
  out.u8(1);
  out.bytes(mac->bytes());
}

// What stands behind the checksum.

void put(const RouterSolicitation& message, Writer& out) {
  out.u32(0);
  put_link(kSourceLink, message.source_link, out);
}

void put(const NeighbourSolicitation& message, Writer& out) {
  out.u32(0);
  out.bytes(message.target.bytes());
  put_link(kSourceLink, message.source_link, out);
  if (!message.nonce) return;
  out.u8(kNonce);
  out.u8(1);
  out.u16(static_cast<std::uint32_t>(*message.nonce >> 32U & 0xffffU));
  out.u32(static_cast<std::uint32_t>(*message.nonce & 0xffff'ffffU));
}

void put(const NeighbourAdvertisement& message, Writer& out) {
  out.u32((message.router ? 0x8000'0000U : 0U) | (message.solicited ? 0x4000'0000U : 0U) |
          (message.overrides ? 0x2000'0000U : 0U));
  out.bytes(message.target.bytes());
  put_link(kTargetLink, message.target_link, out);
}

constexpr std::array kSentTypes{kRouterSolicitation, kNeighbourSolicitation,
                                kNeighbourAdvertisement};  // in the order of NdpFromHost

IpAddress well_known(std::uint8_t last) {
  std::array<std::byte, 16> octets{std::byte{0xff}, std::byte{2}};
  octets[15] = std::byte{last};
  return IpAddress::from(octets);
}

}  // namespace

std::size_t emit_ndp(const IpAddress& source, const IpAddress& destination,
                     const NdpFromHost& message, MutableBytes into) {
  if (into.size() < kIpv6Header) return 0;
  const MutableBytes icmp = into.subspan(kIpv6Header);
  Writer out(icmp);
  out.u8(kSentTypes[message.index()]);
  out.zeros(3);  // code, and the checksum once it is known
  std::visit([&out](const auto& m) { put(m, out); }, message);
  const IpHeader ip{.source = source,
                    .destination = destination,
                    .protocol = kProtocolIcmpv6,
                    .hop_limit = kUnrouted};
  if (!out.ok() || emit_ip(ip, out.at(), into) == 0) return 0;
  Sum sum =
      pseudo_header(source, destination, kProtocolIcmpv6, static_cast<std::uint32_t>(out.at()));
  sum.add(icmp.first(out.at()));
  Writer(icmp.subspan(2, 2)).u16(sum.checksum());
  return kIpv6Header + out.at();
}

IpAddress all_nodes() { return well_known(1); }
IpAddress all_routers() { return well_known(2); }

IpAddress solicited_node(const IpAddress& address) {
  std::array<std::byte, 16> octets{std::byte{0xff}, std::byte{2}};
  octets[11] = std::byte{1};
  octets[12] = std::byte{0xff};
  std::ranges::copy(address.bytes().last(3), octets.begin() + 13);
  return IpAddress::from(octets);
}

}  // namespace lastack::wire
