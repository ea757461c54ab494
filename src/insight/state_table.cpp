#include "insight/state_table.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "insight/ladder.hpp"

namespace lastack::insight {
namespace {

using tcp::Event;
using tcp::Row;
using tcp::State;

constexpr std::array<Text, tcp::kStateCount> kStates{{
    {"no connection: where each begins and ends", "没有连接：每个连接的起点和终点"},
    {"a listener waits for SYNs; each makes a child, and it stays",
     "监听者等待 SYN；每个 SYN 产生一个子连接，监听者不变"},
    {"SYN sent by connect(); the peer's SYN,ACK is awaited",
     "connect() 已发出 SYN，等待对方的 SYN,ACK"},
    {"a SYN came and was answered with SYN,ACK; usually very brief",
     "收到 SYN 并回答了 SYN,ACK；通常很短暂"},
    {"open: both sides may send", "连接已建立，双方都可以发送"},
    {"our FIN is sent; its ACK and the peer's FIN are awaited",
     "已发出 FIN，等待它的 ACK 和对方的 FIN"},
    {"our FIN is acknowledged: we receive and cannot send (half-closed)",
     "FIN 已得到 ACK：只能接收，不能发送（半关闭）"},
    {"the peer has ended its side; our program has yet to close",
     "对方已结束发送，等待我方程序关闭"},
    {"both FINs crossed; the ACK of ours is awaited", "双方的 FIN 交错，等待自己 FIN 的 ACK"},
    {"the peer closed first, then we; the ACK of our FIN is awaited",
     "被动关闭方发出 FIN 后，等待最后的 ACK"},
    {"both FINs are acknowledged; 2 MSL for what may still be under way",
     "双方的 FIN 都已确认，等待 2 MSL，以防最后的 ACK 丢失"},
}};

constexpr std::array<Text, tcp::kEventCount> kEvents{{
    {"listen()", "listen()"},
    {"connect()", "connect()"},
    {"shutdown(SHUT_WR), or the last close()", "shutdown(SHUT_WR)，或最后一次 close()"},
    {"the last close(): data unread, linger 0 or its time over",
     "最后一次 close()：还有数据未读，linger 为 0 或时间已到"},
    {"a SYN that does not acknowledge ours", "收到 SYN，但它没有确认我方的 SYN"},
    {"a SYN that acknowledges ours", "收到 SYN，并确认了我方的 SYN"},
    {"a SYN again for a child of LISTEN, in its window", "LISTEN 的子连接在窗口内再次收到 SYN"},
    {"our SYN is acknowledged", "我方的 SYN 得到 ACK"},
    {"our FIN is acknowledged", "我方的 FIN 得到 ACK"},
    {"the peer's FIN, all before it received", "对方的 FIN，之前的数据都已收到"},
    {"a RST with exactly the number awaited", "收到 RST，序号正是所等待的"},
    {"the same for a child of LISTEN", "同上，对象是 LISTEN 的子连接"},
    {"a RST in TIME_WAIT, in the linux profile", "TIME_WAIT 中收到 RST（linux 配置）"},
    {"a newer SYN takes over from TIME_WAIT", "更新的 SYN 接管 TIME_WAIT"},
    {"a hard ICMP error before the handshake is over", "握手完成之前收到硬性 ICMP 错误"},
    {"no answer: retransmissions, user timeout or keepalive",
     "无人回答：重传次数、用户超时或 keepalive 用尽"},
    {"new data, and nobody is left to read it", "收到新数据，但已没有人能读"},
    {"FIN_WAIT_2 that nobody holds lasted 60 s", "无人持有的 FIN_WAIT_2 满 60 秒"},
    {"2 MSL have passed", "已过 2 MSL"},
}};

/// §3.10.5: an ABORT tells the peer where the peer may still count on the connection. In CLOSING
/// and LAST_ACK only data that was never read makes it (RFC 1122 4.2.2.13).
constexpr std::string_view abort_sends(State from) {
  switch (from) {
    case State::syn_rcvd:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait: return "RST";
    case State::closing:
    case State::last_ack: return "(RST)";
    default: return "";
  }
}

/// Keepalive ends with a RST; it asks where nothing else is outstanding.
constexpr std::string_view giving_up_sends(State from) {
  switch (from) {
    case State::fin_wait_2: return "RST";
    case State::established:
    case State::close_wait: return "(RST)";
    default: return "";
  }
}

std::string line(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

constexpr std::size_t kEventWidth = 16;
constexpr std::size_t kStateWidth = 13;
constexpr std::size_t kSendsWidth = 9;

std::string row_line(const Row& row) {
  return line("  " + padded(to_string(row.event), kEventWidth) +
              padded(to_string(row.to), kStateWidth) + padded(sends(row), kSendsWidth) +
              std::string(row.section) + (row.by_posix ? "" : " *"));
}

/// What stands at an arrow: "fin / ACK".
std::string label(const Row& row) {
  std::string text(to_string(row.event));
  if (!sends(row).empty()) text += " / " + std::string(sends(row));
  return text;
}

/// All rows between the same two states.
struct Bundle {
  State from;
  State to;
  std::vector<std::string> labels;
};

std::vector<Bundle> arrows(const std::vector<Row>& rows) {
  std::vector<Bundle> all;
  for (const Row& row : rows) {
    auto found = std::ranges::find_if(
        all, [&](const Bundle& a) { return a.from == row.from && a.to == row.to; });
    if (found == all.end()) found = all.insert(all.end(), {row.from, row.to, {}});
    found->labels.push_back(label(row));
  }
  return all;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : std::string(between)) + part;
  return text;
}

}  // namespace

Text meaning(State state) { return kStates[static_cast<std::size_t>(state)]; }
Text meaning(Event event) { return kEvents[static_cast<std::size_t>(event)]; }

std::string_view sends(const Row& row) {
  switch (row.event) {
    case Event::active_open: return "SYN";
    case Event::syn: return "SYN,ACK";
    case Event::syn_ack:
    case Event::fin: return "ACK";
    case Event::close: return tcp::traits(row.to).closing ? "FIN" : "";
    case Event::abort: return abort_sends(row.from);
    case Event::gave_up: return giving_up_sends(row.from);
    case Event::orphan_data: return "RST";
    default: return "";
  }
}

std::vector<Row> rows(const RowFilter& filter) {
  std::vector<Row> found;
  std::ranges::copy_if(tcp::kTable, std::back_inserter(found), [&](const Row& row) {
    return row.from == filter.from.value_or(row.from) && row.to == filter.to.value_or(row.to);
  });
  return found;
}

std::string as_text(const std::vector<Row>& rows, Language language) {
  const bool chinese = language == Language::chinese;
  std::string text =
      line("  " + padded(chinese ? "事件" : "event", kEventWidth) +
           padded(chinese ? "到" : "to", kStateWidth) + padded(chinese ? "发送" : "sends", 9) +
           (chinese ? "RFC 9293 的章节" : "section of RFC 9293"));
  const Row* before = nullptr;
  for (const Row& row : rows) {
    if (before == nullptr || before->from != row.from) {
      text += "\n" + padded(to_string(row.from), kStateWidth) +
              std::string(meaning(row.from).in(language)) + "\n";
    }
    text += row_line(row);
    before = &row;
  }
  if (std::ranges::any_of(rows, [](const Row& row) { return !row.by_posix; })) {
    text += chinese ? "\n* POSIX 调用无法做到\n" : "\n* no POSIX call brings it about\n";
  }
  if (std::ranges::any_of(rows, [](const Row& row) { return sends(row).starts_with('('); })) {
    text += chinese ? "\n(RST)  还有数据未读时，或 keepalive 放弃时\n"
                    : "\n(RST)  with data unread, or where keepalive gave up\n";
  }
  text += chinese ? "\n事件\n" : "\nevents\n";
  for (std::size_t i = 0; i < tcp::kEventCount; ++i) {
    const auto event = static_cast<Event>(i);
    if (std::ranges::find(rows, event, &Row::event) == rows.end()) continue;
    text += "  " + padded(to_string(event), kEventWidth) +
            std::string(meaning(event).in(language)) + "\n";
  }
  return text;
}

std::string as_mermaid(const std::vector<Row>& rows) {
  std::string text = "stateDiagram-v2\n";
  for (const Bundle& a : arrows(rows)) {
    text += "    " + std::string(to_string(a.from)) + " --> " + std::string(to_string(a.to)) +
            ": " + joined(a.labels, ", ") + "\n";
  }
  return text;
}

std::string as_dot(const std::vector<Row>& rows) {
  std::string text = "digraph lastack {\n  node [shape=box, fontname=monospace];\n";
  for (const Bundle& a : arrows(rows)) {
    text += "  " + std::string(to_string(a.from)) + " -> " + std::string(to_string(a.to)) +
            " [label=\"" + joined(a.labels, "\\n") + "\"];\n";
  }
  return text + "}\n";
}

}  // namespace lastack::insight
