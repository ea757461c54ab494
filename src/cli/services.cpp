#include "cli/services.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

namespace lastack::cli {
namespace {

constexpr std::size_t kChunk = 65536;
constexpr std::uint32_t kBacklog = 1024;

using Octets = std::array<std::byte, kChunk>;

/// A chunk of octets that say where in the stream they stand, for those who check.
std::span<const std::byte> pattern_at(std::uint64_t at) {
  constexpr std::size_t kPeriod = 251;
  static const auto kPattern = [] {
    std::array<std::byte, kPeriod + kChunk> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::byte>(i % kPeriod);
    return octets;
  }();
  return std::span(kPattern).subspan(at % kPeriod, kChunk);
}

/// Sends back what comes; after the peer's FIN the rest, then its own.
class Echo : public Session {
 public:
  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    Octets octets;
    for (;;) {
      while (!rest_.empty()) {
        const auto n = sockets.send(fd, rest_, now);
        if (!n) return n.error() == socket::Errno::eagain;
        rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(*n));
      }
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return false;
      auto left = std::span(octets).first(*n);
      left = left.subspan(sockets.send(fd, left, now).value_or(0));
      rest_ = std::vector<std::byte>(left.begin(), left.end());
    }
  }

 private:
  std::vector<std::byte> rest_;  ///< what could not be sent yet: an idle session costs little
};

/// Reads all and forgets it; closes when the peer does.
class Discard : public Session {
 public:
  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    Octets octets;
    for (;;) {
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return false;
    }
  }
};

/// Sends without end, also after the peer's FIN, until a reset.
class Source : public Session {
 public:
  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    Octets octets;
    while (true) {
      const auto n = sockets.recv(fd, octets, now);
      if (!n || *n == 0) break;
    }
    for (;;) {
      const auto n = sockets.send(fd, pattern_at(sent_), now);
      if (!n) return n.error() == socket::Errno::eagain;
      sent_ += *n;
    }
  }

 private:
  std::uint64_t sent_ = 0;
};

/// Reads until the peer's FIN, then sends so many octets, then closes: a half-close put to use.
class Turn : public Session {
 public:
  explicit Turn(std::uint64_t octets) : most_(octets) {}
  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    Octets octets;
    while (!turned_) {
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      turned_ = *n == 0;
    }
    while (sent_ < most_) {
      const std::size_t left = std::min<std::uint64_t>(kChunk, most_ - sent_);
      const auto n = sockets.send(fd, pattern_at(sent_).first(left), now);
      if (!n) return n.error() == socket::Errno::eagain;
      sent_ += *n;
    }
    return false;
  }

 private:
  std::uint64_t most_;
  std::uint64_t sent_ = 0;
  bool turned_ = false;
};

/// Accepts, reads to the end, and never closes: a forgotten descriptor, on purpose.
class Forget : public Session {
 public:
  bool act(socket::Sockets& sockets, socket::Fd fd, TimePoint now) override {
    Octets octets;
    while (true) {
      const auto n = sockets.recv(fd, octets, now);
      if (!n) return n.error() == socket::Errno::eagain;
      if (*n == 0) return true;
    }
  }
};

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint32_t backlog_of(const ServiceSpec& spec) {
  if (spec.kind != "ignore") return kBacklog;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*number(spec.argument), UINT16_MAX));
}

