#include "control/protocol.hpp"

#include <utility>

#include "lastack/version.hpp"

namespace lastack::control {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepest = 64;  // levels; a row of `ss` has five
constexpr std::size_t kPart = 65536;  // octets, and the rest of a row

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && in_string) {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      if (++depth > kDeepest) return true;
    } else if (!in_string && (c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> Lines::next() {
  const auto end = text_.find('\n', seen_);
  if (end == std::string::npos) {
    seen_ = text_.size();
    return std::nullopt;
  }
  std::string line = text_.substr(0, end);
  text_.erase(0, end + 1);
  seen_ = 0;
  return line;
}

std::string line_of(const Json& json) { return text_of(json) + "\n"; }

bool each_part(const Said& said, const std::function<bool(std::string_view)>& take) {
  if (!said.rows) return take(line_of(said.value));
  std::string part = "[";
  bool first = true;
  bool good = true;
  said.rows([&](const Json& row) {
    if (!std::exchange(first, false)) part += ',';
    part += text_of(row);
    if (part.size() < kPart) return true;
    good = take(part);
    part.clear();
    return good;
  });
  return good && take(part += "]\n");
}

std::optional<Json> read_line(std::string_view line) {
  if (too_deep(line)) return std::nullopt;
  Json json = Json::parse(line, nullptr, false);
  return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

Json greeting(int pid) { return {{"lastack", version()}, {"protocol", kProtocol}, {"pid", pid}}; }

bool greets(std::string_view line) {
  const auto json = read_line(line);
  if (!json || !json->is_object()) return false;
  const auto protocol = json->find("protocol");
  return protocol != json->end() && protocol->is_number_integer() && *protocol == kProtocol;
}

Said answer_to(std::string_view line, const Answer& answer) {
  const auto request = read_line(line);
  if (!request || !request->is_object()) return Json{{"error", "not a JSON object"}};
  const auto ask = request->find("ask");
  if (ask == request->end() || !ask->is_string()) {
    return Json{{"error", "\"ask\" says what is asked for, as a string"}};
  }
  return answer(*request);
}

std::string word_of(const Json& request, const char* name) {
  const auto member = request.find(name);
  if (member == request.end()) return {};
  if (const auto* text = member->get_ptr<const std::string*>()) return *text;
  return member->dump();
}

}  // namespace lastack::control
