#include "cli/socket_rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>

namespace lastack::cli {
namespace {

using Json = nlohmann::json;

std::optional<tcp::State> state_named(const std::string& name) {
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    const auto state = static_cast<tcp::State>(i);
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

/// As endpoint_text() writes it.
std::optional<host::Endpoint> endpoint_from(std::string text) {
  if (text.ends_with(":*")) text.replace(text.size() - 1, 1, "0");
  return host::Endpoint::parse(text);
}

constexpr double kMostNumber = 9e15;  // no figure of a host gets there, and a double counts to it

/// A field that may be missing, or be something else.
std::optional<double> row_number(const Json& from, const char* name) {
  const auto at = from.find(name);
  if (at == from.end() || !at->is_number()) return std::nullopt;
  const double number = at->get<double>();
  return number >= -kMostNumber && number <= kMostNumber ? std::optional(number) : std::nullopt;
}

std::string row_word(const Json& from, const char* name) {
  const auto at = from.find(name);
  return at != from.end() && at->is_string() ? at->get<std::string>() : "";
}

bool row_flag(const Json& from, const char* name) {
  const auto at = from.find(name);
  return at != from.end() && at->is_boolean() && at->get<bool>();
}

/// An object in it; an empty one where there is none.
const Json& row_part(const Json& from, const char* name) {
  static const Json nothing = Json::object();
  const auto at = from.find(name);
  return at != from.end() && at->is_object() ? *at : nothing;
}

std::string span_text(double ms) {
  if (ms < 1000) return fmt::format("{:.0f} ms", ms);
  const auto seconds = static_cast<std::int64_t>(ms / 1000);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

/// As iproute2 writes what is left of a timer: "1min59sec", "14sec", "7.500ms", "204ms".
std::string left_text(std::int64_t ms) {
  const std::int64_t minutes = ms / 60'000;
  const std::int64_t seconds = minutes > 9 ? 0 : ms / 1000 % 60;
  const std::int64_t rest = minutes > 0 || seconds > 9 ? 0 : ms % 1000;
  std::string text;
  if (minutes > 0) text += fmt::format("{}min", minutes);
  if (seconds > 0) text += fmt::format("{}{}", seconds, rest > 0 ? "." : "sec");
  if (rest > 0) text += fmt::format("{:03}ms", rest);
  return text;
}

std::string rate_text(double bits, bool numeric) {
  if (numeric) return fmt::format("{:.0f}", bits);
  if (bits > 1e9) return fmt::format("{:.1f}G", bits / 1e9);
  if (bits > 1e6) return fmt::format("{:.1f}M", bits / 1e6);
  if (bits > 1e3) return fmt::format("{:.1f}K", bits / 1e3);
  return fmt::format("{:g}", bits);
}

/// A figure of `-i`: its name in the row, and iproute2's.
struct Figure {
  const char* name;
  const char* spelled;
  bool even_zero = false;  ///< iproute2 leaves zeros out; a closed window is worth being told
};

void add_figures(const Json& tcp, std::span<const Figure> figures, std::string& text) {
  for (const Figure& figure : figures) {
    const auto value = row_number(tcp, figure.name);
    if (!value || (*value == 0 && !figure.even_zero)) continue;
    const Json& as_given = tcp[figure.name];
    text += fmt::format(" {}:", figure.spelled);
    text += as_given.is_number_integer() ? as_given.dump() : fmt::format("{:g}", *value);
  }
}

constexpr std::array kFiguresBeforeRtt{Figure{"rto_ms", "rto"}, Figure{"backoff", "backoff"}};
constexpr std::array kFiguresBeforeRate{Figure{"ato_ms", "ato"},
                                        Figure{"mss", "mss"},
                                        Figure{"pmtu", "pmtu"},
                                        Figure{"rcvmss", "rcvmss"},
                                        Figure{"advmss", "advmss"},
                                        Figure{"cwnd", "cwnd"},
                                        Figure{"ssthresh", "ssthresh"},
                                        Figure{"bytes_acked", "bytes_acked"},
                                        Figure{"bytes_received", "bytes_received"}};
constexpr std::array kFiguresAtLast{
    Figure{"lastsnd_ms", "lastsnd"}, Figure{"lastack_ms", "lastack"}, Figure{"notsent", "notsent"},
    Figure{"snd_wnd", "snd_wnd", true}, Figure{"rcv_wnd", "rcv_wnd", true}};

// --- the table

/// The cells of a row: iproute2 aligns an address at its colon.
struct Cells {
  /// Netid State Recv-Q Send-Q Local: Port Peer: Port
  std::array<std::string, 8> columns;
  std::string rest;
};

constexpr std::size_t kNetidColumn = 0;
constexpr std::size_t kStateColumn = 1;
constexpr bool right_aligned(std::size_t column) { return column == 4 || column == 6; }
/// What stands before a column: an address and its port touch.
constexpr bool apart(std::size_t column) { return column != 5 && column != 7; }
constexpr bool is_shown(std::size_t column, const Columns& shown) {
  return (column != kNetidColumn || shown.netid) && (column != kStateColumn || shown.state);
}

void put_endpoint(const std::string& text, std::string& address, std::string& port) {
  const std::size_t colon = text.rfind(':');
  address = text.substr(0, colon + 1);
  port = text.substr(colon + 1);
}

/// The end of the machine's that stands behind a connection of a run.
std::string machine_text(const SocketRow& row) {
  const auto machine = row.all.find("machine");
  if (machine == row.all.end()) return "";
  return fmt::format(" machine:({} {} {})", row_word(*machine, "state"),
                     row_word(*machine, "local"), row_word(*machine, "remote"));
}

/// Who holds it; where nobody is named, whose host it is.
std::string users_text(const SocketRow& row) {
  const auto users = row.all.find("users");
  if (users == row.all.end() || !users->is_array()) {
    return fmt::format("users:((\"{}\",pid={:.0f}))", row.process,
                       row_number(row.all, "pid").value_or(0));
  }
  std::string all;
  for (const Json& user : *users) {
    all += fmt::format("{}(\"{}\",pid={:.0f},fd={:.0f})", all.empty() ? "" : ",",
                       row_word(user, "name"), row_number(user, "pid").value_or(0),
                       row_number(user, "fd").value_or(-1));
  }
  return (all.empty() ? "" : "users:(" + all + ")") + machine_text(row);
}

Cells cells_of(const SocketRow& row, const Columns& shown) {
  Cells cells{{row.udp ? "udp" : "tcp", spelled(row.state), std::to_string(row.recv_q),
               std::to_string(row.send_q)},
              {}};
  put_endpoint(row_word(row.all, "local"), cells.columns[4], cells.columns[5]);
  put_endpoint(row_word(row.all, "remote"), cells.columns[6], cells.columns[7]);
  if (!row.process.empty()) {
    cells.rest = users_text(row);
  }
  if (const std::string timer = shown.timer ? timer_text(row.all) : ""; !timer.empty()) {
    cells.rest += (cells.rest.empty() ? "" : " ") + timer;
  }
  return cells;
}

std::string line_of(const Cells& cells, const std::array<std::size_t, 8>& widths,
                    const Columns& shown) {
  std::string line;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (!is_shown(i, shown)) continue;
    if (!line.empty() && apart(i)) line += ' ';
    line += right_aligned(i) ? fmt::format("{:>{}}", cells.columns[i], widths[i])
                             : fmt::format("{:<{}}", cells.columns[i], widths[i]);
  }
  line += ' ' + cells.rest;
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

bool is_orphan(const SocketRow& row) { return row_flag(row.all, "orphan"); }

bool is_held_by(const SocketRow& row, int process) {
  const auto users = row.all.find("users");
  return users != row.all.end() && std::ranges::any_of(*users, [process](const Json& user) {
           return row_number(user, "pid") == process;
         });
}

std::string spelled(tcp::State state) {
  if (state == tcp::State::established) return "ESTAB";
  if (state == tcp::State::syn_rcvd) return "SYN-RECV";
  if (state == tcp::State::closed) return "UNCONN";
  std::string out(to_string(state));
  std::ranges::replace(out, '_', '-');
  return out;
}

std::optional<SocketRow> row_from(const Json& answer, int pid) {
  if (!answer.is_object()) return std::nullopt;
  const auto state = state_named(row_word(answer, "state"));
  const auto local = endpoint_from(row_word(answer, "local"));
  const auto remote = endpoint_from(row_word(answer, "remote"));
  const auto recv_q = row_number(answer, "recv_q");
  const auto send_q = row_number(answer, "send_q");
  if (!state || !local || !remote || !recv_q || !send_q || *recv_q < 0 || *send_q < 0) {
    return std::nullopt;
  }
  SocketRow row{.udp = row_word(answer, "protocol") == "udp",
                .state = *state,
                .flow = {*local, *remote},
                .recv_q = answer["recv_q"].get<std::uint64_t>(),
                .send_q = answer["send_q"].get<std::uint64_t>(),
                .all = answer,
                .process = {}};
  row.all["pid"] = pid;
  return row;
}

std::string timer_text(const Json& row) {
  const Json& timer = row_part(row, "timer");
  const std::string name = row_word(timer, "name");
  const auto left = row_number(timer, "in_ms");
  if (name.empty() || !left) return {};
  return fmt::format("timer:({},{},{:.0f})", name, left_text(static_cast<std::int64_t>(*left)),
                     row_number(timer, "retransmissions").value_or(0));
}

std::string internals_text(const Json& row, bool numeric) {
  const Json& tcp = row_part(row, "tcp");
  if (tcp.empty()) return {};
  std::string text;
  if (row_flag(tcp, "ts")) text += " ts";
  if (row_flag(tcp, "sack")) text += " sack";
  if (const std::string name = row_word(tcp, "congestion"); !name.empty()) text += " " + name;
  const auto snd_wscale = row_number(tcp, "snd_wscale");
  const auto rcv_wscale = row_number(tcp, "rcv_wscale");
  if (snd_wscale && rcv_wscale)
    text += fmt::format(" wscale:{:.0f},{:.0f}", *snd_wscale, *rcv_wscale);
  add_figures(tcp, kFiguresBeforeRtt, text);
  const auto rtt = row_number(tcp, "rtt_ms");
  if (rtt) text += fmt::format(" rtt:{:g}/{:g}", *rtt, row_number(tcp, "rttvar_ms").value_or(0));
  add_figures(tcp, kFiguresBeforeRate, text);
  const auto cwnd = row_number(tcp, "cwnd");
  const auto mss = row_number(tcp, "mss");
  if (rtt && *rtt > 0 && cwnd && mss) {  // what the window lets out in a round trip
    text += fmt::format(" send {}bps", rate_text(*cwnd * *mss * 8000 / *rtt, numeric));
  }
  add_figures(tcp, kFiguresAtLast, text);
  return text.empty() ? text : text.substr(1);
}

std::string extended_text(const Json& row) {
  constexpr const char* kIndent = "            ";
  std::string text;
  const auto since = row_number(row, "since_ms");
  if (since) text += fmt::format("in {} for {}", row_word(row, "state"), span_text(*since));
  const auto history = row.find("history");
  const bool has_history = history != row.end() && history->is_array() && !history->empty();
  std::string before;
  for (std::size_t i = has_history ? history->size() : 0; i-- > 0;) {
    const Json& step = (*history)[i];
    if (!step.is_object()) continue;
    if (i + 1 == history->size()) {
      text += fmt::format(", from {} by {}", row_word(step, "from"), row_word(step, "event"));
    } else {
      before += fmt::format("{}  {} -> {} by {}, {} ago\n", kIndent, row_word(step, "from"),
                            row_word(step, "to"), row_word(step, "event"),
                            span_text(row_number(step, "ago_ms").value_or(0)));
    }
  }
  if (row_flag(row, "orphan")) text += "; nobody holds it any more";
  return text.empty() ? text : kIndent + text + "\n" + before;
}

std::string socket_table(const std::vector<SocketRow>& rows, const Columns& shown) {
  const Cells header{
      {"Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port"},
      "Process"};
  std::vector<Cells> all;
  all.reserve(rows.size());
  for (const SocketRow& row : rows) all.push_back(cells_of(row, shown));
  std::array<std::size_t, 8> widths{};
  const auto widen = [&widths](const Cells& cells) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], cells.columns[i].size());
    }
  };
  if (shown.header) widen(header);
  for (const Cells& cells : all) widen(cells);

