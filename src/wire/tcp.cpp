#include "wire/tcp.hpp"

#include <optional>

namespace lastack::wire {
namespace {

enum TcpOption : std::uint8_t {
  kEnd = 0,
  kNop = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamps = 8,
};

void mark(TcpOptions& options, TcpOptions::Present what) {
  options.present = static_cast<std::uint8_t>(options.present | what);
}

/// One option's body. A known kind with a length that is not its own is passed over as if unknown.
void read_option(std::uint8_t kind, Bytes body, TcpOptions& options) {
  Reader in(body);
  if (kind == kMss && body.size() == 2) {
    options.mss = in.u16();
    mark(options, TcpOptions::kMss);
  } else if (kind == kWindowScale && body.size() == 1) {
    options.window_scale = in.u8();
    mark(options, TcpOptions::kWindowScale);
  } else if (kind == kSackPermitted && body.empty()) {
    mark(options, TcpOptions::kSackPermitted);
  } else if (kind == kTimestamps && body.size() == 8) {
    options.ts_val = in.u32();
    options.ts_ecr = in.u32();
    mark(options, TcpOptions::kTimestamps);
  } else if (kind == kSack && body.size() % 8 == 0 && body.size() <= 32) {
    options.sack = {};  // nothing is left of an option before this one
    options.sack_count = static_cast<std::uint8_t>(body.size() / 8);
    for (std::size_t i = 0; i < options.sack_count; ++i) {
      const Seq left(in.u32());
      options.sack[i] = {left, Seq(in.u32())};
    }
  }
}

bool read_options(Bytes octets, TcpOptions& options) {
  Reader in(octets);
  while (in.left() > 0) {
    const std::uint8_t kind = in.u8();
    if (kind == kEnd) return true;
    if (kind == kNop) continue;
    const std::uint8_t length = in.u8();
    if (!in.ok() || length < 2) return false;
    const Bytes body = in.bytes(length - 2U);
    if (!in.ok()) return false;
    read_option(kind, body, options);
  }
  return true;
}

/// A SYN's options in the order Linux writes them: every middlebox has seen that one.
void write_syn_options(const TcpOptions& options, Writer& out) {
  if (options.has(TcpOptions::kMss)) {
    out.u8(kMss);
    out.u8(4);
    out.u16(options.mss);
  }
  const bool stamped = options.has(TcpOptions::kTimestamps);
  const bool sack = options.has(TcpOptions::kSackPermitted);
  if (sack || stamped) {
    out.u8(sack ? kSackPermitted : kNop);
    out.u8(sack ? 2 : kNop);
    if (!stamped) {
      out.u8(kNop);
      out.u8(kNop);
    }
  }
  if (stamped) {
    out.u8(kTimestamps);
    out.u8(10);
    out.u32(options.ts_val);
    out.u32(options.ts_ecr);
  }
  if (options.has(TcpOptions::kWindowScale)) {
    out.u8(kNop);
    out.u8(kWindowScale);
    out.u8(3);
    out.u8(options.window_scale);
  }
}

void write_options(const TcpOptions& options, Writer& out) {
  if (options.has(TcpOptions::kTimestamps)) {
    out.u8(kNop);
    out.u8(kNop);
    out.u8(kTimestamps);
    out.u8(10);
    out.u32(options.ts_val);
    out.u32(options.ts_ecr);
  }
  if (options.sack_count == 0) return;
  out.u8(kNop);
  out.u8(kNop);
  out.u8(kSack);
  out.u8(2 + 8U * options.sack_count);
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    out.u32(options.sack[i].left.raw());
    out.u32(options.sack[i].right.raw());
  }
}

/// What nearly every segment has: timestamps, aligned as RFC 7323 appendix A has them.
constexpr std::uint32_t kAlignedTimestamps = std::uint32_t{kNop} << 24U |
                                             std::uint32_t{kNop} << 16U |
                                             std::uint32_t{kTimestamps} << 8U | 10U;
constexpr std::size_t kAlignedTimestampsSize = 12;

std::optional<ParseError> read_tcp(Bytes segment, ParsedTcp& parsed) {
  if (segment.size() < kTcpHeader) return ParseError::truncated;
  TcpHeader& h = parsed.header;
  h.source_port = read_at<std::uint16_t>(segment, 0);
  h.destination_port = read_at<std::uint16_t>(segment, 2);
  h.seq = Seq(read_at<std::uint32_t>(segment, 4));
  h.ack = Seq(read_at<std::uint32_t>(segment, 8));
  const std::size_t length = (std::to_integer<unsigned>(segment[12]) >> 4U) * 4U;
  h.flags = Flags(std::to_integer<std::uint8_t>(segment[13]));
  h.window = read_at<std::uint16_t>(segment, 14);
  h.urgent = read_at<std::uint16_t>(segment, 18);
  if (length < kTcpHeader || length > segment.size()) return ParseError::bad_length;
  const Bytes options = segment.subspan(kTcpHeader, length - kTcpHeader);
  if (options.size() == kAlignedTimestampsSize &&
      read_at<std::uint32_t>(options, 0) == kAlignedTimestamps) {
    h.options.present = TcpOptions::kTimestamps;
    h.options.ts_val = read_at<std::uint32_t>(options, 4);
    h.options.ts_ecr = read_at<std::uint32_t>(options, 8);
  } else if (!read_options(options, h.options)) {
    return ParseError::bad_option;
  }
  parsed.payload = segment.subspan(length);
  return std::nullopt;
}

}  // namespace

