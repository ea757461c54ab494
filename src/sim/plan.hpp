// What one seeded trial consists of: two hosts, a wire, and what their programs will do to each
// other. All of it follows from one number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "link/impaired.hpp"
#include "tcp/settings.hpp"

namespace lastack::sim {

/// How one side ends a conversation.
enum class Ending : std::uint8_t {
  half_close,   ///< all sent: SHUT_WR, then reads to the end, then closes
  after_peer,   ///< reads to the end first, goes on sending in CLOSE_WAIT, then closes
  shut_rd,      ///< at some moment SHUT_RD; goes on sending, then as half_close
  shut_rdwr,    ///< at some moment SHUT_RDWR, then waits for the peer's FIN
  close_early,  ///< at some moment the last close, whatever is still to come
  abort,        ///< at some moment the last close with linger 0: RST
};
inline constexpr std::size_t kEndings = 6;
[[nodiscard]] std::string_view to_string(Ending ending);

/// What one side does in a conversation.
struct TalkerPlan {
  std::uint64_t octets = 0;      ///< to send
  std::uint32_t write_most = 1;  ///< octets of one send call: 1 to this
  std::uint32_t read_most = 1;   ///< octets of one recv call
  double write_pauses = 0;       ///< probability of a pause after each call
  double read_pauses = 0;
  Duration pause_most{0};
  Ending ending = Ending::half_close;
  Duration moment{0};                   ///< since the conversation began, for endings that have one
  std::uint32_t extra_descriptors = 0;  ///< dup()s that are closed on the way, without effect
  double urgent = 0;                    ///< probability that a send is urgent
  double peeks = 0;                     ///< probability that a recv is preceded by MSG_PEEK
  bool no_delay = false;
  bool keepalive = false;
};

/// One connection. Side `opener` connects to the other, or both do at once.
struct ConversationPlan {
  std::size_t opener = 0;
  bool simultaneous = false;
  Duration start{0};
  Duration skew{0};             ///< simultaneous: how much later side 1 opens
  bool listener_stays = false;  ///< open until the end, or only until its connection is accepted
  /// The conversation before it in the list must have ended; this one has its ports.
  bool same_ports = false;
  std::array<TalkerPlan, 2> sides;
};

struct HostPlan {
  tcp::Settings settings;
  std::uint16_t mtu = 1500;
  std::uint32_t super_segment = 0;
};

struct Plan {
  std::uint64_t seed = 0;
  bool v6 = false;
  std::array<HostPlan, 2> hosts;
  std::array<link::Impairment, 2> wire;  ///< from host 0, from host 1
  /// The wire is cut both ways for so long, from then on; 0: never.
  Duration outage{0};
  Duration outage_begins{0};
  std::vector<ConversationPlan> conversations;

  /// Something besides the programs may end connections: an outage or a user timeout.
  [[nodiscard]] bool deadly() const;
  /// Nothing on the wire delays, loses or changes anything that would explain a retransmission.
  [[nodiscard]] bool clean() const;
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);
/// Some lines of text for people.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace lastack::sim
