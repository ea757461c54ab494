// Hosts on threads of their own beside the first one: they have its addresses and share nothing
// with it but the packets that they hand to each other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "cli/command.hpp"
#include "cli/real_host.hpp"
#include "io/mailbox.hpp"

namespace lastack::cli {

/// All calls are the first host's thread's.
class Crew {
 public:
  /// Questions to `first` are answered for all of them from now on.
  explicit Crew(RealHost& first);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  /// Ends those that still run.
  ~Crew();

  /// A thread that does `run`, which is over a while after host.signal() says something.
  void add(RealHost& host, std::function<void()> run);
  /// As if that signal had come to each of them.
  void tell(int signal);
  /// Until all have ended; meanwhile the first one goes on. The first Failure of any of them.
  void join();

 private:
  struct Member {
    explicit Member(RealHost& h) : host(&h), mailbox(h.loop()) {}
    RealHost* host;
    io::Mailbox mailbox;
    std::thread thread;
  };
  void run(Member& member, const std::function<void()>& work);
  nlohmann::json ask(Member& member, const nlohmann::json& request);

  RealHost& first_;
  io::Mailbox mailbox_;  ///< of the first one's thread
  std::vector<std::unique_ptr<Member>> members_;
  std::atomic<std::size_t> running_{0};
  std::mutex mutex_;
  std::optional<Failure> failure_;
};

/// What several hosts answer to one question, as one host would.
[[nodiscard]] nlohmann::json merged(const std::string& what, std::vector<nlohmann::json> answers);

}  // namespace lastack::cli
