// How a running host is asked: a Unix socket, one JSON object a line, both ways.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/event_loop.hpp"

namespace lastack::control {

inline constexpr int kProtocol = 1;

/// Where sockets of running hosts lie: $XDG_RUNTIME_DIR/lastack, else /run/lastack.
[[nodiscard]] std::string socket_folder();

/// Answers on PID.sock for as long as it lives; the file goes when it does. The first line it sends
/// is {"lastack": VERSION, "protocol": 1, "pid": PID}; then each request {"ask": WHAT, ...} is
/// answered by one line. Only the same user may ask (mode 0600).
class Server {
 public:
  using Answer = std::function<nlohmann::json(const nlohmann::json& request)>;

  Server(io::EventLoop& loop, Answer answer);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();
  /// False where the socket could not be made: why() says so.
  [[nodiscard]] bool listening() const { return descriptor_ >= 0; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  void accept_one();
  void read_from(int client);

  io::EventLoop& loop_;
  Answer answer_;
  std::string path_;
  std::string why_;
  int descriptor_ = -1;
  std::map<int, std::string> clients_;  ///< what each has sent of its next line
};

/// One host's answer.
struct Reply {
  int pid = 0;
  nlohmann::json answer;
};

/// Asks the host of `pid`, or all that run where it is 0. Hosts that are gone are passed over.
[[nodiscard]] std::vector<Reply> ask(int pid, const nlohmann::json& request);

}  // namespace lastack::control
