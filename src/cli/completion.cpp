// lastack completion: what bash, zsh and fish need to complete a command line.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "cli/manual.hpp"

namespace lastack::cli {
namespace {

bool names_a_file(const OptionPage& o) { return o.value == "FILE" || o.value == "FOLDER"; }

/// `text` with a backslash before each character of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// In single quotes for a POSIX shell.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// The page and all below it, parents first.
void flatten(const CommandPage& page, std::vector<const CommandPage*>& into) {
  into.push_back(&page);
  for (const CommandPage& sub : page.subcommands) flatten(sub, into);
}

std::vector<const CommandPage*> all_pages(const CommandPage& root) {
  std::vector<const CommandPage*> pages;
  flatten(root, pages);
  return pages;
}

std::string last_word(const CommandPage& page) {
  return page.name.substr(page.name.rfind(' ') + 1);
}

std::vector<std::string> option_names(const CommandPage& page) {
  std::vector<std::string> names;
  for (const OptionPage& o : page.options)
    names.insert(names.end(), o.names.begin(), o.names.end());
  return names;
}

/// Subcommands, or the words of all arguments.
std::vector<std::string> plain_words(const CommandPage& page) {
  std::vector<std::string> words;
  words.reserve(page.subcommands.size());
  for (const CommandPage& sub : page.subcommands) words.push_back(last_word(sub));
  for (const OptionPage& a : page.arguments)
    words.insert(words.end(), a.choices.begin(), a.choices.end());
  return words;
}

// --- bash

/// What compgen is told to complete a value with; nothing where nobody knows what it can be.
std::string bash_value(const OptionPage& o) {
  if (names_a_file(o)) return "-f";
  if (o.choices.empty()) return {};
  return "-W " + in_quotes(fmt::format("{}", fmt::join(o.choices, " ")));
}

/// The branches of `case $path $previous` for options that take a value: one for all that are
/// completed alike.
std::string bash_values(const std::vector<const CommandPage*>& pages) {
  std::map<std::string, std::vector<std::string>> alike;
  for (const CommandPage* page : pages) {
    for (const OptionPage& o : page->options) {
      if (o.value.empty()) continue;
      for (const std::string& name : o.names)
        alike[bash_value(o)].push_back(in_quotes(page->name + " " + name));
    }
  }
  std::string out;
  for (const auto& [how, patterns] : alike) {
    const std::string reply = how.empty() ? "" : fmt::format("$(compgen {} -- \"$word\")", how);
    out += fmt::format("    {})\n      COMPREPLY=({}); return ;;\n",
                       fmt::join(patterns, " | \\\n    "), reply);
  }
  return out;
}

std::string bash(const CommandPage& root) {
  std::string paths;
  std::string words;
  for (const CommandPage* page : all_pages(root)) {
    if (page != &root) paths += (paths.empty() ? "" : " | \\\n      ") + in_quotes(page->name);
    words += fmt::format("    {}) options={} words={} ;;\n", in_quotes(page->name),
                         in_quotes(fmt::format("{}", fmt::join(option_names(*page), " "))),
                         in_quotes(fmt::format("{}", fmt::join(plain_words(*page), " "))));
  }
  return fmt::format(R"(# Completion of lastack for bash; written by `lastack completion bash`.
_lastack() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} path=lastack options words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${{COMP_WORDS[i]}}" in
      {})
        path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$path ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{}  esac
  case "$path" in
{}  esac
  [[ $word == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _lastack lastack
)",
                     paths, bash_values(all_pages(root)), words);
}

// --- zsh

std::string zsh_name(std::string name) {
  std::ranges::replace(name, ' ', '_');
  return "_" + name;
}

/// What completes a value: words, files, or nothing but its name.
std::string zsh_value(const OptionPage& o) {
  const std::string name = escaped(o.argument ? o.names.front() : o.value, ":\\");
  if (names_a_file(o)) return fmt::format(":{}:_files", name);
  return fmt::format(":{}:({})", name, fmt::join(o.choices, " "));
}

std::string zsh_arguments(const CommandPage& page) {
  std::string out;
  for (const OptionPage& o : page.options) {
    const std::string help = "[" + escaped(o.help, "[]:\\") + "]";
    const std::string value = o.value.empty() ? "" : zsh_value(o);
    for (const std::string& name : o.names) {
      const std::string once = o.repeated ? "*" : fmt::format("({})", fmt::join(o.names, " "));
      out +=
          fmt::format(" \\\n    {}", in_quotes(fmt::format("{}{}{}{}", once, name, help, value)));
    }
  }
  for (const OptionPage& a : page.arguments)
    out += " \\\n    " + in_quotes((a.repeated ? "*" : "") + zsh_value(a));
  return out;
}

std::string zsh_function(const CommandPage& page) {
  const std::string name = zsh_name(page.name);
  if (page.subcommands.empty())
    return fmt::format("{}() {{\n  _arguments{}\n}}\n", name, zsh_arguments(page));
  std::string commands;
  std::string branches;
  for (const CommandPage& sub : page.subcommands) {
    commands += "\n    " + in_quotes(last_word(sub) + ":" + escaped(sub.manual.summary, ":"));
    branches += fmt::format("    {}) {} ;;\n", last_word(sub), zsh_name(sub.name));
  }
  return fmt::format(R"({}() {{
  local -a commands state line
  local context curcontext="$curcontext"
  commands=({})
  _arguments -C{} \
    '1:subcommand:->subcommand' '*::argument:->argument'
  [[ $state == subcommand ]] && _describe subcommand commands
  [[ $state == argument ]] || return
  case $line[1] in
{}  esac
}}
)",
                     name, commands, zsh_arguments(page), branches);
}

