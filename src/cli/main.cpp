// lastack: the TCP that closes right and can tell you why.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "lastack/version.hpp"

namespace {

lastack::cli::Manual program_manual() {
  using namespace lastack::cli;
  return {.summary = "a TCP/IP host in user space that closes right and can tell you why",
          .description =
              "Shows how TCP connections open and close on a TCP of its own: scenarios as "
              "ladders, the table of states, every state that two ends can get into, trials over "
              "bad wires; runs programs that never heard of it on that TCP, without root; and "
              "serves, connects and relays over a TUN device, where the other end is this "
              "machine's kernel.\n\n"
              "Options of any subcommand can stand in a TOML file, by their long names and each "
              "subcommand's in a section of its own. What the command line says comes first.\n\n"
              "  [serve]\n"
              "  SERVICE = [\"echo\", \"7\", \"http\", \"80=.\"]\n"
              "  tun = \"la0\"\n"
              "  ip = [\"10.9.0.2/24\", \"fd09::2/64\"]\n"
              "  peer = [\"10.9.0.1\", \"fd09::1\"]\n"
              "  profile = \"linux\"\n\n"
              "  [connect]\n"
              "  tun = \"la1\"\n"
              "  ip = [\"10.9.1.2/24\"]\n"
              "  peer = [\"10.9.1.1\"]",
          .examples = {{"lastack demo half-close", "a good first step"},
                       {"lastack states --from CLOSE_WAIT", "where a state leads"}},
          .exit_codes = {{kOk, "fine"},
                         {kFailed, "failed"},
                         {kUsage, "wrong usage"},
                         {kNothingFound, "nothing found"}}};
}

/// Where in the words of `run` the program's begin, or the "--" before them; elsewhere their end.
std::size_t program_at(const CLI::App& app, const std::vector<std::string>& words) {
  const auto is_subcommand = [&app](const std::string& word) {
    const auto all = app.get_subcommands([](const CLI::App*) { return true; });
    return std::ranges::any_of(all, [&](const CLI::App* one) { return one->get_name() == word; });
  };
  auto word = std::ranges::find_if(words, is_subcommand);
  if (word == words.end() || *word != "run") return words.size();
  const CLI::App* run = app.get_subcommand("run");
  for (++word; word != words.end() && word->starts_with('-') && *word != "--"; ++word) {
    const CLI::Option* option = run->get_option_no_throw(*word);
    const bool takes_next = option != nullptr && option->get_items_expected_max() > 0;
    if (takes_next && std::next(word) != words.end()) ++word;
  }
  return static_cast<std::size_t>(word - words.begin());
}

/// CLI11 takes a word in brackets, as [fd00::1] of a filter, for a list. One that ends in a space
/// is left alone, and to who reads it the space means nothing; run takes it off again.
std::vector<std::string> whole_words(const CLI::App& app, std::vector<std::string> words) {
  const std::size_t program = program_at(app, words);
  for (std::string& word : words) {
    const std::size_t last = word.find_last_not_of(' ');
    if (word.starts_with('[') && word[last] == ']') word += ' ';
  }
  if (program < words.size() && words[program] != "--") {
    words.insert(words.begin() + static_cast<std::ptrdiff_t>(program), "--");
  }
  return words;
}

/// What CLI11 says of a configuration file, in words that name what is wrong.
std::string config_fault(std::string text) {
  constexpr std::string_view kUnknown = "INI was not able to parse ";
  if (!text.starts_with(kUnknown)) return text;
  return fmt::format(
      "the file of --config has '{}', which is no option\n"
      "  an option stands in the section of its subcommand, without dashes",
      text.substr(kUnknown.size()));
}

/// "--tun or --tap" of "[--tun,--tap]".
std::string options_in(const std::string& text) {
  const std::size_t open = text.find('[') + 1;
  std::string names = text.substr(open, text.find(']') - open);
  for (std::size_t comma = 0; (comma = names.find(',', comma)) != std::string::npos;) {
    names.replace(comma, 1, " or ");
  }
  return names;
}

/// What CLI11 says, in words that say what to write.
std::string plain_fault(const std::string& text) {
  constexpr std::string_view kRange = " not in range ";
  constexpr std::string_view kNumber = "Could not convert: ";
  if (text.starts_with("Exactly 1 option from [")) {
    const bool several = text.ends_with(" were given");
    return fmt::format("{} is {}", options_in(text), several ? "wanted, and not both" : "required");
  }
  if (text.starts_with("At least 1 option from [")) {
    return fmt::format("{} is required", options_in(text));
  }
  if (text.starts_with(kNumber)) {
    const std::size_t equals = text.find(" = ");
    return fmt::format("{}: '{}' is no number that it takes",
                       text.substr(kNumber.size(), equals - kNumber.size()),
                       text.substr(std::min(equals + 3, text.size())));
  }
  const std::size_t range = text.rfind(kRange);  // what was written may say anything
  const std::size_t to = text.find(" to ", range);
  if (range == std::string::npos || to == std::string::npos) return text;
  const double most = std::stod(text.substr(to + 4));
  const std::size_t first = range + kRange.size();
  if (most > 1e300) return text.substr(0, range) + " is not above 0";
  return fmt::format("{}{}{} to {}", text.substr(0, range), kRange,
                     std::stod(text.substr(first, to - first)), most);
}

/// What is wrong with the words, and where to read how they are meant.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  const lastack::cli::CommandPage page = lastack::cli::page_of(*at);
  std::string text = plain_fault(error.what());
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (kind == CLI::ExitCodes::RequiredError || kind == CLI::ExitCodes::ExtrasError) {
    const std::vector<std::string> unknown = app.remaining(true);
    if (!unknown.empty() && unknown.front().starts_with('-')) {
      text = fmt::format("{} has no option {}", page.name, unknown.front());
    } else if (!unknown.empty()) {
      text = fmt::format("{} does not know '{}'", page.name, unknown.front());
    } else if (!page.subcommands.empty()) {
      text = "a subcommand is missing";
    }
  }
  return fmt::format("{}\n  {} --help   tells what there is", text, page.name);
}

