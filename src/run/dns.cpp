#include "run/dns.hpp"

#include <algorithm>

namespace lastack::run {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 254;
constexpr std::size_t kMostAnswers = 16;  // all of them fit into 512 octets, whatever the name
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kNoSuchName = 3;
constexpr std::uint16_t kNameOfQuestion = 0xc00c;  // a pointer to it (§4.1.4)
constexpr std::uint32_t kTtl = 1;                  // seconds: a run does not last

/// As it is shown to people: nothing in it that a terminal would act on.
char plain(std::byte octet) {
  const auto c = static_cast<char>(octet);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + 32);
  return c > ' ' && c <= '~' && c != '.' ? c : '?';
}

std::optional<std::string> name_in(wire::Reader& in) {
  std::string name;
  for (;;) {
    const std::size_t size = in.u8();
    if (!in.ok() || size > kLongestLabel) return std::nullopt;  // a pointer is none, too
    if (size == 0) return name;
    const auto label = in.bytes(size);
    if (!in.ok()) return std::nullopt;
    if (!name.empty()) name += '.';
    for (const std::byte octet : label) name += plain(octet);
    if (name.size() > kLongestName) return std::nullopt;
  }
}

/// Header and question as they were asked, with room for `more` octets.
std::vector<std::byte> begin_answer(wire::Bytes message, const DnsQuestion& question,
                                    std::uint16_t answers, std::uint16_t code, std::size_t more) {
  const auto asked = message.first(question.end);
  std::vector<std::byte> out(question.end + more);
  std::ranges::copy(asked, out.begin());
  const auto flags = static_cast<std::uint16_t>(
      kResponse | kRecursionAvailable | code |
      (wire::read_at<std::uint16_t>(message, 2) & (kOpcode | kRecursionDesired)));
  wire::write_at<std::uint16_t>(out, 2, flags);
  wire::write_at<std::uint16_t>(out, 6, answers);
  wire::write_at<std::uint32_t>(out, 8, 0);  // nothing about authorities, nothing else
  return out;
}

}  // namespace

std::optional<DnsQuestion> question_in(wire::Bytes message) {
  wire::Reader in(message);
  in.skip(2);
  const std::uint16_t flags = in.u16();
  const std::uint16_t questions = in.u16();
  in.skip(kHeader - in.at());
  if (!in.ok() || (flags & (kResponse | kOpcode)) != 0 || questions != 1) return std::nullopt;
  auto name = name_in(in);
  const std::uint16_t type = in.u16();
  const std::uint16_t of = in.u16();
  if (!name || !in.ok() || of != kInternet) return std::nullopt;
  return DnsQuestion{std::move(*name), type, in.at()};
}

std::vector<std::byte> dns_answer(wire::Bytes message, const DnsQuestion& question,
                                  std::span<const wire::IpAddress> addresses) {
  std::vector<wire::IpAddress> told;
  for (const wire::IpAddress& address : addresses) {
    const std::uint16_t type = address.is_v4() ? DnsQuestion::kA : DnsQuestion::kAaaa;
    if (type == question.type && told.size() < kMostAnswers) told.push_back(address);
  }
  const std::size_t octets = question.type == DnsQuestion::kA ? 4 : 16;
  constexpr std::size_t kBefore = 12;  // octets of a record's address
  const std::size_t more = told.size() * (kBefore + octets);
  auto out = begin_answer(message, question, static_cast<std::uint16_t>(told.size()), 0, more);
  auto record = wire::MutableBytes(out).subspan(question.end);
  for (const wire::IpAddress& address : told) {
    wire::write_at<std::uint16_t>(record, 0, kNameOfQuestion);
    wire::write_at<std::uint16_t>(record, 2, question.type);
    wire::write_at<std::uint16_t>(record, 4, kInternet);
    wire::write_at<std::uint32_t>(record, 6, kTtl);
    wire::write_at<std::uint16_t>(record, 10, static_cast<std::uint16_t>(octets));
    std::ranges::copy(address.bytes(), record.begin() + kBefore);
    record = record.subspan(kBefore + octets);
  }
  return out;
}

std::vector<std::byte> dns_no_such_name(wire::Bytes message, const DnsQuestion& question) {
  return begin_answer(message, question, 0, kNoSuchName, 0);
}

}  // namespace lastack::run
