// What a subcommand says of itself beside its options. --help, the man pages, the shells'
// completion and the checks of the documentation all read it from here.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace lastack::cli {

struct Example {
  std::string command;  ///< as it is typed
  std::string shows;    ///< what it does, or what is seen
};

struct ExitCode {
  int code = 0;
  std::string when;
};

/// A word and what it stands for.
struct Term {
  std::string word;
  std::string meaning;
};

struct Manual {
  std::string summary;  ///< a line, for lists
  /// Paragraphs, a blank line between two; one that begins with a space is shown as it is.
  std::string description;
  std::string terms_title{};  ///< what `terms` are: "services"
  std::vector<Term> terms{};  ///< words that an argument takes
  std::vector<Example> examples{};
  std::vector<ExitCode> exit_codes{};
};

/// A command or subcommand with its manual.
class Command : public CLI::App {
 public:
  Command(std::string name, Manual manual);
  [[nodiscard]] const Manual& manual() const { return manual_; }

 private:
  Manual manual_;
};

/// Adds a subcommand, which helps itself.
CLI::App* add_command(CLI::App& parent, std::string name, Manual manual);

/// Words that complete a value, where any other is taken too.
void suggest(CLI::Option* option, const std::vector<std::string>& words);

/// One option or argument, for people.
struct OptionPage {
  std::vector<std::string> names;  ///< "-e", "--extended"; of an argument "SCENARIO"
  std::string value;               ///< "N"; empty for a flag
  std::vector<std::string> choices;
  std::string help;  ///< with limits, default and whatever else holds
  bool argument = false;
  bool required = false;
  bool repeated = false;
};

/// A command with all that is to be known of it.
struct CommandPage {
  std::string name;  ///< whole: "lastack bench bulk"
  Manual manual;
  std::vector<OptionPage> arguments;
  std::vector<OptionPage> options;
  std::vector<CommandPage> subcommands;
};

[[nodiscard]] CommandPage page_of(const CLI::App& app);

/// "lastack demo [OPTION...] [SCENARIO]"
[[nodiscard]] std::string usage_of(const CommandPage& page);
/// "--drop N", "-e, --extended", "SCENARIO"
[[nodiscard]] std::string title_of(const OptionPage& option);

// The same page for people, for man and for machines.
[[nodiscard]] std::string help_text(const CommandPage& page);
[[nodiscard]] std::string man_page(const CommandPage& page);

}  // namespace lastack::cli
