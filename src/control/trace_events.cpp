#include "control/trace_events.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>

namespace lastack::control {
namespace {

using host::Trace;
using host::TraceEvent;
using Json = nlohmann::json;
using Kind = TraceEvent::Kind;

constexpr std::string_view kHex = "0123456789abcdef";

std::string hex_of(std::span<const std::byte> octets) {
  std::string text;
  text.reserve(2 * octets.size());
  for (const std::byte octet : octets) {
    const auto value = std::to_integer<unsigned>(octet);
    text += kHex[value >> 4U];
    text += kHex[value & 0xfU];
  }
  return text;
}

/// Into the header of `event`; false where it is none that fits.
bool read_hex(std::string_view text, TraceEvent& event) {
  if (text.size() % 2 != 0 || text.size() / 2 > event.header.size()) return false;
  for (std::size_t i = 0; i < text.size() / 2; ++i) {
    const auto high = kHex.find(text[2 * i]);
    const auto low = kHex.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    event.header[i] = static_cast<std::byte>(high << 4U | low);
  }
  event.header_size = static_cast<std::uint8_t>(text.size() / 2);
  return true;
}

/// Reads members of an object; remembers whether one of them was not what it should be.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json), good_(json.is_object()) {}

  [[nodiscard]] bool good() const { return good_; }
  /// A whole number of 0 to `most`; `otherwise` where it is not there.
  std::uint64_t number(const char* name, std::uint64_t most, std::uint64_t otherwise = 0) {
    if (!has(name)) return otherwise;
    const Json& member = json_[name];
    const bool whole = member.is_number_unsigned() ||
                       (member.is_number_integer() && member.get<std::int64_t>() >= 0);
    if (!whole || member.get<std::uint64_t>() > most) return wrong();
    return member.get<std::uint64_t>();
  }
  template <typename Number>
  void number_into(const char* name, Number& into) {
    into = static_cast<Number>(number(name, std::numeric_limits<Number>::max(), into));
  }
  /// A span from 0 on, in microseconds.
  Duration span(const char* name) {
    return Duration(static_cast<std::int64_t>(
        number(name, static_cast<std::uint64_t>(kMostTraceTime.count()))));
  }
  std::string_view text(const char* name) {
    if (!has(name)) return {};
    if (const auto* text = json_[name].get_ptr<const std::string*>()) return *text;
    wrong();
    return {};
  }
  /// The one of `count` values that has this name.
  template <typename Enum>
  void named(const char* name, std::size_t count, Enum& into) {
    if (!has(name)) return;
    const std::string_view wanted = text(name);
    for (std::size_t i = 0; i < count; ++i) {
      if (to_string(static_cast<Enum>(i)) != wanted) continue;
      into = static_cast<Enum>(i);
      return;
    }
    wrong();
  }
  void endpoint(const char* name, host::Endpoint& into) {
    const auto endpoint = host::Endpoint::parse(text(name));
    if (!endpoint) wrong();
    into = endpoint.value_or(host::Endpoint{});
  }
  std::uint64_t wrong() {
    good_ = false;
    return 0;
  }

 private:
  [[nodiscard]] bool has(const char* name) const { return good_ && json_.contains(name); }

  const Json& json_;
  bool good_;
};

}  // namespace

Json json_of(const TraceEvent& event) {
  Json json{{"at_us", event.at.time_since_epoch().count()},
            {"local", event.flow.local.to_string()},
            {"remote", event.flow.remote.to_string()},
            {"kind", to_string(event.kind)}};
  const TraceEvent blank;
  const bool sent = event.kind == Kind::sent;
  const bool transition = event.kind == Kind::transition;
  if (event.is_segment() || event.octets != blank.octets) json["octets"] = event.octets;
  if (event.is_segment() || event.header_size > 0) json["header"] = hex_of(event.header_bytes());
  if (event.drop != blank.drop) json["drop"] = to_string(event.drop);
  if (sent || event.why != blank.why) json["why"] = to_string(event.why);
  if (event.attempt != blank.attempt) json["attempt"] = event.attempt;
  if (event.attempts != blank.attempts) json["attempts"] = event.attempts;
  if (event.rto != blank.rto) json["rto_us"] = event.rto.count();
  if (transition || event.transition != blank.transition) {
    json["from"] = to_string(event.transition.from);
    json["event"] = to_string(event.transition.event);
    json["to"] = to_string(event.transition.to);
  }
  if (event.call != blank.call) json["call"] = to_string(event.call);
  return json;
}

std::optional<TraceEvent> event_of(const Json& json) {
  TraceEvent event;
  Reader read(json);
  event.at = TimePoint(read.span("at_us"));
  read.endpoint("local", event.flow.local);
  read.endpoint("remote", event.flow.remote);
  if (read.text("kind").empty()) return std::nullopt;
  read.named("kind", host::kTraceKinds, event.kind);
  read.named("call", host::kTraceCalls, event.call);
  read.named("drop", tcp::kDropCount, event.drop);
  read.named("why", tcp::kWhyCount, event.why);
  read.number_into("attempt", event.attempt);
  read.number_into("attempts", event.attempts);
  event.rto = read.span("rto_us");
  read.named("from", tcp::kStateCount, event.transition.from);
  read.named("event", tcp::kEventCount, event.transition.event);
  read.named("to", tcp::kStateCount, event.transition.to);
  read.number_into("octets", event.octets);
  if (!read_hex(read.text("header"), event)) return std::nullopt;
  return read.good() ? std::optional(event) : std::nullopt;
}

Json trace_answer(const Trace& trace, const Json& request, TimePoint now, Duration wall) {
  Reader read(request);
  constexpr auto kAny = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t wanted = read.number("from", kAny);
  const std::uint64_t most =
      std::min<std::uint64_t>(read.number("most", kAny, kMostTraceEvents), kMostTraceEvents);
  if (!read.good()) return {{"error", "\"from\" and \"most\" are whole numbers, 0 or more"}};
  const std::uint64_t end = trace.end();
  const std::uint64_t begin = trace.on() ? trace.begin() : end;
  const std::uint64_t from = std::clamp(wanted, begin, end);
  Json events = Json::array();
  for (std::uint64_t i = from; i < from + std::min(most, end - from); ++i) {
    events.push_back(json_of(trace[i]));
  }
  return {{"begin", begin},
          {"end", end},
          {"keeps", trace.most()},
          {"from", from},
          {"now_us", now.time_since_epoch().count()},
          {"wall_us", wall.count()},
          {"events", std::move(events)}};
}

std::expected<TracePage, std::string> page_of(const Json& answer) {
  const std::string wrong = "it answers what is no trace: another version of lastack?";
  Reader read(answer);
  if (const auto error = read.text("error"); !error.empty()) {
    return std::unexpected("it answers: " + std::string(error));
  }
  TracePage page;
  read.number_into("begin", page.begin);
  read.number_into("end", page.end);
  read.number_into("keeps", page.keeps);
  read.number_into("from", page.from);
  read.number_into("queues", page.queues);
  page.now = TimePoint(read.span("now_us"));
  page.wall = read.span("wall_us");
  if (!read.good() || !answer.contains("events") || !answer["events"].is_array()) {
    return std::unexpected(wrong);
  }
  const Json& events = answer["events"];
  const bool fits =
      page.begin <= page.from && page.from <= page.end && events.size() <= page.end - page.from;
  if (!fits) return std::unexpected(wrong);
  for (const Json& json : events) {
    auto event = event_of(json);
    if (!event) return std::unexpected(wrong);
    page.events.push_back(*event);
  }
  return page;
}

}  // namespace lastack::control
