#include "host/trace.hpp"

namespace lastack::host {

std::string_view to_string(TraceEvent::Kind kind) {
  static constexpr std::array<std::string_view, kTraceKinds> kNames{"arrived", "sent", "transition",
                                                                    "called"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view to_string(TraceEvent::Call call) {
  static constexpr std::array<std::string_view, kTraceCalls> kNames{
      "none", "connect", "accept", "send", "receive", "close", "discard_receive", "orphan", "abort",
  };
  return kNames[static_cast<std::size_t>(call)];
}

}  // namespace lastack::host
