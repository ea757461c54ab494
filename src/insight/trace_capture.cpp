#include "insight/trace_capture.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "insight/reasons.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::insight {
namespace {

using host::TraceEvent;

constexpr std::size_t kMostHeaders = wire::kIpv6Header + wire::kMostTcpHeader;

std::vector<std::string> comments_on(const TraceEvent& segment, Language language) {
  std::vector<std::string> comments;
  const bool chinese = language == Language::chinese;
  if (segment.kind == TraceEvent::Kind::arrived && segment.drop != tcp::Drop::none) {
    std::string text = chinese ? "丢弃：" : "dropped: ";
    text.append(to_string(segment.drop)).append(chinese ? "：" : ": ");
    comments.push_back(text.append(drop_text(segment.drop).in(language)));
  }
  if (segment.kind != TraceEvent::Kind::sent) return comments;
  std::string why = why_text(segment);
  if (is_again(segment.why)) why.insert(0, chinese ? "重传：" : "retransmission: ");
  if (!why.empty()) comments.push_back(std::move(why));
  return comments;
}

std::string comment_on(const tcp::Transition& t) {
  std::string text(to_string(t.from));
  text.append(" -> ").append(to_string(t.to));
  return text.append(" (").append(to_string(t.event)).append(")");
}

/// The most octets of payload that IP's length field can say beside `headers`.
std::size_t most_payload(Family family, std::size_t tcp_header) {
  const std::size_t ip = family == Family::v4 ? wire::kIpv4Header : 0;
  return wire::kMostPacket - ip - tcp_header;
}

}  // namespace

TraceCapture::TraceCapture(link::ByteSink& sink, Language language)
    : writer_(sink), language_(language) {}

std::uint32_t TraceCapture::add_host(std::string_view name) {
  return writer_.add_interface(name, link::LinkType::raw_ip, kMostHeaders);
}

void TraceCapture::add(std::uint32_t host, const TraceEvent& event, Duration wall) {
  if (event.is_segment()) {
    flush();
    held_ = Held{host, wall, event, comments_on(event, language_)};
    return;
  }
  const bool its_doing = held_ && held_->host == host && held_->event.flow == event.flow &&
                         held_->event.at == event.at &&
                         held_->event.kind == TraceEvent::Kind::arrived;
  if (its_doing && event.kind == TraceEvent::Kind::transition) {
    held_->comments.push_back(comment_on(event.transition));
  } else {
    flush();
  }
}

void TraceCapture::flush() {
  if (!held_) return;
  const Held held = *std::exchange(held_, std::nullopt);
  const TraceEvent& event = held.event;
  const bool out = event.kind == TraceEvent::Kind::sent;
  const auto& [local, remote] = event.flow;
  const auto tcp = event.header_bytes();
  const std::size_t payload =
      std::min<std::size_t>(event.octets, most_payload(local.address.family(), tcp.size()));
  const wire::IpHeader ip{.source = (out ? local : remote).address,
                          .destination = (out ? remote : local).address,
                          .protocol = wire::kProtocolTcp};
  std::array<std::byte, kMostHeaders> packet{};
  const std::size_t ip_size = wire::emit_ip(ip, tcp.size() + payload, packet);
  std::ranges::copy(tcp, packet.begin() + static_cast<std::ptrdiff_t>(ip_size));
  writer_.packet(
      held.host, TimePoint(held.wall), out ? link::Direction::outbound : link::Direction::inbound,
      std::span(packet).first(ip_size + tcp.size()), held.comments, ip_size + tcp.size() + payload);
  ++packets_;
}

}  // namespace lastack::insight
