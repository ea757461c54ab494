#include "cli/manual.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace lastack::cli {
namespace {

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    return help_text(page_of(*app));
  }
};

/// The words of a rule "{en,zh}"; none where it is another.
std::vector<std::string> words_of(const std::string& rule) {
  if (rule.size() < 2 || rule.front() != '{') return {};
  return CLI::detail::split(rule.substr(1, rule.size() - 2), ',');
}

/// "1e+06" is 1000000, as one types it.
std::string plain_number(const std::string& text) {
  return text.find('e') == std::string::npos ? text : fmt::format("{:.0f}", std::stod(text));
}

/// "UINT in [1 - 8]" is "1 to 8"; nothing for other rules.
std::string range_of(const std::string& rule) {
  const std::size_t open = rule.find("in [");
  const std::size_t dash = rule.find(" - ");
  if (open == std::string::npos || dash == std::string::npos) return {};
  return plain_number(rule.substr(open + 4, dash - open - 4)) + " to " +
         plain_number(rule.substr(dash + 3, rule.size() - dash - 4));
}

bool is_rule(const std::string& part) {
  return !words_of(part).empty() || !range_of(part).empty() || part == "POSITIVE";
}

/// What CLI11 says of a value, taken apart: "N:INT in [1 - 8]" has the name N and one rule. A name
/// may have colons of its own, as "[ADDRESS:]PORT:PORT".
struct Value {
  std::string name;
  std::vector<std::string> rules;
};

Value value_of(const CLI::Option& option) {
  const std::vector<std::string> parts = CLI::detail::split(option.get_type_name(), ':');
  const auto first_rule = std::ranges::find_if(parts, is_rule);
  Value value{.name = fmt::format("{}", fmt::join(parts.begin(), first_rule, ":")),
              .rules = {first_rule, parts.end()}};
  if (value.name == "UINT" || value.name == "INT") value.name = "N";
  if (value.name == "FLOAT") value.name = "NUMBER";
  return value;
}

/// Whether it may stand there any number of times.
bool is_repeated(const CLI::Option& option) {
  return option.get_expected_max() >= CLI::detail::expected_max_vector_size;
}

std::string names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const CLI::Option* o : options) names.push_back(o->get_name());
  std::ranges::sort(names);  // the set is ordered by address
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Limits, the default and what goes together, as they stand behind the help of an option.
std::string facts_of(const CLI::Option& option, const Value& value, const std::string& rule) {
  std::vector<std::string> facts;
  for (const std::string& rule : value.rules) {
    if (const std::string range = range_of(rule); !range.empty()) facts.push_back(range);
    if (rule == "POSITIVE") facts.emplace_back("from 1");
  }
  if (option.get_type_size() != 0 && !option.get_default_str().empty())
    facts.push_back("default " + option.get_default_str());
  const bool several = is_repeated(option) && option.get_positional();
  if (several) facts.emplace_back(option.get_required() ? "one or more" : "any number");
  if (option.get_required() && !several) facts.emplace_back("required");
  if (is_repeated(option) && !several) facts.emplace_back("may be given again");
  if (!option.get_needs().empty()) facts.push_back("only with " + names_of(option.get_needs()));
  if (!option.get_excludes().empty())
    facts.push_back("not with " + names_of(option.get_excludes()));
  if (!rule.empty()) facts.push_back(rule);
  return facts.empty() ? "" : fmt::format(" ({})", fmt::join(facts, "; "));
}

OptionPage page_of(const CLI::Option& option, const std::string& rule) {
  OptionPage page;
  page.argument = option.get_positional();
  if (page.argument) {
    page.names = {option.get_name(true)};
  } else {
    for (const std::string& name : option.get_snames()) page.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) page.names.push_back("--" + name);
  }
  const Value value = value_of(option);
  for (const std::string& rule : value.rules) {
    for (std::string& word : words_of(rule)) page.choices.push_back(std::move(word));
  }
  if (option.get_type_size() != 0) page.value = value.name;
  page.help = option.get_description() + facts_of(option, value, rule);
  page.required = option.get_required();
  page.repeated = is_repeated(option);
  return page;
}

/// All of `app`'s own but --help, which each group of options has again.
std::vector<const CLI::Option*> own_options(const CLI::App& app) {
  return app.get_options([&](const CLI::Option* option) {
    const bool hidden = option->get_group().empty();
    return !hidden && option != app.get_help_ptr();
  });
}

/// What a group of options asks for: "one of --tun, --tap".
std::string rule_of(const CLI::App& group) {
  if (group.get_require_option_min() == 0) return {};
  std::vector<std::string> names;
  const auto options = own_options(group);
  names.reserve(options.size());
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  return fmt::format("{}one of {}", group.get_require_option_max() == 1 ? "" : "at least ",
                     fmt::join(names, ", "));
}

/// The options of `app`, and of its groups, which CLI11 keeps as subcommands without a name.
void collect_options(const CLI::App& app, const std::string& rule, CommandPage& page) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_name().empty()) collect_options(*sub, rule_of(*sub), page);
  }
  for (const CLI::Option* option : own_options(app)) {
    OptionPage one = page_of(*option, rule);
    (one.argument ? page.arguments : page.options).push_back(std::move(one));
  }
}

}  // namespace

Command::Command(std::string name, Manual manual)
    : App(manual.summary, std::move(name)), manual_(std::move(manual)) {
  formatter(std::make_shared<HelpFormatter>());
  get_help_ptr()->description("print this and end");
}

CLI::App* add_command(CLI::App& parent, std::string name, Manual manual) {
  CLI::App* command =
      parent.add_subcommand(std::make_shared<Command>(std::move(name), std::move(manual)));
  return command->fallthrough();  // --config is the program's
}

void suggest(CLI::Option* option, const std::vector<std::string>& words) {
  option->check(CLI::Validator([](std::string&) { return std::string(); },
                               fmt::format("{{{}}}", fmt::join(words, ","))));
}

CommandPage page_of(const CLI::App& app) {
  CommandPage page;
  page.name = app.get_name();
  const CLI::App* root = &app;
  while (root->get_parent() != nullptr) {
    root = root->get_parent();
    page.name = root->get_name() + " " + page.name;
  }
  if (const auto* command = dynamic_cast<const Command*>(&app)) {
    page.manual = command->manual();
  } else {
    page.manual.summary = app.get_description();
  }
  collect_options(app, "", page);
  if (root != &app && root->get_config_ptr() != nullptr)
    page.options.push_back(page_of(*root->get_config_ptr(), ""));
  if (app.get_help_ptr() != nullptr) page.options.push_back(page_of(*app.get_help_ptr(), ""));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_name().empty()) page.subcommands.push_back(page_of(*sub));
  }
  return page;
}

std::string usage_of(const CommandPage& page) {
  std::string text = page.name;
  if (!page.subcommands.empty()) return text + " SUBCOMMAND [OPTION...]";
  text += " [OPTION...]";
  for (const OptionPage& a : page.arguments) {
    const std::string name = a.names.front() + (a.repeated ? "..." : "");
    text += a.required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string title_of(const OptionPage& option) {
  std::string title = fmt::format("{}", fmt::join(option.names, ", "));
  if (option.argument || option.value.empty()) return title;
  constexpr std::size_t kMostShown = 4;
  const bool few = !option.choices.empty() && option.choices.size() <= kMostShown;
  return title + " " + (few ? fmt::format("{}", fmt::join(option.choices, "|")) : option.value);
}

}  // namespace lastack::cli