  std::string text = shown.header ? line_of(header, widths, shown) : "";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += line_of(all[i], widths, shown);
    if (shown.internals) {
      const std::string internals = internals_text(rows[i].all, shown.numeric);
      if (!internals.empty()) text += "\t " + internals + "\n";
    }
    if (shown.extended) text += extended_text(rows[i].all);
  }
  return text;
}

std::string socket_summary(const std::vector<SocketRow>& rows) {
  struct Count {
    std::size_t v4 = 0;
    std::size_t v6 = 0;
  };
  std::array<Count, tcp::kStateCount> counts{};
  std::size_t orphaned = 0;
  std::size_t endpoints = 0;
  for (const SocketRow& row : rows) {
    if (row.udp) {
      ++endpoints;
      continue;
    }
    Count& count = counts[static_cast<std::size_t>(row.state)];
    ++(row.flow.local.address.is_v4() ? count.v4 : count.v6);
    orphaned += row_flag(row.all, "orphan") ? 1 : 0;
  }
  const auto total = [&counts](tcp::State state) {
    const Count& count = counts[static_cast<std::size_t>(state)];
    return count.v4 + count.v6;
  };
  // RFC 4022's tcpCurrEstab, as iproute2 shows it: CLOSE_WAIT is among them.
  std::string text =
      fmt::format("TCP:   {} (estab {}, orphaned {}, timewait {})\n", rows.size() - endpoints,
                  total(tcp::State::established) + total(tcp::State::close_wait), orphaned,
                  total(tcp::State::time_wait));
  if (endpoints > 0) text += fmt::format("UDP:   {}\n", endpoints);
  text += '\n';
  const auto line = [&text](const auto&... cells) {
    std::string one = fmt::format("{:<11} {:<9} {:<9} {}", cells...);
    text += one + "\n";
  };
  line("State", "Total", "IP", "IPv6");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const Count& count = counts[i];
    if (count.v4 + count.v6 == 0) continue;
    line(spelled(static_cast<tcp::State>(i)), count.v4 + count.v6, count.v4, count.v6);
  }
  return text;
}

}  // namespace lastack::cli
