#include "wire/splitter.hpp"

#include <algorithm>
#include <cstring>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::wire {
namespace {

// Places in the headers (RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1).
constexpr std::size_t kV4Length = 2;
constexpr std::size_t kV4Identification = 4;
constexpr std::size_t kV4Checksum = 10;
constexpr std::size_t kV4Addresses = 12;
constexpr std::size_t kV6Length = 4;
constexpr std::size_t kV6Addresses = 8;
constexpr std::size_t kSeq = 4;
constexpr std::size_t kOffsetAndFlags = 12;
constexpr std::size_t kChecksum = 16;
constexpr std::size_t kUrgent = 18;

constexpr std::uint16_t bit(Flag flag) { return static_cast<std::uint8_t>(flag); }

}  // namespace

Splitter::Splitter(const Whole& whole)
    : whole_(whole), v4_(std::to_integer<unsigned>(whole.header[whole.ip_at]) >> 4U == 4) {
  const Bytes ip = whole_.header.subspan(whole_.ip_at);
  const Bytes tcp = whole_.header.subspan(whole_.tcp_at);
  std::ranges::copy(whole_.header.first(std::min(whole_.header.size(), kHeaders)), header_.begin());
  if (v4_) {
    ip_.add(ip.first(kV4Length));
    ip_.add(ip.subspan(kV4Identification + 2, kV4Checksum - kV4Identification - 2));
    ip_.add(ip.subspan(kV4Addresses, 8));
  }
  pseudo_.add(v4_ ? ip.subspan(kV4Addresses, 8) : ip.subspan(kV6Addresses, 32));
  pseudo_.add_word(kProtocolTcp);
  tcp_.add(tcp.first(kSeq));
  tcp_.add(tcp.subspan(kSeq + 4, kOffsetAndFlags - kSeq - 4));
  tcp_.add(tcp.subspan(kOffsetAndFlags + 2, 2));
  tcp_.add(tcp.subspan(kTcpHeader));
}

std::size_t Splitter::next(MutableBytes into) {
  const std::size_t size = next_size();
  const std::size_t payload = next_payload();
  if (payload == 0 || into.size() < size) return 0;
  if (whole_.header.size() <= kHeaders && into.size() >= kHeaders) {
    std::memcpy(into.data(), header_.data(), kHeaders);
  } else {
    std::memcpy(into.data(), whole_.header.data(), whole_.header.size());
  }
  write_ip(into.subspan(whole_.ip_at), payload);
  const MutableBytes tcp = into.subspan(whole_.tcp_at, size - whole_.tcp_at);
  Sum sum = pseudo_;
  sum.add_word(static_cast<std::uint16_t>(tcp.size()));
  const Sum header = write_tcp(tcp, payload);
  const Sum octets = copy_payload(into.subspan(whole_.header.size(), payload));
  if (whole_.checksums) {
    sum.add(header);
    sum.add(octets);
    write_at<std::uint16_t>(tcp, kChecksum, sum.checksum());
  } else {
    write_at<std::uint16_t>(tcp, kChecksum, sum.folded());
  }
  at_ += payload;
  ++written_;
  return size;
}

/// Each has an identification of its own (RFC 6864 §4.3 asks for it where it may be cut again).
void Splitter::write_ip(MutableBytes ip, std::size_t payload) const {
  const std::size_t behind_ip = whole_.header.size() - whole_.tcp_at + payload;
  if (!v4_) {
    write_at<std::uint16_t>(ip, kV6Length, static_cast<std::uint16_t>(behind_ip));
    return;
  }
  const auto length = static_cast<std::uint16_t>(whole_.tcp_at - whole_.ip_at + behind_ip);
  const auto identification = static_cast<std::uint16_t>(
      read_at<std::uint16_t>(whole_.header.subspan(whole_.ip_at), kV4Identification) + written_);
  write_at<std::uint16_t>(ip, kV4Length, length);
  write_at<std::uint16_t>(ip, kV4Identification, identification);
  Sum sum = ip_;
  sum.add_word(length);
  sum.add_word(identification);
  write_at<std::uint16_t>(ip, kV4Checksum, sum.checksum());
}

/// FIN and PSH belong to the last octet, CWR to the first (RFC 3168 §6.1.2), and the urgent pointer
/// counts from the segment's own number. Returns the header's sum, its checksum being zero.
Sum Splitter::write_tcp(MutableBytes tcp, std::size_t payload) const {
  const Bytes whole = whole_.header.subspan(whole_.tcp_at);
  const std::uint32_t seq = read_at<std::uint32_t>(whole, kSeq) + static_cast<std::uint32_t>(at_);
  std::uint16_t flags = read_at<std::uint16_t>(whole, kOffsetAndFlags);
  std::uint16_t urgent = read_at<std::uint16_t>(whole, kUrgent);
  if (at_ + payload < whole_.payload_size) {
    flags = static_cast<std::uint16_t>(flags & ~(bit(Flag::fin) | bit(Flag::psh)));
  }
  if (at_ > 0) flags = static_cast<std::uint16_t>(flags & ~bit(Flag::cwr));
  if (urgent > at_) {
    urgent = static_cast<std::uint16_t>(urgent - at_);
  } else {
    urgent = 0;
    flags = static_cast<std::uint16_t>(flags & ~bit(Flag::urg));
  }
  write_at<std::uint32_t>(tcp, kSeq, seq);
  write_at<std::uint16_t>(tcp, kOffsetAndFlags, flags);
  write_at<std::uint16_t>(tcp, kUrgent, urgent);
  Sum sum = tcp_;
  sum.add_words(seq);
  sum.add_word(flags);
  sum.add_word(urgent);
  return sum;
}

/// Most of them lie in one slice.
Sum Splitter::copy_payload(MutableBytes into) {
  const Bytes part = whole_.payload[part_].bytes().subspan(within_);
  if (part.size() <= into.size()) return copy_parts(into);
  within_ += into.size();
  return copy_and_sum(part.first(into.size()), into);
}

Sum Splitter::copy_parts(MutableBytes into) {
  Sum sum;
  bool odd = false;
  while (!into.empty()) {
    const Bytes part = whole_.payload[part_].bytes().subspan(within_);
    const std::size_t octets = std::min(part.size(), into.size());
    const Sum copied = copy_and_sum(part.first(octets), into.first(octets));
    sum.add(odd ? copied.swapped() : copied);
    odd ^= octets % 2 != 0;
    into = into.subspan(octets);
    within_ += octets;
    if (octets == part.size()) {
      ++part_;
      within_ = 0;
    }
  }
  return sum;
}

}  // namespace lastack::wire
