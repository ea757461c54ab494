#include "insight/reasons.hpp"

#include <array>
#include <cstdio>

namespace lastack::insight {

std::string span_text(Duration span) {
  const auto us = static_cast<long long>(span.count());
  if (us < 1000) return std::to_string(us) + " us";
  if (us < 1'000'000) return std::to_string((us + 500) / 1000) + " ms";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%lld.%03lld", us / 1'000'000, us / 1000 % 1000);
  std::string seconds = text.data();
  seconds.erase(seconds.find_last_not_of('0') + 1);
  if (seconds.back() == '.') seconds.pop_back();
  return seconds + " s";
}

std::string why_text(const host::TraceEvent& sent) {
  switch (sent.why) {
    case tcp::Why::timeout: {
      if (sent.attempt == 0) return "again after RTO";  // the rest of what the RTO took for lost
      std::string text = "RTO " + std::to_string(sent.attempt);
      if (sent.attempts > 0) text += " of " + std::to_string(sent.attempts);
      if (sent.rto > Duration(0)) text += ", " + span_text(sent.rto);
      return text;
    }
    case tcp::Why::fast_retransmit: return "fast rexmit";
    case tcp::Why::probe: return "window probe";
    case tcp::Why::keepalive: return "keepalive";
    case tcp::Why::too_big: return "too big for the path";
    default: return {};
  }
}

Text drop_text(tcp::Drop drop) {
  static constexpr std::array<Text, tcp::kDropCount> kTexts{{
      {"", ""},
      {"there is no such connection, and nobody listens", "没有这个连接，也没有监听者"},
      {"its timestamp is older than one seen before", "时间戳比已收到的更旧"},
      {"timestamps were agreed and it has none", "已协商时间戳，它却没有"},
      {"all of it was here already", "全部内容早已收到"},
      {"it lies beyond the window", "落在窗口之外"},
      {"a RST outside the window", "RST 落在窗口之外"},
      {"a RST in the window but not exactly next: challenged",
       "RST 在窗口内但序号不正好：回以挑战 ACK"},
      {"a RST does not end TIME_WAIT (RFC 1337)", "RST 不结束 TIME_WAIT（RFC 1337）"},
      {"a RST that does not acknowledge our SYN", "RST 没有确认我们的 SYN"},
      {"a SYN on a connection that is open: challenged", "已打开的连接上的 SYN：回以挑战 ACK"},
      {"it has no ACK", "没有 ACK"},
      {"it acknowledges what was never sent", "确认了从未发送的内容"},
      {"its ACK is too old to be believed (RFC 5961)", "ACK 太旧，不可信（RFC 5961）"},
      {"neither SYN nor RST, and we wait for a SYN", "等待 SYN，它却既非 SYN 也非 RST"},
      {"octets behind the peer's FIN", "对端 FIN 之后的数据"},
      {"too many separate pieces out of order", "乱序片段过多"},
      {"taken and thrown away: nobody will read (SHUT_RD)", "收下即丢弃：不再有人读（SHUT_RD）"},
      {"new data, and nobody holds the connection: reset", "新数据到来，但连接已无人持有：复位"},
      {"an ICMP error about nothing that we sent", "ICMP 差错所指并非我们所发"},
  }};
  return kTexts[static_cast<std::size_t>(drop)];
}

}  // namespace lastack::insight