std::expected<ParsedTcp, ParseError> parse_tcp(Bytes segment) {
  std::expected<ParsedTcp, ParseError> result;  // filled where it is returned, not copied there
  if (const auto error = read_tcp(segment, *result)) result = std::unexpected(*error);
  return result;
}

std::size_t header_size(const TcpHeader& header) {
  const TcpOptions& o = header.options;
  const bool stamped = o.has(TcpOptions::kTimestamps);
  if (!header.flags.has(Flag::syn)) {
    return kTcpHeader + (stamped ? 12U : 0U) + (o.sack_count > 0 ? 4U + 8U * o.sack_count : 0U);
  }
  return kTcpHeader + (o.has(TcpOptions::kMss) ? 4U : 0U) +
         (stamped                             ? 12U
          : o.has(TcpOptions::kSackPermitted) ? 4U
                                              : 0U) +
         (o.has(TcpOptions::kWindowScale) ? 4U : 0U);
}

std::size_t emit_tcp(const TcpHeader& header, MutableBytes into) {
  const std::size_t size = header_size(header);
  if (size > into.size() || size > kMostTcpHeader) return 0;
  write_at(into, 0, header.source_port);
  write_at(into, 2, header.destination_port);
  write_at(into, 4, header.seq.raw());
  write_at(into, 8, header.ack.raw());
  write_at(into, 12, static_cast<std::uint16_t>(size << 10U | header.flags.bits()));
  write_at(into, 14, header.window);
  write_at(into, 16, std::uint32_t{header.urgent});  // and no checksum yet
  const TcpOptions& options = header.options;
  const bool plain = !header.flags.has(Flag::syn) && options.sack_count == 0;
  if (plain && options.has(TcpOptions::kTimestamps)) {
    write_at(into, 20, kAlignedTimestamps);
    write_at(into, 24, options.ts_val);
    write_at(into, 28, options.ts_ecr);
  } else if (!plain) {
    Writer out(into.subspan(kTcpHeader, size - kTcpHeader));
    header.flags.has(Flag::syn) ? write_syn_options(options, out) : write_options(options, out);
    if (!out.ok()) return 0;
  }
  return size;
}

void set_tcp_checksum(MutableBytes segment, std::uint16_t checksum) {
  if (segment.size() >= kTcpHeader) write_at(segment, 16, checksum);
}

void finish_tcp_checksum(MutableBytes segment) {
  Sum sum;
  sum.add(segment);
  set_tcp_checksum(segment, sum.checksum());
}

Sum tcp_sum(const IpAddress& source, const IpAddress& destination, Bytes segment) {
  Sum sum =
      pseudo_header(source, destination, kProtocolTcp, static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  return sum;
}

}  // namespace lastack::wire
