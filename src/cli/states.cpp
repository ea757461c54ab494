// lastack states: the state machine, as it is compiled in.
#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "insight/state_table.hpp"

namespace lastack::cli {
namespace {

using insight::Language;

struct StatesOptions {
  std::string from;
  std::string to;
  std::string language = "en";
  bool json = false;
  bool mermaid = false;
  bool dot = false;
  bool svg = false;
};

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  names.reserve(tcp::kStateCount);
  for (std::size_t i = 0; i < tcp::kStateCount; ++i)
    names.emplace_back(to_string(static_cast<tcp::State>(i)));
  return names;
}

std::optional<tcp::State> state_of(const std::string& name) {
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    if (to_string(static_cast<tcp::State>(i)) == name) return static_cast<tcp::State>(i);
  }
  return std::nullopt;
}

void print_json(const std::vector<tcp::Row>& rows, Language language) {
  nlohmann::json states = nlohmann::json::array();
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    const auto state = static_cast<tcp::State>(i);
    states.push_back(
        {{"name", to_string(state)}, {"meaning", insight::meaning(state).in(language)}});
  }
  nlohmann::json events = nlohmann::json::array();
  for (std::size_t i = 0; i < tcp::kEventCount; ++i) {
    const auto event = static_cast<tcp::Event>(i);
    events.push_back(
        {{"name", to_string(event)}, {"meaning", insight::meaning(event).in(language)}});
  }
  nlohmann::json list = nlohmann::json::array();
  for (const tcp::Row& row : rows) {
    list.push_back({{"from", to_string(row.from)},
                    {"event", to_string(row.event)},
                    {"to", to_string(row.to)},
                    {"sends", insight::sends(row)},
                    {"section", row.section},
                    {"by_posix", row.by_posix}});
  }
  const nlohmann::json all{{"schema", 1},
                           {"states", std::move(states)},
                           {"events", std::move(events)},
                           {"rows", std::move(list)}};
  fmt::print("{}\n", all.dump(2));
}

void show(const StatesOptions& options) {
  const Language language = options.language == "zh" ? Language::chinese : Language::english;
  const auto rows = insight::rows({.from = state_of(options.from), .to = state_of(options.to)});
  if (rows.empty()) {
    throw Failure{
        fmt::format("no row leads from {} to {}\n  lastack states --from {}   shows where it leads",
                    options.from, options.to, options.from),
        kNothingFound};
  }
  if (options.json) {
    print_json(rows, language);
  } else if (options.mermaid) {
    fmt::print("{}", insight::as_mermaid(rows));
  } else if (options.dot) {
    fmt::print("{}", insight::as_dot(rows));
  } else if (options.svg) {
    fmt::print("{}", insight::as_svg(rows));
  } else {
    fmt::print("{}", insight::as_text(rows, language));
  }
}

Manual states_manual() {
  return {
      .summary = "print the table of TCP's states and transitions",
      .description =
          "Prints the one table that every change of state goes through (src/tcp/table.hpp): the "
          "event, the state it leads to, the segment that is sent with it, and the section of RFC "
          "9293, or of another RFC, that says so. Rows stand under the state they lead from; what "
          "the events are stands below.",
      .examples = {{"lastack states --from FIN_WAIT_1", "all ways out of one state"},
                   {"lastack states --to TIME_WAIT", "all ways into one"},
                   {"lastack states --svg > states.svg", "the diagram, drawn"},
                   {"lastack states --dot > states.dot", "for Graphviz: dot -Tpdf states.dot"},
                   {"lastack states --lang zh", "with its sentences in Chinese"}},
      .exit_codes = {{kOk, "rows were printed"},
                     {kUsage, "wrong usage"},
                     {kNothingFound, "no row leads from the one state to the other"}}};
}

}  // namespace

void add_states(CLI::App& app) {
  auto options = std::make_shared<StatesOptions>();
  CLI::App* sub = add_command(app, "states", states_manual());
  for (const auto& [name, value, help] :
       {std::tuple("--from", &options->from, "only rows that lead from this state"),
        std::tuple("--to", &options->to, "only rows that lead to this state")}) {
    sub->add_option(name, *value, help)
        ->type_name("STATE")
        ->check(CLI::IsMember(state_names(), CLI::ignore_case));
  }
  sub->add_option("--lang", options->language, "language of the sentences")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  auto* json = sub->add_flag("--json", options->json, "states, events and rows as JSON");
  auto* mermaid = sub->add_flag("--mermaid", options->mermaid, "a stateDiagram of Mermaid");
  auto* dot = sub->add_flag("--dot", options->dot, "a digraph of Graphviz");
  auto* svg = sub->add_flag("--svg", options->svg, "the classic diagram as SVG");
  mermaid->excludes(json);
  dot->excludes(json)->excludes(mermaid);
  svg->excludes(json)->excludes(mermaid)->excludes(dot);
  sub->callback([options] { show(*options); });
}

}  // namespace lastack::cli
