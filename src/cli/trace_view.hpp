// What `lastack trace` is asked for, and the parts that its two ways of showing share.
#pragma once

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/trace_source.hpp"
#include "insight/filter.hpp"
#include "insight/trace_capture.hpp"

namespace lastack::cli {

struct TraceOptions {
  std::vector<std::string> words;
  std::string write;
  std::string language = "en";
  int pid = 0;
  bool follow = false;
  bool all = false;
  bool json = false;
  bool ascii = false;

  [[nodiscard]] insight::Language in() const {
    return language == "zh" ? insight::Language::chinese : insight::Language::english;
  }
};

/// A capture file that is being written; "-" is standard output.
class TraceFile {
 public:
  TraceFile(const std::string& path, insight::Language language);

  /// One for each host, in the order of their numbers from 0.
  void add_host(const std::string& name);
  void add(std::size_t host, const TracedEvent& event);
  /// Whoever reads it while it is written gets all there is so far. A Failure where the disk is
  /// full.
  void flush();
  /// Says how many packets it holds.
  void finish();

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  link::FileSink sink_;
  insight::TraceCapture capture_;
  std::vector<std::uint32_t> interfaces_;
};

/// An event as --json shows it.
[[nodiscard]] nlohmann::json json_of(const TracedEvent& event);

/// Shows events as they come, until a signal does or every host has ended.
void follow_traces(const TraceOptions& options, const insight::Filter& filter);

}  // namespace lastack::cli
