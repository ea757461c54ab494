// lastack man: the manual's pages as troff, or everything that is known of the commands as JSON.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "lastack/version.hpp"

namespace lastack::cli {
namespace {

/// Text as troff takes it: no escape, no request by accident, and hyphens that can be copied.
std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  const bool request = out.starts_with('.') || out.starts_with('\'');
  return request ? "\\&" + out : out;
}

/// "lastack bench bulk" is lastack-bench-bulk(1) where it has a page.
std::string file_name(std::string name) {
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string roff_paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    const std::string paragraph = troff(text.substr(0, end));
    const bool file = paragraph.starts_with(' ');  // a piece of one: as it is
    out +=
        file ? fmt::format(".PP\n.EX\n{}\n.EE\n", paragraph) : fmt::format(".PP\n{}\n", paragraph);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

std::string tagged(std::string_view title, std::string_view text) {
  return fmt::format(".TP\n.B {}\n{}\n", troff(title), troff(text));
}

std::string options(const CommandPage& page, std::string_view section) {
  std::string out;
  if (!page.arguments.empty()) out += fmt::format(".{} ARGUMENTS\n", section);
  for (const OptionPage& a : page.arguments) out += tagged(title_of(a), a.help);
  if (!page.options.empty()) out += fmt::format(".{} OPTIONS\n", section);
  for (const OptionPage& o : page.options) out += tagged(title_of(o), o.help);
  return out;
}

std::string terms(const Manual& manual, std::string_view section) {
  std::string title = manual.terms_title;
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string out = manual.terms.empty() ? "" : fmt::format(".{} {}\n", section, troff(title));
  for (const Term& t : manual.terms) out += tagged(t.word, t.meaning);
  return out;
}

std::string examples(const Manual& manual, std::string_view section) {
  std::string out;
  if (!manual.examples.empty()) out += fmt::format(".{} EXAMPLES\n", section);
  for (const Example& e : manual.examples) {
    out +=
        fmt::format(".PP\n{}:\n.PP\n.in +4\n.EX\n{}\n.EE\n.in\n", troff(e.shows), troff(e.command));
  }
  return out;
}

/// A subcommand of a subcommand stands on its parent's page.
std::string nested(const CommandPage& page) {
  return fmt::format(".SH {}\n.B {}\n.PP\n{}.\n", troff(page.name), troff(usage_of(page)),
                     troff(page.manual.summary)) +
         roff_paragraphs(page.manual.description) + terms(page.manual, "SS") + options(page, "SS") +
         examples(page.manual, "SS");
}

std::string see_also(const CommandPage& page) {
  if (page.name != "lastack") return ".SH SEE ALSO\n.BR lastack (1)\n";
  std::string out;
  for (const CommandPage& sub : page.subcommands) {
    out += fmt::format("{}.BR {} (1)", out.empty() ? ".SH SEE ALSO\n" : ",\n",
                       troff(file_name(sub.name)));
  }
  return out + "\n";
}

CommandPage root_page(const CLI::App& app) {
  const CLI::App* root = &app;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return page_of(*root);
}

/// The page of "demo" or "bench bulk"; a Failure where there is none.
const CommandPage& find_page(const CommandPage& root, const std::vector<std::string>& words) {
  const CommandPage* at = &root;
  for (const std::string& word : words) {
    const auto found =
        std::ranges::find(at->subcommands, at->name + " " + word, &CommandPage::name);
    if (found == at->subcommands.end()) {
      throw Failure{fmt::format("{} has no subcommand '{}'\n  {} --help   names them all", at->name,
                                word, at->name),
                    kUsage};
    }
    at = &*found;
  }
  return *at;
}

void write_file(const std::filesystem::path& file, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  std::ofstream out(file, std::ios::binary);
  if (!(out << text << std::flush))
    throw Failure{fmt::format("can't write {}: {}", file.string(), std::strerror(errno))};
}

nlohmann::json json_of(const OptionPage& o) {
  return {{"names", o.names}, {"value", o.value},       {"choices", o.choices},
          {"help", o.help},   {"required", o.required}, {"repeated", o.repeated}};
}

nlohmann::json json_of(const CommandPage& page) {
  nlohmann::json out{{"name", page.name},
                     {"summary", page.manual.summary},
                     {"description", page.manual.description},
                     {"usage", usage_of(page)},
                     {"arguments", nlohmann::json::array()},
                     {"options", nlohmann::json::array()},
                     {"examples", nlohmann::json::array()},
                     {"exit_codes", nlohmann::json::array()},
                     {"subcommands", nlohmann::json::array()}};
  for (const OptionPage& a : page.arguments) out["arguments"].push_back(json_of(a));
  for (const OptionPage& o : page.options) out["options"].push_back(json_of(o));
  for (const Example& e : page.manual.examples)
    out["examples"].push_back({{"command", e.command}, {"shows", e.shows}});
  for (const ExitCode& e : page.manual.exit_codes)
    out["exit_codes"].push_back({{"code", e.code}, {"when", e.when}});
  for (const CommandPage& sub : page.subcommands) out["subcommands"].push_back(json_of(sub));
  return out;
}

struct ManOptions {
  std::vector<std::string> words;
  std::string into;
  bool json = false;
};

void run_man(const ManOptions& options, const CommandPage& root) {
  if (!options.into.empty()) {
    const std::filesystem::path folder(options.into);
    write_file(folder / "lastack.1", man_page(root));
    for (const CommandPage& sub : root.subcommands)
      write_file(folder / (file_name(sub.name) + ".1"), man_page(sub));
    return;
  }
  const CommandPage& page = find_page(root, options.words);
  if (options.json) {
    nlohmann::json all = json_of(page);
    all["schema"] = 1;
    fmt::print("{}\n", all.dump(2));
  } else {
    fmt::print("{}", man_page(page));
  }
}

}  // namespace

std::string man_page(const CommandPage& page) {
  std::string title = file_name(page.name);
  std::string out =
      fmt::format(".\\\" Written by `lastack man`; don't edit.\n.TH {} 1 \"\" \"lastack {}\"\n",
                  troff(title), version());
  out += fmt::format(".SH NAME\n{} \\- {}\n", troff(title), troff(page.manual.summary));
  out += fmt::format(".SH SYNOPSIS\n.B {}\n", troff(usage_of(page)));
  const std::string& text = page.manual.description;
  out += ".SH DESCRIPTION\n" + roff_paragraphs(text.empty() ? page.manual.summary + "." : text);
  if (page.name == "lastack") {
    out += ".SH SUBCOMMANDS\n";
    for (const CommandPage& sub : page.subcommands)
      out += tagged(sub.name.substr(page.name.size() + 1), sub.manual.summary);
  } else {
    for (const CommandPage& sub : page.subcommands) out += nested(sub);
  }
  out += terms(page.manual, "SH") + options(page, "SH") + examples(page.manual, "SH");
  if (!page.manual.exit_codes.empty()) out += ".SH EXIT STATUS\n";
  for (const ExitCode& e : page.manual.exit_codes) out += tagged(std::to_string(e.code), e.when);
  return out + see_also(page);
}

void add_man(CLI::App& app) {
  auto options = std::make_shared<ManOptions>();
  CLI::App* man = add_command(
      app, "man",
      {.summary = "print a page of the manual",
       .description = "Prints the page of lastack or of a subcommand as troff, made from the same "
                      "words as its --help. Installing lastack installs all of them, so that man "
                      "lastack-demo shows this too.",
       .examples = {{"lastack man demo | man -l -", "the page of a subcommand, as man shows it"},
                    {"lastack man --json", "every command, option and example as JSON"}},
       .exit_codes = {{kOk, "printed or written"},
                      {kFailed, "a file can't be written"},
                      {kUsage, "no such subcommand, or wrong usage"}}});
  auto* words =
      man->add_option("SUBCOMMAND", options->words, "whose page; without it lastack's own");
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  suggest(words, names);
  auto* into = man->add_option("--into", options->into, "write all pages into this folder")
                   ->type_name("FOLDER");
  man->add_flag("--json", options->json, "what the page says, as JSON")->excludes(into);
  man->callback([options, &app] { run_man(*options, root_page(app)); });
}

}  // namespace lastack::cli
