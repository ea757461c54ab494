#include "wire/ethernet.hpp"

#include <array>

namespace lastack::wire {
namespace {

constexpr std::uint16_t kTagged = 0x8100;     // IEEE 802.1Q
constexpr std::uint16_t kVlanBits = 0x0fff;   // 0: the tag gives a priority only
constexpr std::uint16_t kFirstType = 0x0600;  // anything below is a length (IEEE 802.3)

}  // namespace

std::string_view to_string(FrameError error) {
  static constexpr std::array<std::string_view, kFrameErrorCount> kNames{"truncated", "ieee_802_3",
                                                                         "vlan", "bad_source"};
  return kNames[static_cast<std::size_t>(error)];
}

std::expected<ParsedFrame, FrameError> parse_ethernet(Bytes frame) {
  Reader in(frame);
  ParsedFrame parsed;
  parsed.header.destination = MacAddress::from(in.bytes(MacAddress::kSize));
  parsed.header.source = MacAddress::from(in.bytes(MacAddress::kSize));
  parsed.header.type = in.u16();
  if (parsed.header.type == kTagged) {
    const bool other = (in.u16() & kVlanBits) != 0;
    parsed.header.type = in.u16();
    if (in.ok() && other) return std::unexpected(FrameError::vlan);
  }
  if (!in.ok()) return std::unexpected(FrameError::truncated);
  if (parsed.header.type < kFirstType) return std::unexpected(FrameError::ieee_802_3);
  if (!parsed.header.source.is_station()) return std::unexpected(FrameError::bad_source);
  parsed.payload = frame.subspan(in.at());
  return parsed;
}

std::size_t emit_ethernet(const EthernetHeader& header, MutableBytes into) {
  if (into.size() < kEthernetHeader) return 0;
  Writer out(into.first<kEthernetHeader>());
  out.bytes(header.destination.bytes());
  out.bytes(header.source.bytes());
  out.u16(header.type);
  return out.at();
}

}  // namespace lastack::wire
