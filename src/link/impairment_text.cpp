#include "link/impairment_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace lastack::link {
namespace {

constexpr Duration kReorderBy = 5ms;  // where nothing else is said
constexpr double kBurstLength = 5;    // packets

/// A number and what stands behind it.
struct Measure {
  double number = 0;
  std::string_view unit;
};

std::optional<Measure> measure_of(std::string_view text) {
  Measure m;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), m.number);
  if (error != std::errc{} || !(m.number >= 0)) return std::nullopt;
  m.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return m;
}

struct Unit {
  std::string_view name;
  double factor;
};

/// The measure in the unit whose factor is 1; nothing where the text is no such thing.
template <std::size_t n>
std::optional<double> in_units(std::string_view text, const std::array<Unit, n>& units,
                               double most) {
  const auto m = measure_of(text);
  if (!m) return std::nullopt;
  const auto unit = std::ranges::find(units, m->unit, &Unit::name);
  if (unit == units.end() || m->number * unit->factor > most) return std::nullopt;
  return m->number * unit->factor;
}

constexpr std::array kShares{Unit{"%", 0.01}};
constexpr std::array kTimes{Unit{"us", 1}, Unit{"ms", 1e3}, Unit{"s", 1e6}};
constexpr std::array kRates{Unit{"bit", 0.125}, Unit{"kbit", 125}, Unit{"mbit", 125e3},
                            Unit{"gbit", 125e6}};
constexpr std::array kSizes{Unit{"B", 1}, Unit{"kB", 1e3}, Unit{"MB", 1e6}};
constexpr std::array kPlain{Unit{"", 1}};

bool take_share(double& into, std::string_view text) {
  const auto share = in_units(text, kShares, 1);
  into = share.value_or(0);
  return share.has_value();
}

bool take_time(Duration& into, std::string_view text) {
  const auto time = in_units(text, kTimes, 1e9);
  into = Duration(static_cast<std::int64_t>(time.value_or(0)));
  return time.has_value();
}

bool take_size(std::size_t& into, std::string_view text) {
  const auto size = in_units(text, kSizes, 1e12);
  into = static_cast<std::size_t>(size.value_or(0));
  return size.has_value();
}

bool take_rate(std::uint64_t& into, std::string_view text) {
  const auto rate = in_units(text, kRates, 1e12);
  into = static_cast<std::uint64_t>(rate.value_or(0));
  return rate.has_value() && into > 0;
}

bool take_length(double& turns_good, std::string_view text) {
  const auto packets = in_units(text, kPlain, 1e9);
  if (!packets || *packets < 1) return false;
  turns_good = 1 / *packets;
  return true;
}

bool take_seed(std::optional<std::uint64_t>& into, std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  into = seed;
  return true;
}

struct Word {
  std::string_view name;
  std::string_view example;
  bool (*take)(WireInWords& into, std::string_view text);
};

constexpr std::array kWords{
    Word{"loss", "loss=1%", [](auto& w, auto t) { return take_share(w.impairment.loss, t); }},
    Word{"burst", "burst=0.1%",
         [](auto& w, auto t) {
           w.impairment.burst_loss = 1;
           return take_share(w.impairment.turns_bad, t);
         }},
    Word{"burst-length", "burst-length=5",
         [](auto& w, auto t) { return take_length(w.impairment.turns_good, t); }},
    Word{"delay", "delay=20ms", [](auto& w, auto t) { return take_time(w.impairment.delay, t); }},
    Word{"jitter", "jitter=5ms", [](auto& w, auto t) { return take_time(w.impairment.jitter, t); }},
    Word{"reorder", "reorder=2%",
         [](auto& w, auto t) { return take_share(w.impairment.reorder, t); }},
    Word{"reorder-by", "reorder-by=5ms",
         [](auto& w, auto t) { return take_time(w.impairment.reorder_by, t); }},
    Word{"duplicate", "duplicate=1%",
         [](auto& w, auto t) { return take_share(w.impairment.duplicate, t); }},
    Word{"corrupt", "corrupt=0.1%",
         [](auto& w, auto t) { return take_share(w.impairment.corrupt, t); }},
    Word{"rate", "rate=50mbit", [](auto& w, auto t) { return take_rate(w.impairment.rate, t); }},
    Word{"queue", "queue=100kB", [](auto& w, auto t) { return take_size(w.impairment.queue, t); }},
    Word{"ecn", "ecn=30kB", [](auto& w, auto t) { return take_size(w.impairment.ecn, t); }},
    Word{"seed", "seed=7", [](auto& w, auto t) { return take_seed(w.seed, t); }}};

std::string names() {
  std::string all;
  for (const Word& word : kWords) all += (all.empty() ? "" : ", ") + std::string(word.name);
  return all;
}

}  // namespace

std::string_view impairment_help() {
  return "loss, duplicate, corrupt, reorder: a share of the packets, as in 1%; reorder-by: how "
         "late "
         "those are (5ms). burst: how often losses in a row begin, burst-length: how many (5). "
         "delay, jitter: times. rate: as in 50mbit; queue: octets that wait for it, as in 100kB; "
         "ecn: from how many on packets are marked instead. seed: the same fate again";
}

std::expected<WireInWords, std::string> parse_impairment(std::string_view text) {
  WireInWords wire;
  wire.impairment.turns_good = 1 / kBurstLength;
  wire.impairment.reorder_by = kReorderBy;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto word = std::ranges::find(kWords, part.substr(0, equals), &Word::name);
    if (word == kWords.end()) {
      return std::unexpected("a wire has no '" + std::string(part.substr(0, equals)) +
                             "'\n  it has " + names());
    }
    const std::string_view value = part.substr(std::min(part.size(), equals + 1));
    if (!word->take(wire, value)) {
      return std::unexpected("'" + std::string(part) + "' is none, write it as in " +
                             std::string(word->example));
    }
  }
  const Impairment& i = wire.impairment;
  if (i.rate == 0 && (i.queue > 0 || i.ecn > 0)) {
    return std::unexpected("nothing waits in a queue without a rate, as in rate=50mbit");
  }
  return wire;
}

}  // namespace lastack::link
