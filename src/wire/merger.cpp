#include "wire/merger.hpp"

#include <algorithm>
#include <cstring>

namespace lastack::wire {
namespace {

using Words = std::uint64_t __attribute__((vector_size(16)));  // GCC's and Clang's, on any machine

Words words_at(const std::byte* octets) {
  Words words;
  std::memcpy(&words, octets, sizeof words);
  return words;
}

}  // namespace

Merger::Merger(Bytes first, const ParsedIp& ip, const ParsedTcp& tcp, bool verify)
    : first_(first),
      ip_size_(ip_header_size(ip.header.source.family())),
      payload_(tcp.payload.size()),
      verify_(verify),
      v4_(ip.header.source.is_v4()) {
  const std::size_t segment = ip.payload.size();
  const bool plain = first.size() == ip_size_ + segment;  // no options, extensions or padding
  if (!plain || tcp.payload.empty() || tcp.header.flags != Flags(Flag::ack)) return;
  header_size_ = ip_size_ + segment - tcp.payload.size();
  next_ = tcp.header.seq + static_cast<std::uint32_t>(payload_);
  pseudo_.add(ip.header.source);
  pseudo_.add(ip.header.destination);
  pseudo_.add_word(kProtocolTcp);
  const MutableBytes same = std::span(same_).first(header_size_);
  std::ranges::fill(same, std::byte{0xff});
  const auto differs = [same](std::size_t at, std::size_t octets) {
    std::ranges::fill(same.subspan(at, octets), std::byte{0});
  };
  if (v4_) {
    differs(2, 4);   // length and identification
    differs(10, 2);  // checksum
  } else {
    differs(4, 2);  // length
  }
  differs(ip_size_ + 4, 4);   // sequence number
  differs(ip_size_ + 16, 2);  // checksum
  same[ip_size_ + 13] &= ~std::byte{static_cast<std::uint8_t>(Flag::psh)};
}

/// Sixteen octets at a time, the last ones overlapping those before.
bool Merger::looks_like(Bytes next) const {
  Words differences{};
  const auto compare = [&](std::size_t at) {
    differences |=
        (words_at(next.data() + at) ^ words_at(first_.data() + at)) & words_at(same_.data() + at);
  };
  for (std::size_t at = 0; at + sizeof(Words) < header_size_; at += sizeof(Words)) compare(at);
  compare(header_size_ - sizeof(Words));
  return (differences[0] | differences[1]) == 0;
}

bool Merger::goes_on(Bytes next) {
  if (next.size() <= header_size_ || !looks_like(next)) return false;
  const std::size_t segment = next.size() - ip_size_;
  if (Seq(read_at<std::uint32_t>(next, ip_size_ + 4)) != next_) return false;
  if (v4_) {
    if (read_at<std::uint16_t>(next, 2) != next.size()) return false;
    Sum sum;
    sum.add(next.first(kIpv4Header));
    if (sum.checksum() != 0) return false;
  } else if (read_at<std::uint16_t>(next, 4) != segment) {
    return false;
  }
  if (verify_) {
    Sum sum = pseudo_;
    sum.add_word(static_cast<std::uint16_t>(segment));
    sum.add(next.subspan(ip_size_));
    if (sum.checksum() != 0) return false;
  }
  const std::size_t octets = next.size() - header_size_;
  payload_ += octets;
  next_ = next_ + static_cast<std::uint32_t>(octets);
  return true;
}

}  // namespace lastack::wire
