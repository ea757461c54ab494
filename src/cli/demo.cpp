// lastack demo: a scenario in virtual time, as a ladder with a sentence for each step.
#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "insight/scenarios.hpp"

namespace lastack::cli {
namespace {

using insight::LadderEvent;
using insight::Language;

struct DemoOptions {
  std::string scenario;
  std::string language = "en";
  std::string profile = "bsd";
  std::vector<std::uint64_t> drop;
  bool v6 = false;
  bool ascii = false;
  bool json = false;
  bool list = false;
};

std::string_view kind_text(LadderEvent::Kind kind) {
  using Kind = LadderEvent::Kind;
  switch (kind) {
    case Kind::state: return "state";
    case Kind::call: return "call";
    case Kind::sent: return "sent";
    case Kind::arrived: return "arrived";
    case Kind::lost: return "lost";
    case Kind::remark: return "remark";
    case Kind::note: break;
  }
  return "note";
}

void print_json(const insight::Scenario& scenario, const insight::Ladder& ladder) {
  nlohmann::json events = nlohmann::json::array();
  for (const LadderEvent& e : ladder.events) {
    nlohmann::json event{{"ms", static_cast<double>((e.at - ladder.begin).count()) / 1000},
                         {"kind", kind_text(e.kind)}};
    if (e.kind != LadderEvent::Kind::note)
      event["side"] = e.side == insight::Side::left ? "A" : "B";
    if (e.segment != 0) event["segment"] = e.segment;
    if (!e.text.empty()) event["text"] = e.text;
    events.push_back(std::move(event));
  }
  const nlohmann::json all{{"schema", 1},
                           {"scenario", scenario.name},
                           {"a", ladder.left},
                           {"b", ladder.right},
                           {"events", std::move(events)}};
  fmt::print("{}\n", all.dump(2));
}

/// The title without the name in front of it.
std::string_view short_title(const insight::Scenario& scenario, Language language) {
  const std::string_view title = scenario.title.in(language);
  const std::size_t colon = title.find_first_of(":\xef");
  std::string_view rest = title.substr(colon == std::string_view::npos ? 0 : colon);
  rest.remove_prefix(rest.starts_with("：") ? 3 : std::min<std::size_t>(2, rest.size()));
  return rest;
}

void print_list(Language language) {
  for (const auto& s : insight::scenarios())
    fmt::print("{:<20} {}\n", s.name, short_title(s, language));
}

/// What to try then: where that is this with Linux's profile, and it was shown so, this without.
std::string next_of(const insight::Scenario& scenario, const DemoOptions& options) {
  std::string next(scenario.next);
  const std::string again = fmt::format("lastack demo {} --profile linux", scenario.name);
  const std::size_t at = next.find(again);
  if (options.profile != "linux" || at == std::string::npos) return next;
  return next.replace(at, again.size(), fmt::format("lastack demo {}", scenario.name));
}

void play(const DemoOptions& options) {
  const Language language = options.language == "zh" ? Language::chinese : Language::english;
  if (options.list || options.scenario.empty()) {
    print_list(language);
    return;
  }
  const insight::Scenario* scenario = insight::find_scenario(options.scenario);
  if (scenario == nullptr) {
    throw Failure{fmt::format("no scenario is called '{}'\n  lastack demo --list   names them all",
                              options.scenario),
                  kUsage};
  }
  sim::TwoHostsConfig config =
      insight::config_of(*scenario, options.v6, options.profile == "linux");
  config.drop.insert(options.drop.begin(), options.drop.end());
  insight::Stage stage(language, config);
  scenario->play(stage);
  const insight::Ladder ladder = stage.finish(std::string(scenario->title.in(language)));
  if (options.json) {
    print_json(*scenario, ladder);
    return;
  }
  const bool plain = options.ascii || !speaks_utf8();
  fmt::print("{}", render(ladder, {.ascii = plain, .colour = takes_colour()}));
  fmt::print("try: {}\n", next_of(*scenario, options));
}

Manual demo_manual() {
  std::vector<Term> scenarios;
  for (const auto& s : insight::scenarios())
    scenarios.push_back({std::string(s.name), std::string(short_title(s, Language::english))});
  return {
      .summary = "show a scenario of TCP's states as a ladder",
      .description =
          "Two hosts, A and B, make a real connection inside this process, and what happens is "
          "printed as a ladder: each side's calls and states in its column, the segments between "
          "them, and a sentence for each step. Time is virtual, so an hour of waiting takes no "
          "time, and the same scenario is the same every time. The numbers on the left are "
          "seconds; sequence numbers count from the connection's first. A segment that is lost "
          "ends in a cross on its way. What they show about each call is told by the pages of "
          "docs/reference, in English and in Chinese.",
      .terms_title = "scenarios",
      .terms = std::move(scenarios),
      .examples = {{"lastack demo half-close", "one side has no more to say, the other has"},
                   {"lastack demo close --drop 3", "the same close with its third segment lost"},
                   {"lastack demo dup-close -6 --lang zh", "over IPv6, told in Chinese"},
                   {"lastack demo shut-rdwr --profile linux", "where Linux does something else"},
                   {"lastack demo linger0 --json", "what happened, for a program"}},
      .exit_codes = {{kOk, "the ladder or the list was printed"},
                     {kUsage, "no such scenario, or wrong usage"}}};
}

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* demo = add_command(app, "demo", demo_manual());
  auto* scenario =
      demo->add_option("SCENARIO", options->scenario, "which one; without it they are listed");
  std::vector<std::string> names;
  for (const auto& s : insight::scenarios()) names.emplace_back(s.name);
  suggest(scenario, names);
  demo->add_option("--lang", options->language, "language of the sentences")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  demo->add_option("--profile", options->profile, "how sockets close where systems differ")
      ->check(CLI::IsMember({"bsd", "linux"}))
      ->capture_default_str();
  demo->add_option("--drop", options->drop, "lose the N-th segment shown")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  demo->add_flag("-6", options->v6, "over IPv6");
  demo->add_flag("--ascii", options->ascii, "arrows of ASCII characters");
  demo->add_flag("--json", options->json, "the events as JSON");
  demo->add_flag("--list", options->list, "list the scenarios");
  demo->callback([options] { play(*options); });
}

}  // namespace lastack::cli