std::unique_ptr<Session> make_session(const ServiceSpec& spec) {
  if (spec.kind == "echo") return std::make_unique<Echo>();
  if (spec.kind == "discard" || spec.kind == "sink") return std::make_unique<Discard>();
  if (spec.kind == "source") return std::make_unique<Source>();
  if (spec.kind == "turn") return std::make_unique<Turn>(number(spec.argument).value_or(0));
  if (spec.kind == "forget") return std::make_unique<Forget>();
  return make_http_session(spec.argument);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> service_kinds() {
  return {{"echo PORT", "sends back what comes"},
          {"discard PORT", "reads and forgets; sink is the same"},
          {"source PORT", "sends without end, also after the peer's FIN, until a reset"},
          {"turn PORT=OCTETS", "reads to the peer's FIN, then sends OCTETS, then closes"},
          {"forget PORT", "reads to the peer's FIN and never closes"},
          {"ignore PORT=N", "accepts nobody: N connections may wait, and do"},
          {"http PORT=FOLDER", "files of FOLDER"},
          {"udp-echo PORT", "sends each datagram back to where it came from"},
          {"udp-discard PORT", "reads datagrams and forgets them"}};
}

ParsedServices parse_services(const std::vector<std::string>& words) {
  ParsedServices parsed;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    ServiceSpec spec{.kind = words[i], .port = 0, .argument = {}};
    const auto kinds = service_kinds();
    const auto known = std::ranges::find_if(kinds, [&](const auto& kind) {
      return kind.first.substr(0, kind.first.find(' ')) == spec.kind;
    });
    if (known == kinds.end() && spec.kind != "sink") {
      parsed.error = "no service is called '" + spec.kind + "'";
      return parsed;
    }
    const std::string rest = i + 1 < words.size() ? words[i + 1] : "";
    const std::size_t equals = rest.find('=');
    const auto port = number(rest.substr(0, equals));
    if (!port || *port == 0 || *port > 65535) {
      parsed.error = spec.kind + " needs a port, 1 to 65535, not '" + rest + "'";
      return parsed;
    }
    spec.port = static_cast<std::uint16_t>(*port);
    if (equals != std::string::npos) spec.argument = rest.substr(equals + 1);
    const bool counts = spec.kind == "turn" || spec.kind == "ignore";
    const bool wants = spec.kind == "http" || counts;
    if (wants && (spec.argument.empty() || (counts && !number(spec.argument)))) {
      parsed.error = "write " + known->first + ", as in '" + spec.kind + " " +
                     std::to_string(spec.port) + (counts ? "=1000'" : "=.'");
      return parsed;
    }
    if (spec.kind == "http" && !std::filesystem::is_directory(spec.argument)) {
      parsed.error = "http " + rest + ": there is no folder '" + spec.argument + "'";
      return parsed;
    }
    parsed.services.push_back(std::move(spec));
  }
  return parsed;
}

std::optional<std::string> Services::add(const ServiceSpec& spec, bool v4, bool v6, TimePoint now) {
  for (const bool six : {false, true}) {
    if (six ? !v6 : !v4) continue;
    const auto any = *wire::IpAddress::parse(six ? "::" : "0.0.0.0");
    const socket::Fd fd = *sockets_->socket();
    const auto bound = sockets_->bind(fd, {any, spec.port});
    const auto result = bound ? sockets_->listen(fd, backlog_of(spec), now) : bound;
    if (!result) {
      const bool taken = result.error() == socket::Errno::eaddrinuse;
      return "can't listen on port " + std::to_string(spec.port) + ": " +
             std::string(taken ? kTaken : to_string(result.error()));
    }
    listening_.push_back({fd, spec});
  }
  return std::nullopt;
}

void Services::on_event(const host::HostEvent& event, TimePoint now) {
  if (event.listener.index != host::ListenerId{}.index) {
    for (const Listening& l : listening_) {
      const auto* s = sockets_->find(l.fd);
      if (s != nullptr && s->listener() == event.listener) accept_all(l, now);
    }
    return;
  }
  const bool full = running_.size() >= most_sessions_;
  act(key_of(event.flow), now);
  if (!full) return;
  for (const Listening& l : listening_) accept_all(l, now);  // nobody tells of them again
}

void Services::accept_all(const Listening& listening, TimePoint now) {
  if (listening.spec.kind == "ignore") return;
  while (running_.size() < most_sessions_) {
    const auto fd = sockets_->accept(listening.fd);
    if (!fd) return;
    const std::uint64_t key = key_of(sockets_->find(*fd)->flow());
    running_[key] = {*fd, make_session(listening.spec)};
    act(key, now);
  }
}

void Services::act(std::uint64_t key, TimePoint now) {
  const auto found = running_.find(key);
  if (found == running_.end()) return;
  if (found->second.session->act(*sockets_, found->second.fd, now)) return;
  (void)sockets_->close(found->second.fd, now);
  running_.erase(found);
}

void Services::stop(TimePoint now) {
  for (const Listening& l : listening_) (void)sockets_->close(l.fd, now);
  for (const auto& [key, running] : running_) (void)sockets_->close(running.fd, now);
  listening_.clear();
  running_.clear();
}

}  // namespace lastack::cli
