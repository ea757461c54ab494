// The diagram of the states, drawn: places and paths are fixed by hand, everything else is the
// table.
#include <algorithm>
#include <array>
#include <span>

#include "insight/state_table.hpp"

namespace lastack::insight {
namespace {

using tcp::Event;
using tcp::Row;
using tcp::State;

struct Point {
  int x = 0;
  int y = 0;
};

constexpr int kWidth = 960;
constexpr Point kBox{.x = 144, .y = 42};
constexpr int kLeft = 190;  // the columns of states, by their middles
constexpr int kMiddle = 480;
constexpr int kRight = 770;
constexpr Point kEnd{.x = kMiddle, .y = 836};  // CLOSED once more, where connections end

constexpr std::array<Point, tcp::kStateCount> kPlaces{{
    {kMiddle, 52},   // CLOSED
    {kMiddle, 176},  // LISTEN
    {kRight, 306},   // SYN_SENT
    {kLeft, 306},    // SYN_RCVD
    {kMiddle, 436},  // ESTABLISHED
    {kLeft, 572},    // FIN_WAIT_1
    {kLeft, 712},    // FIN_WAIT_2
    {kRight, 572},   // CLOSE_WAIT
    {kMiddle, 572},  // CLOSING
    {kRight, 712},   // LAST_ACK
    {kMiddle, 712},  // TIME_WAIT
}};

/// Whose usual way an arrow is on.
enum class Way : std::uint8_t { opener, accepter, rare };
enum class Anchor : std::uint8_t { start, middle, end };

/// How one row is drawn: a path of up to four corners (none: it shares the arrow of the row before
/// it), and where its words stand.
struct Arrow {
  State from;
  Event event;
  Way way;
  std::array<Point, 4> path;
  Point words;
  Anchor anchor;
};

using enum Way;
using enum Anchor;

// clang-format off
constexpr std::array kArrows{
    Arrow{State::closed, Event::passive_open, accepter, {{{456, 73}, {456, 155}}}, {446, 119}, end},
    Arrow{State::listen, Event::close, rare, {{{504, 155}, {504, 73}}}, {514, 119}, start},
    Arrow{State::closed, Event::active_open, opener, {{{552, 62}, {746, 62}, {746, 285}}}, {736, 92}, end},
    Arrow{State::syn_sent, Event::close, rare, {{{794, 285}, {794, 42}, {552, 42}}}, {804, 186}, start},
    Arrow{State::listen, Event::active_open, rare, {{{552, 184}, {716, 285}}}, {604, 232}, end},
    Arrow{State::listen, Event::syn, accepter, {{{408, 166}, {166, 166}, {166, 285}}}, {156, 200}, end},
    Arrow{State::syn_rcvd, Event::rst_passive, rare, {{{214, 285}, {214, 188}, {408, 188}}}, {224, 212}, start},
    Arrow{State::syn_rcvd, Event::syn_passive, rare, {}, {224, 229}, start},
    Arrow{State::syn_sent, Event::syn, rare, {{{698, 306}, {262, 306}}}, {480, 299}, middle},
    Arrow{State::syn_sent, Event::syn_ack, opener, {{{770, 327}, {770, 426}, {552, 426}}}, {780, 376}, start},
    Arrow{State::syn_rcvd, Event::acks_syn, accepter, {{{214, 327}, {214, 426}, {408, 426}}}, {224, 416}, start},
    Arrow{State::syn_rcvd, Event::close, rare, {{{166, 327}, {166, 551}}}, {156, 434}, end},
    Arrow{State::established, Event::close, opener, {{{408, 446}, {214, 446}, {214, 551}}}, {224, 500}, start},
    Arrow{State::established, Event::fin, accepter, {{{552, 446}, {770, 446}, {770, 551}}}, {780, 500}, start},
    Arrow{State::fin_wait_1, Event::acks_fin, opener, {{{190, 593}, {190, 691}}}, {180, 646}, end},
    Arrow{State::fin_wait_1, Event::fin, rare, {{{262, 572}, {408, 572}}}, {335, 565}, middle},
    Arrow{State::fin_wait_2, Event::fin, opener, {{{262, 712}, {408, 712}}}, {335, 705}, middle},
    Arrow{State::closing, Event::acks_fin, rare, {{{480, 593}, {480, 691}}}, {490, 646}, start},
    Arrow{State::close_wait, Event::close, accepter, {{{770, 593}, {770, 691}}}, {780, 646}, start},
    Arrow{State::last_ack, Event::acks_fin, accepter, {{{770, 733}, {770, 836}, {552, 836}}}, {780, 786}, start},
    Arrow{State::time_wait, Event::time_wait_over, opener, {{{480, 733}, {480, 815}}}, {490, 778}, start},
};
// clang-format on

/// FIN and ACK of ours in one segment: two rows of the table, taken at once.
static_assert(tcp::next(*tcp::next(State::fin_wait_1, Event::acks_fin), Event::fin) ==
              State::time_wait);

static_assert(std::ranges::all_of(kArrows, [](const Arrow& a) {
  return tcp::next(a.from, a.event).has_value();
}));

constexpr bool is_drawn(const Row& row) {
  return std::ranges::any_of(
      kArrows, [&](const Arrow& a) { return a.from == row.from && a.event == row.event; });
}
/// What has no arrow is listed, and the list says "to CLOSED".
static_assert(std::ranges::all_of(tcp::kTable, [](const Row& row) {
  return is_drawn(row) || row.to == State::closed;
}));

std::string num(int value) { return std::to_string(value); }

std::string text_at(Point at, std::string_view kind, Anchor anchor, std::string_view text) {
  const std::string_view align = anchor == middle ? " text-anchor=\"middle\""
                                 : anchor == end  ? " text-anchor=\"end\""
                                                  : "";
  return "<text class=\"" + std::string(kind) + "\" x=\"" + num(at.x) + "\" y=\"" + num(at.y) +
         "\"" + std::string(align) + ">" + std::string(text) + "</text>\n";
}

std::string polyline(std::span<const Point> path, std::string_view kind) {
  std::string points;
  for (const Point& p : path) {
    if (p.x == 0 && p.y == 0) break;
    points += (points.empty() ? "" : " ") + num(p.x) + "," + num(p.y);
  }
  return "<polyline class=\"" + std::string(kind) + "\" points=\"" + points + "\"/>\n";
}

std::string_view kind_of(Way way) {
  switch (way) {
    case opener: return "arrow opener";
    case accepter: return "arrow accepter";
    case rare: break;
  }
  return "arrow rare";
}

/// The words at an arrow: the event, and under it what is sent.
std::string words(const Arrow& arrow, const Row& row) {
  const std::string_view sent = sends(row);
  std::string event(to_string(row.event));
  if (!row.by_posix) event += " *";
  // Above a level arrow there is room for one line only, and under it for the other.
  const int below = arrow.anchor == middle ? 23 : 15;
  std::string text = text_at(arrow.words, "event", arrow.anchor, event);
  if (!sent.empty()) {
    text += text_at({arrow.words.x, arrow.words.y + below}, "sent", arrow.anchor,
                    "sends " + std::string(sent));
  }
  return text;
}

std::string draw(const Arrow& arrow, const std::vector<Row>& rows) {
  const auto row = std::ranges::find_if(
      rows, [&](const Row& r) { return r.from == arrow.from && r.event == arrow.event; });
  if (row == rows.end()) return "";
  const std::string line =
      arrow.path[0].x == 0
          ? ""
          : polyline(arrow.path, std::string(kind_of(arrow.way)) + (row->by_posix ? "" : " paper"));
  return line + words(arrow, *row);
}

std::string draw_box(Point at, std::string_view name) {
  return "<rect class=\"state\" x=\"" + num(at.x - kBox.x / 2) + "\" y=\"" +
         num(at.y - kBox.y / 2) + "\" width=\"" + num(kBox.x) + "\" height=\"" + num(kBox.y) +
         "\" rx=\"8\"/>\n" + text_at({at.x, at.y + 5}, "name", middle, name);
}

std::string draw_frame(Point from, Point to, std::string_view title) {
  return "<rect class=\"frame\" x=\"" + num(from.x) + "\" y=\"" + num(from.y) + "\" width=\"" +
         num(to.x - from.x) + "\" height=\"" + num(to.y - from.y) + "\" rx=\"14\"/>\n" +
         text_at({from.x + 14, to.y - 11}, "title", start, title);
}

/// FIN_WAIT_1 to TIME_WAIT, drawn where both its rows are.
std::string draw_both_at_once(const std::vector<Row>& rows) {
  const auto has = [&](State from, Event event) {
    return std::ranges::any_of(rows,
                               [&](const Row& r) { return r.from == from && r.event == event; });
  };
  if (!has(State::fin_wait_1, Event::acks_fin) || !has(State::fin_wait_2, Event::fin)) return "";
  constexpr std::array<Point, 2> kPath{{{246, 593}, {424, 691}}};
  return polyline(kPath, "arrow rare") + text_at({328, 628}, "event", start, "acks_fin, fin") +
         text_at({352, 643}, "sent", start, "sends ACK");
}

/// What leads to CLOSED without an arrow: each event with the states it ends.
std::string draw_list(const std::vector<Row>& rows, int& y) {
  std::string text;
  for (std::size_t i = 0; i < tcp::kEventCount; ++i) {
    const auto event = static_cast<Event>(i);
    std::string states;
    for (const Row& row : rows) {
      if (row.event == event && !is_drawn(row)) states += std::string(to_string(row.from)) + "  ";
    }
    if (states.empty()) continue;
    text += text_at({40, y}, "event", start, to_string(event)) +
            text_at({170, y}, "list", start, states);
    y += 20;
  }
  return text;
}

std::string draw_legend() {
  constexpr std::array<std::pair<Way, std::string_view>, 3> kWays{{
      {opener, "who opens, and closes first"},
      {accepter, "who accepts, and closes second"},
      {rare, "seldom taken"},
  }};
  std::string text;
  int y = 806;
  for (const auto& [way, what] : kWays) {
    const std::array<Point, 2> path{{{40, y}, {88, y}}};
    text += polyline(path, kind_of(way)) + text_at({100, y + 4}, "list", start, what);
    y += 24;
  }
  return text + text_at({40, y + 4}, "list", start, "*  on paper: no POSIX call brings it about");
}

constexpr std::string_view kStyle = R"(<style>
text { font-family: "DejaVu Sans", "Helvetica Neue", Arial, sans-serif; font-size: 12px; fill: #1f2933; }
.name { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 15px; font-weight: bold; }
.event { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.sent { fill: #0b6e4f; }
.list { fill: #52606d; }
.title { fill: #7b8794; font-style: italic; }
.page { fill: #ffffff; stroke: #d9e0e7; }
.state { fill: #eef4fb; stroke: #1f2933; stroke-width: 1.5; }
.frame { fill: none; stroke: #b8c4d0; stroke-dasharray: 3 5; }
.arrow { fill: none; stroke: #1f2933; stroke-linejoin: round; marker-end: url(#head); }
.opener { stroke-width: 2.6; }
.accepter { stroke-width: 2.6; stroke-dasharray: 8 5; }
.rare { stroke-width: 1.1; stroke: #52606d; }
.paper { stroke-dasharray: 2 4; }
</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10"
 markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0.5 L10,5 L0,9.5 z" fill="#1f2933"/></marker></defs>
)";

}  // namespace

std::string as_svg(const std::vector<Row>& rows) {
  std::string body = draw_frame({30, 536}, {566, 762}, "active close") +
                     draw_frame({664, 536}, {930, 762}, "passive close");
  for (const Arrow& arrow : kArrows) body += draw(arrow, rows);
  body += draw_both_at_once(rows);
  for (std::size_t i = 0; i < tcp::kStateCount; ++i)
    body += draw_box(kPlaces[i], to_string(static_cast<State>(i)));
  body += draw_box(kEnd, to_string(State::closed)) + draw_legend();
  int y = 940;
  const std::string list = draw_list(rows, y);
  if (!list.empty()) body += text_at({40, 914}, "title", start, "to CLOSED, too") + list;
  const std::string size = "width=\"" + num(kWidth) + "\" height=\"" + num(y + 8) + "\"";
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + size + " viewBox=\"0 0 " + num(kWidth) +
         " " + num(y + 8) + "\">\n<title>The states of a TCP connection</title>\n" +
         std::string(kStyle) + "<rect class=\"page\" " + size + "/>\n" + body + "</svg>\n";
}

}  // namespace lastack::insight
