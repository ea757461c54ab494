#include "cli/link_view.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace lastack::cli {
namespace {

using nlohmann::json;

std::string text(const wire::Prefix& prefix) {
  return fmt::format("{}/{}", prefix.address.to_string(), prefix.length);
}

/// Seconds until then; null for never.
json left(TimePoint until, TimePoint now) {
  if (until == kNever) return nullptr;
  return (until - now) / std::chrono::seconds(1);
}

json addresses(const ip::LinkLayer& link, TimePoint now) {
  json rows = json::array();
  for (const ip::OwnAddress& a : link.addresses()) {
    json row{{"address", text(a.prefix)},
             {"state", to_string(a.state)},
             {"origin", to_string(a.origin)},
             {"preferred_s", left(a.preferred_until, now)},
             {"valid_s", left(a.valid_until, now)}};
    if (a.rival.is_station()) row["rival"] = a.rival.to_string();
    rows.push_back(std::move(row));
  }
  return {{"mac", link.mac().to_string()}, {"addresses", std::move(rows)}};
}

json neighbours(const ip::LinkLayer& link) {
  json rows = json::array();
  for (const ip::Neighbour& n : link.neighbours()) {
    json row{
        {"address", n.address.to_string()}, {"state", to_string(n.state)}, {"router", n.router}};
    if (has_link_address(n.state)) row["mac"] = n.mac.to_string();
    rows.push_back(std::move(row));
  }
  return rows;
}

json routes(const ip::LinkLayer& link, TimePoint now) {
  json rows = json::array();
  for (const ip::Route& r : link.routes()) {
    rows.push_back({{"to", text(r.to)},
                    {"via", r.on_link() ? json(nullptr) : json(r.via.to_string())},
                    {"metric", r.metric},
                    {"origin", to_string(r.origin)},
                    {"left_s", left(r.until, now)},
                    {"failed", r.failed != TimePoint{}}});
  }
  return rows;
}

template <typename Reason, std::size_t n>
json reasons(const std::array<std::uint64_t, n>& counts) {
  json out;
  for (std::size_t i = 0; i < n; ++i) {
    out[std::string(to_string(static_cast<Reason>(i)))] = counts[i];
  }
  return out;
}

json counters(const ip::LinkLayer& link) {
  const ip::LinkCounters& c = link.counters();
  return {{"frames_in", c.frames_in},
          {"arp_in", c.arp_in},
          {"ndp_in", c.ndp_in},
          {"mld_in", c.mld_in},
          {"control_out", c.control_out},
          {"dropped", reasons<ip::LinkDrop>(c.dropped)},
          {"bad_frame", reasons<wire::FrameError>(c.bad_frame)},
          {"bad_arp", reasons<wire::ArpError>(c.bad_arp)},
          {"bad_ndp", reasons<wire::NdpError>(c.bad_ndp)}};
}

json tally(const link::ImpairmentTally& t) {
  return {{"sent", t.sent},
          {"lost", t.lost},
          {"queue_full", t.queue_full},
          {"marked", t.marked},
          {"duplicated", t.duplicated},
          {"reordered", t.reordered},
          {"corrupted", t.corrupted},
          {"handed_on", t.handed_on}};
}

struct View {
  std::string_view name;
  json (*of)(const ip::LinkLayer& link, TimePoint now);
};
constexpr std::array kViews{
    View{"addresses", addresses},
    View{"neighbours", [](const ip::LinkLayer& link, TimePoint) { return neighbours(link); }},
    View{"routes", routes},
    View{"link_counters", [](const ip::LinkLayer& link, TimePoint) { return counters(link); }}};

}  // namespace

json counters_of(const link::ImpairedLink& out, const link::ImpairedLink& in) {
  return {{"out", tally(out.tally())}, {"in", tally(in.tally())}};
}

std::optional<json> link_view(const host::Host& host, const std::string& name, TimePoint now) {
  const auto view = std::ranges::find(kViews, name, &View::name);
  if (view == kViews.end()) return std::nullopt;
  const ip::LinkLayer* link = host.link();
  if (link == nullptr) {
    return json{{"error", name + " are those of a host on Ethernet, and this one is on none"}};
  }
  return view->of(*link, now);
}

std::string sentence(const ip::LinkNews& news) {
  using Kind = ip::LinkNews::Kind;
  const std::string address = news.address.to_string();
  const std::string other = news.mac.to_string();
  switch (news.kind) {
    case Kind::usable: return fmt::format("using {}", address);
    case Kind::duplicate: return fmt::format("not using {}: {} has it", address, other);
    case Kind::conflict:
      return fmt::format("{} uses {} as well: one of the two needs another", other, address);
    case Kind::gone: return fmt::format("no longer using {}: its lifetime is over", address);
    case Kind::resolved: return fmt::format("{} is at {}", address, other);
    case Kind::unreachable: return fmt::format("{} does not answer", address);
    case Kind::forgotten: break;
  }
  return fmt::format("{} is not asked for any more", address);
}

}  // namespace lastack::cli
