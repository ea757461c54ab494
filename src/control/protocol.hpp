// What is said on a host's control socket, without the socket: one JSON object a line, both ways.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lastack::control {

inline constexpr int kProtocol = 1;
/// The most octets of one request, its end not counted; an answer may have any number.
inline constexpr std::size_t kLongestRequest = 65535;

/// Takes a row; false where no more are wanted.
using TakeRow = std::function<bool(const nlohmann::json& row)>;

/// What a host says: a value, or a list that is made row by row as it is sent, however long it is,
/// and is never held as a whole.
struct Said {
  Said(nlohmann::json said) : value(std::move(said)) {}
  Said(std::function<void(const TakeRow&)> list) : rows(std::move(list)) {}

  nlohmann::json value;
  std::function<void(const TakeRow&)> rows;  ///< null: `value` is all there is to say
};

/// Makes the answer to a request, an object whose member "ask" is a string.
using Answer = std::function<Said(const nlohmann::json& request)>;

/// Octets as they come, taken apart into lines.
class Lines {
 public:
  void add(std::string_view octets) { text_.append(octets); }
  /// The next line that is whole, without its end.
  std::optional<std::string> next();
  /// Octets of lines not taken yet.
  [[nodiscard]] std::size_t waiting() const { return text_.size(); }

 private:
  std::string text_;
  std::size_t seen_ = 0;  ///< octets in which there is no end of a line
};

/// Ended by '\n'; text that is no UTF-8 is replaced.
[[nodiscard]] std::string line_of(const nlohmann::json& json);
/// Gives the same line of what is `said` in parts of some 64 KiB, until one is refused with false.
/// Whether none was.
bool each_part(const Said& said, const std::function<bool(std::string_view part)>& take);
/// Nothing where it is no JSON, or nested deeper than anything that is said here: what handles JSON
/// calls itself for each level.
[[nodiscard]] std::optional<nlohmann::json> read_line(std::string_view line);

/// The first line of a host: {"lastack": VERSION, "protocol": 1, "pid": PID}.
[[nodiscard]] nlohmann::json greeting(int pid);
/// Whether it is the first line of a host that can be asked.
[[nodiscard]] bool greets(std::string_view line);

/// What a host answers to a line of one who asks; {"error": WHY} where that is no request.
[[nodiscard]] Said answer_to(std::string_view line, const Answer& answer);
/// A member of a request as text: a string as it is, nothing ("") where there is none, anything
/// else as JSON.
[[nodiscard]] std::string word_of(const nlohmann::json& request, const char* name);

}  // namespace lastack::control
