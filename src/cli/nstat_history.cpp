#include "cli/nstat_history.hpp"

#include <fmt/core.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace lastack::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kEnding = ".nstat";

std::optional<std::string> set_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<TimePoint> moment(const Json& json, const char* name) {
  const auto at = json.find(name);
  if (at == json.end() || !at->is_number_integer()) return std::nullopt;
  const auto us = at->get<std::int64_t>();  // what does not fit comes out below 0
  return us >= 0 ? std::optional(TimePoint(Duration(us))) : std::nullopt;
}

/// Of hosts that are gone nothing is asked any more.
void sweep(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::directory_iterator files(folder, error);
  for (const std::filesystem::directory_iterator end; !error && files != end;
       files.increment(error)) {
    const auto& path = files->path();
    const int pid = path.extension() == kEnding ? std::atoi(path.stem().c_str()) : 0;
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) ::unlink(path.c_str());
  }
}

}  // namespace

std::optional<Counted> Counted::from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto started = moment(json, "started_us");
  const auto at = moment(json, "at_us");
  const auto all = json.find("counters");
  if (!started || !at || all == json.end() || !all->is_array()) return std::nullopt;
  Counted counted{.started = *started, .at = *at, .counters = {}};
  for (const Json& one : *all) {
    const bool pair =
        one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_number_unsigned();
    if (!pair) return std::nullopt;
    counted.counters.emplace_back(one[0].get<std::string>(), one[1].get<std::uint64_t>());
  }
  return counted;
}

Json Counted::json() const {
  Json all = Json::array();
  for (const auto& [name, value] : counters) all.push_back(Json::array({name, value}));
  return {{"started_us", started.time_since_epoch().count()},
          {"at_us", at.time_since_epoch().count()},
          {"counters", std::move(all)}};
}

std::string history_file(int pid) {
  auto folder = set_variable("XDG_RUNTIME_DIR");
  if (!folder) folder = set_variable("XDG_CACHE_HOME");
  if (const auto home = set_variable("HOME"); !folder && home) folder = *home + "/.cache";
  if (!folder) return {};
  return *folder + "/lastack/" + std::to_string(pid) + kEnding;
}

std::optional<Counted> read_history(const std::string& file, const Counted& now) {
  std::ifstream in(file);
  if (!in) return std::nullopt;
  auto before = Counted::from(Json::parse(in, nullptr, false));
  if (!before || before->started != now.started || before->at > now.at) return std::nullopt;
  return before;
}

/// Under another name first: who reads meanwhile, or a full disk, must not find half of it.
std::optional<std::string> write_history(const std::string& file, const Counted& now) {
  if (file.empty()) return "can't keep what was shown: neither XDG_RUNTIME_DIR nor HOME is set";
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  sweep(folder);
  const std::string fresh = file + "." + std::to_string(::getpid());
  const mode_t mask = ::umask(077);
  {
    std::ofstream out(fresh);
    out << now.json().dump() << '\n';
    out.close();
    if (!out || ::rename(fresh.c_str(), file.c_str()) != 0) {
      const int why = errno;
      ::unlink(fresh.c_str());
      ::umask(mask);
      return fmt::format("can't keep what was shown: {}: {}", file, std::strerror(why));
    }
  }
  ::umask(mask);
  return std::nullopt;
}

bool is_wanted(std::string_view name, const CounterWishes& wishes) {
  const std::string text(name);
  return wishes.patterns.empty() ||
         std::ranges::any_of(wishes.patterns, [&text](const std::string& pattern) {
           return ::fnmatch(pattern.c_str(), text.c_str(), FNM_CASEFOLD) == 0;
         });
}

std::vector<CounterLine> counter_lines(const Counted& now, const std::optional<Counted>& before,
                                       const CounterWishes& wishes) {
  std::map<std::string_view, std::uint64_t> shown;
  if (before) {
    for (const auto& [name, value] : before->counters) shown[name] = value;
  }
  const Duration span = now.at - (before ? before->at : now.started);
  const double seconds = std::chrono::duration<double>(span).count();
  std::vector<CounterLine> lines;
  for (const auto& [name, value] : now.counters) {
    const std::uint64_t more = value - std::min(value, shown[name]);
    const CounterLine line{.name = name,
                           .value = wishes.absolute ? value : more,
                           .rate = seconds > 0 ? static_cast<double>(more) / seconds : 0};
    if ((line.value > 0 || wishes.zeros) && is_wanted(name, wishes)) lines.push_back(line);
  }
  return lines;
}

std::string counter_table(const std::string& heading, const std::vector<CounterLine>& lines) {
  std::string text = heading + "\n";
  for (const CounterLine& line : lines) {
    text += fmt::format("{:<31} {:<15} {:>6.1f}\n", line.name, line.value, line.rate);
  }
  return text;
}

}  // namespace lastack::cli
