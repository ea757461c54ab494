// The services of `lastack serve`, on the socket calls of one host.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::cli {

/// What one connection does whenever something has changed. False: it is done, close it.
class Session {
 public:
  virtual ~Session() = default;
  virtual bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) = 0;
};

/// A word of the command line: "echo", and where it takes one an argument: "http 80=FOLDER".
struct ServiceSpec {
  std::string kind;
  std::uint16_t port = 0;
  std::string argument;
};

/// Why a service can't have its port.
inline constexpr std::string_view kTaken = "another service has it\n  give each a port of its own";

/// Names and one line of help each.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> service_kinds();
/// Why the words can't be services, or the services. Words come in pairs: KIND PORT[=ARGUMENT].
struct ParsedServices {
  std::vector<ServiceSpec> services;
  std::string error;
};
[[nodiscard]] ParsedServices parse_services(const std::vector<std::string>& words);

/// Listens for each service and keeps a session for each connection.
class Services {
 public:
  /// Sessions beyond `most_sessions` wait to be accepted, and then to be let in at all.
  explicit Services(socket::Sockets& sockets, std::size_t most_sessions = 1U << 18U)
      : sockets_(&sockets), most_sessions_(most_sessions) {}
  /// Why it can't listen; nothing where it does.
  std::optional<std::string> add(const ServiceSpec& spec, bool v4, bool v6, TimePoint now);
  void on_event(const host::HostEvent& event, TimePoint now);
  /// Closes listeners and connections.
  void stop(TimePoint now);

 private:
  struct Listening {
    socket::Fd fd;
    ServiceSpec spec;
  };
  struct Running {
    socket::Fd fd;
    std::unique_ptr<Session> session;
  };
  void accept_all(const Listening& listening, TimePoint now);
  void act(std::uint64_t key, TimePoint now);
  static std::uint64_t key_of(host::FlowId id) {
    return std::uint64_t{id.index} << 32U | id.generation;
  }

  socket::Sockets* sockets_;
  std::size_t most_sessions_;
  std::vector<Listening> listening_;
  std::map<std::uint64_t, Running> running_;
};

/// The HTTP session: files of `folder`, GET and HEAD, persistent connections.
[[nodiscard]] std::unique_ptr<Session> make_http_session(const std::string& folder);

}  // namespace lastack::cli