/// What standard output does not take, on a full disk for one, is told.
int output_failed(int error) {
  fmt::print(stderr,
             "lastack: can't write to standard output: {}\n  make room, or send it elsewhere\n",
             std::strerror(error));
  return lastack::cli::kFailed;
}

/// `code`, unless some of what was printed is lost. Who reads no more has seen enough.
int with_output(int code) {
  return std::fflush(stdout) == 0 || errno == EPIPE ? code : output_failed(errno);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lastack::cli;
  Command app("lastack", program_manual());
  app.set_version_flag("--version", std::string("lastack ") + lastack::version(),
                       "print the version and end");
  app.set_config("--config", "", "options from a TOML file: [serve] has those of serve")
      ->type_name("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.require_subcommand(1);
  add_tour(app);
  add_demo(app);
  add_states(app);
  add_explore(app);
  add_sim(app);
  add_bench(app);
  add_run(app);
  add_serve(app);
  add_connect(app);
  add_relay(app);
  add_ss(app);
  add_nstat(app);
  add_trace(app);
  add_ask(app);
  add_doctor(app);
  add_completion(app);
  add_man(app);  // the last: it names all the others
  try {
    const std::vector<std::string> words = whole_words(app, {argv, argv + argc});
    std::vector<const char*> pointers;
    pointers.reserve(words.size());
    for (const std::string& word : words) pointers.push_back(word.c_str());
    app.parse(static_cast<int>(pointers.size()), pointers.data());
  } catch (const CLI::RuntimeError& ended) {  // all has been said; only the code is left to give
    return with_output(ended.get_exit_code());
  } catch (const CLI::ConfigError& error) {
    fmt::print(stderr, "lastack: {}\n", config_fault(error.what()));
    return kUsage;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return with_output(app.exit(error));  // --help, --version
    fmt::print(stderr, "lastack: {}\n", usage_fault(app, error));
    return kUsage;
  } catch (const Failure& failure) {
    fmt::print(stderr, "lastack: {}\n", failure.message);
    return failure.code;
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) != 0) return output_failed(error.code().value());
    fmt::print(stderr, "lastack: {}\n", error.what());
    return kFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr, "lastack: {}\n", error.what());
    return kFailed;
  }
  return with_output(kOk);
}
