// The control socket without the socket: whatever is asked of a running host, and whatever a host
// answers to `ss`, `trace` and `nstat`. What a host says itself is always understood.
// Target: control/protocol.cpp control/trace_events.cpp cli/socket_rows.cpp
// Target: insight/trace_ladder.cpp insight/trace_capture.cpp
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cli/host_view.hpp"
#include "cli/nstat_history.hpp"
#include "cli/nstat_names.hpp"
#include "cli/socket_rows.hpp"
#include "control/protocol.hpp"
#include "control/trace_events.hpp"
#include "fuzz/kinds.hpp"
#include "fuzz/must.hpp"
#include "host/host.hpp"
#include "insight/trace_capture.hpp"
#include "insight/trace_ladder.hpp"
#include "wire/bytes.hpp"

namespace lastack::fuzz {
namespace {

using Json = nlohmann::json;

constexpr TimePoint kNow{1000s};
constexpr Duration kWall{1'700'000'000s};
constexpr int kPid = 4121;

/// A host that has something to show: a connection with itself, another that is being opened, a
/// listener of each family, a UDP endpoint.
class Running {
 public:
  Running() : host_(config(), Random(1)) {
    const Endpoint listener{wire::IpAddress::v4(10, 0, 0, 1), 80};
    (void)host_.listen(listener, 5, {}, kNow);
    (void)host_.listen({*wire::IpAddress::parse("::"), 80}, 5, {}, kNow);
    (void)host_.udp_open({wire::IpAddress::v4(0, 0, 0, 0), 53}, {}, kNow);
    (void)host_.connect({}, listener, {}, kNow);
    (void)host_.connect({}, {*wire::IpAddress::parse("fd00::2"), 80}, {}, kNow);
    host::PacketOut out;
    while (host_.transmit(out, kNow)) {
    }
  }

  [[nodiscard]] control::Said answer(const Json& request) const {
    const std::string what = control::word_of(request, "ask");
    if (what == "ss") {
      return {[this](const control::TakeRow& take) { cli::each_row(host_, kNow, take); }};
    }
    if (what == "trace") return control::trace_answer(host_.trace(), request, kNow, kWall);
    if (what == "counters") return cli::counters_of(host_);
    if (what == "nstat") {
      return cli::Counted{TimePoint{}, kNow, cli::named_counters(host_.counters())}.json();
    }
    return Json{{"error", what + " " + control::word_of(request, "way")}};
  }

 private:
  static host::Config config() {
    host::Config config;
    config.addresses = {*wire::Prefix::parse("10.0.0.1/24"), *wire::Prefix::parse("fd00::1/64")};
    config.trace = 16;
    return config;
  }

  host::Host host_;
};

/// The rest of a host's conversation: its answers, as their readers take them.
class Reader {
 public:
  /// Whether one of them could read it.
  bool read(const Json& answer) {
    const bool rows = socket_rows(answer);
    const bool trace = trace_page(answer);
    return counters(answer) || rows || trace;
  }

 private:
  static bool socket_rows(const Json& answer) {
    std::vector<cli::SocketRow> rows;
    for (const Json& one : answer) {
      auto row = cli::row_from(one, kPid);
      if (!row) continue;
      must(row->all["pid"] == kPid, "a row of another host");
      if (rows.size() % 2 == 1) row->process = "lastack";
      rows.push_back(std::move(*row));
    }
    for (const bool all : {false, true}) {
      const std::string table = cli::socket_table(
          rows, {.netid = all, .state = !all, .timer = all, .extended = all, .internals = all});
      must(std::ranges::count(table, '\n') > std::ssize(rows), "a row that is not shown");
    }
    must(!cli::socket_summary(rows).empty(), "no summary");
    return answer.is_array() && rows.size() == answer.size();
  }

  static bool trace_page(const Json& answer) {
    const auto page = control::page_of(answer);
    if (!page) {
      must(!page.error().empty(), "no trace, and no reason");
      return false;
    }
    must(page->begin <= page->from && page->next() <= page->end, "where a page lies");
    link::MemorySink sink;
    insight::TraceCapture capture(sink);
    const auto interface = capture.add_host("host");
    insight::EventTeller teller;
    std::uint64_t segments = 0;
    for (const host::TraceEvent& event : page->events) {
      must(control::event_of(control::json_of(event)) == event, "an event came back another");
      must(!teller.text(event).empty(), "an event of which nothing is told");
      capture.add(interface, event, page->wall + (event.at - page->now));
      segments += event.is_segment() ? 1 : 0;
    }
    capture.flush();
    must(capture.packets() == segments, "segments in a capture");
    for (const auto language : {insight::Language::english, insight::Language::chinese}) {
      for (const insight::Ladder& ladder : insight::ladders_of(page->events, language)) {
        must(!insight::render(ladder, {.micros = true}).empty(), "a ladder of nothing");
      }
    }
    return true;
  }

  bool counters(const Json& answer) {
    auto now = cli::Counted::from(answer);
    if (!now) return false;
    must(cli::Counted::from(now->json())->json() == now->json(), "counters came back others");
    const bool later = before_ && before_->started == now->started && before_->at <= now->at;
    const auto lines =
        cli::counter_lines(*now, later ? before_ : std::nullopt, {.zeros = true, .patterns = {}});
    must(lines.size() == now->counters.size(), "counters that are not shown");
    must(!cli::counter_table("#", lines).empty(), "no table");
    before_ = std::move(now);
    return true;
  }

  std::optional<cli::Counted> before_;
};

/// What comes, line by line. The first octet says how many of the others come at once.
template <typename Each>
void each_line(wire::Bytes octets, const Each& each) {
  if (octets.empty()) return;
  const std::size_t piece = 1 + std::to_integer<std::size_t>(octets[0]);
  std::string_view text = text_of(octets.subspan(1));
  control::Lines lines;
  while (!text.empty()) {
    lines.add(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (const auto line = lines.next()) {
      must(line->find('\n') == std::string::npos, "an end within a line");
      each(*line);
    }
  }
}

void asked(wire::Bytes octets) {
  static const Running running;
  const auto answer = [](const Json& request) { return running.answer(request); };
  Reader reader;
  each_line(octets, [&](const std::string& request) {
    std::string line;
    control::each_part(control::answer_to(request, answer), [&line](std::string_view part) {
      line += part;
      return true;
    });
    must(line.find('\n') == line.size() - 1, "an answer is one line");
    const auto json = control::read_line(std::string_view(line).substr(0, line.size() - 1));
    must(json.has_value(), "an answer that can't be read");
    must(json->contains("error") || json->contains("packets_in") || reader.read(*json),
         "an answer that nobody understands");
  });
}

void answered(wire::Bytes octets) {
  Reader reader;
  each_line(octets, [&reader](const std::string& line) {
    (void)control::greets(line);
    const auto json = control::read_line(line);
    if (!json) return;
    const std::string again = control::line_of(*json);
    must(control::read_line(again) == json, "JSON came back other JSON");
    (void)reader.read(*json);
  });
}

/// An event of any value that a host can have seen, there and back.
void event_of(wire::Bytes octets) {
  wire::Reader in(octets);
  host::TraceEvent event;
  event.kind = static_cast<host::TraceEvent::Kind>(in.u8() % host::kTraceKinds);
  event.call = static_cast<host::TraceEvent::Call>(in.u8() % host::kTraceCalls);
  event.drop = static_cast<tcp::Drop>(in.u8() % tcp::kDropCount);
  event.why = static_cast<tcp::Why>(in.u8() % tcp::kWhyCount);
  const tcp::Row& row = tcp::kTable[in.u8() % tcp::kTable.size()];
  event.transition = {row.from, row.event, row.to};
  event.attempt = in.u8();
  event.attempts = in.u8();
  event.at = TimePoint(Duration(in.u32()) * 1'000'000);
  event.rto = Duration(in.u32());
  event.octets = in.u32();
  event.flow.local = {wire::IpAddress::v4(in.u8(), in.u8(), in.u8(), in.u8()), in.u16()};
  event.flow.remote = {*wire::IpAddress::parse("fd00::1"), in.u16()};
  const wire::Bytes header =
      octets.subspan(in.at()).first(std::min(octets.size() - in.at(), event.header.size()));
  std::ranges::copy(header, event.header.begin());
  event.header_size = static_cast<std::uint8_t>(header.size());
  const auto json = control::read_line(control::json_of(event).dump());
  must(json && control::event_of(*json) == event, "an event came back another");
}

}  // namespace
}  // namespace lastack::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastack::fuzz;
  take_by_kind<asked, answered, event_of>(data, size);
  return 0;
}
