// --help: a page in eighty columns.
#include <fmt/core.h>

#include <algorithm>

#include "cli/manual.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kWidestTitle = 24;

/// `text` in lines of at most `width`, broken at spaces.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > width) {
      end = text.rfind(' ', width);
      if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    }
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return lines;
}

/// What begins with a space is a piece of a file, and stays as it is.
std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    const std::string_view paragraph = text.substr(0, end);
    out += "\n";
    if (paragraph.starts_with(' ')) {
      out += fmt::format("{}\n", paragraph);
    } else {
      for (const std::string& line : wrapped(paragraph, kColumns)) out += line + "\n";
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

struct Entry {
  std::string title;
  std::string text;
};

/// Titles on the left, texts beside them; a long title has its line alone.
std::string list(std::string_view heading, const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  std::size_t widest = 0;
  for (const Entry& e : entries) {
    if (e.title.size() <= kWidestTitle) widest = std::max(widest, e.title.size());
  }
  const std::size_t indent = 2 + widest + 2;
  std::string out = fmt::format("\n{}\n", heading);
  for (const Entry& e : entries) {
    const bool alone = e.title.size() > widest;
    out += alone ? fmt::format("  {}\n", e.title) : fmt::format("  {:<{}}  ", e.title, widest);
    bool first = !alone;
    for (const std::string& line : wrapped(e.text, kColumns - indent)) {
      out += fmt::format("{:{}}{}\n", "", first ? 0 : indent, line);
      first = false;
    }
    if (first) out += "\n";
  }
  return out;
}

/// An entry for each of `things`, as `of` makes it.
template <typename Things, typename Of>
std::vector<Entry> entries(const Things& things, Of of) {
  std::vector<Entry> all;
  all.reserve(things.size());
  for (const auto& thing : things) all.push_back(of(thing));
  return all;
}

Entry entry_of(const OptionPage& option) { return {title_of(option), option.help}; }
Entry entry_of(const Term& term) { return {term.word, term.meaning}; }
Entry entry_of(const ExitCode& exit) { return {std::to_string(exit.code), exit.when}; }

constexpr auto kEntryOf = [](const auto& thing) { return entry_of(thing); };

}  // namespace

std::string help_text(const CommandPage& page) {
  std::string out =
      fmt::format("{}: {}\n\nusage: {}\n", page.name, page.manual.summary, usage_of(page));
  out += paragraphs(page.manual.description);
  out += list("subcommands, each with a --help of its own",
              entries(page.subcommands, [&](const CommandPage& sub) {
                return Entry{sub.name.substr(page.name.size() + 1), sub.manual.summary};
              }));
  out += list(page.manual.terms_title, entries(page.manual.terms, kEntryOf));
  out += list("arguments", entries(page.arguments, kEntryOf));
  out += list("options", entries(page.options, kEntryOf));
  if (!page.manual.examples.empty()) out += "\nexamples\n";
  for (const Example& e : page.manual.examples) {
    out += fmt::format("  {}\n", e.command);
    for (const std::string& line : wrapped(e.shows, kColumns - 6))
      out += fmt::format("      {}\n", line);
  }
  return out + list("exit codes", entries(page.manual.exit_codes, kEntryOf));
}

}  // namespace lastack::cli
