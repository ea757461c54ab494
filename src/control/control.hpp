// How a running host is asked: a Unix socket, on which protocol.hpp is spoken.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/protocol.hpp"
#include "io/event_loop.hpp"

namespace lastack::control {

/// Where sockets of running hosts lie: $XDG_RUNTIME_DIR/lastack, else /run/lastack.
[[nodiscard]] std::string socket_folder();

/// Answers on PID.sock for as long as it lives; the file goes when it does. It sends its
/// greeting(), then each request {"ask": WHAT, ...} is answered by one line. Only the same user may
/// ask (mode 0600).
class Server {
 public:
  /// `patience`: how long the host is held up at most by one who asks and does not read.
  Server(io::EventLoop& loop, Answer answer, Duration patience = std::chrono::seconds(1));
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
  Duration patience_;
  std::string path_;
  std::string why_;
  int descriptor_ = -1;
  std::map<int, Lines> clients_;  ///< what each has sent of its next line
};

/// The processes whose hosts can be asked, by number; some may be gone.
[[nodiscard]] std::vector<int> hosts();

/// A conversation with one host, of as many requests as wanted.
class Client {
 public:
  /// Nothing where no host of that process answers.
  [[nodiscard]] static std::optional<Client> open(int pid);
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  [[nodiscard]] int pid() const { return pid_; }
  /// Nothing once the host is gone.
  [[nodiscard]] std::optional<nlohmann::json> ask(const nlohmann::json& request);

 private:
  Client(int pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

  int pid_;
  int descriptor_;
  Lines lines_;  ///< read beyond the last line
};

/// One host's answer.
struct Reply {
  int pid = 0;
  nlohmann::json answer;
};

/// Asks the host of `pid`, or all that run where it is 0. Hosts that are gone are passed over.
[[nodiscard]] std::vector<Reply> ask(int pid, const nlohmann::json& request);

}  // namespace lastack::control