std::string zsh(const CommandPage& root) {
  std::string out = "#compdef lastack\n# Written by `lastack completion zsh`.\n";
  for (const CommandPage* page : all_pages(root)) out += zsh_function(*page);
  return out +
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n  _lastack \"$@\"\nelse\n  "
         "compdef _lastack lastack\nfi\n";
}

// --- fish

std::string fish_quoted(std::string_view text) { return "'" + escaped(text, "'\\") + "'"; }

std::string fish_line(const CommandPage& page, const std::string& rest) {
  return fmt::format("complete -c lastack -n {} {}\n",
                     fish_quoted("__lastack_at " + fish_quoted(page.name)), rest);
}

std::string fish_option(const CommandPage& page, const OptionPage& o) {
  std::string rest;
  for (const std::string& name : o.names)
    rest += name.starts_with("--") ? "-l " + name.substr(2) + " " : "-s " + name.substr(1) + " ";
  if (!o.value.empty()) rest += names_a_file(o) ? "-rF " : "-x ";
  if (!o.choices.empty())
    rest += "-a " + fish_quoted(fmt::format("{}", fmt::join(o.choices, " "))) + " ";
  return fish_line(page, rest + "-d " + fish_quoted(o.help));
}

std::string fish(const CommandPage& root) {
  std::string paths;
  std::string lines;
  for (const CommandPage* page : all_pages(root)) {
    if (page != &root) paths += " " + fish_quoted(page->name);
    for (const CommandPage& sub : page->subcommands)
      lines += fish_line(*page, "-a " + last_word(sub) + " -d " + fish_quoted(sub.manual.summary));
    for (const OptionPage& o : page->options) lines += fish_option(*page, o);
    for (const OptionPage& a : page->arguments) {
      if (a.choices.empty()) continue;
      lines += fish_line(*page, "-a " + fish_quoted(fmt::format("{}", fmt::join(a.choices, " "))));
    }
  }
  return fmt::format(R"(# Completion of lastack for fish; written by `lastack completion fish`.
function __lastack_at --description 'whether the command line is in this subcommand'
    set -l path lastack
    set -l words (commandline -opc)
    for word in $words[2..]
        contains -- "$path $word"{}; and set path "$path $word"
    end
    test "$path" = "$argv[1]"
end
complete -c lastack -f
)",
                     paths) +
         lines;
}

struct Shell {
  std::string_view name;
  std::string_view file;  ///< as shells look for it
  std::string (*script)(const CommandPage& root);
};
constexpr std::array<Shell, 3> kShells{{
    {"bash", "lastack.bash", bash},
    {"zsh", "_lastack", zsh},
    {"fish", "lastack.fish", fish},
}};

struct CompletionOptions {
  std::string shell;
  std::string into;
};

void run_completion(const CompletionOptions& options, const CommandPage& root) {
  if (options.into.empty()) {
    const auto shell = std::ranges::find(kShells, options.shell, &Shell::name);
    if (shell == kShells.end())
      throw Failure{"say which shell: bash, zsh or fish\n  lastack completion bash", kUsage};
    fmt::print("{}", shell->script(root));
    return;
  }
  std::error_code error;
  std::filesystem::create_directories(options.into, error);
  for (const Shell& shell : kShells) {
    const auto file = std::filesystem::path(options.into) / shell.file;
    std::ofstream out(file, std::ios::binary);
    if (!(out << shell.script(root) << std::flush))
      throw Failure{fmt::format("can't write {}: {}", file.string(), std::strerror(errno))};
  }
}

}  // namespace

void add_completion(CLI::App& app) {
  auto options = std::make_shared<CompletionOptions>();
  CLI::App* sub = add_command(
      app, "completion",
      {.summary = "print what a shell needs to complete lastack",
       .description = "Prints the completion of subcommands, options and "
                      "their words for a shell, made from the same options as --help. Installing "
                      "lastack installs it for all three shells; this is for one that was not "
                      "installed.",
       .examples = {{"source <(lastack completion bash)", "for this bash"},
                    {"lastack completion zsh > ~/.zfunc/_lastack",
                     "for zsh, where ~/.zfunc is in its fpath"},
                    {"lastack completion fish > ~/.config/fish/completions/lastack.fish",
                     "for fish"}},
       .exit_codes = {{kOk, "printed or written"},
                      {kFailed, "a file can't be written"},
                      {kUsage, "no such shell, or wrong usage"}}});
  auto* shell = sub->add_option("SHELL", options->shell, "which one")
                    ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->add_option("--into", options->into, "write those of all shells into this folder")
      ->type_name("FOLDER")
      ->excludes(shell);
  sub->callback([options, &app] { run_completion(*options, page_of(app)); });
}

}  // namespace lastack::cli
