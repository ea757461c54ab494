// What `lastack ss` prints: rows of a host's view (host_view.hpp) as iproute2's ss writes them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/flow.hpp"
#include "tcp/state.hpp"

namespace lastack::cli {

struct SocketRow {
  bool udp = false;
  tcp::State state = tcp::State::closed;
  host::Flow flow;
  std::uint64_t recv_q = 0;
  std::uint64_t send_q = 0;
  nlohmann::json all;   ///< the row as the host gave it, with its "pid"
  std::string process;  ///< name of the host's program; shown where it is not empty
};

/// A row of another process's answer: another version's host may answer anything, nothing then.
[[nodiscard]] std::optional<SocketRow> row_from(const nlohmann::json& answer, int pid);

/// Whether nobody holds it any more.
[[nodiscard]] bool is_orphan(const SocketRow& row);
/// Whether that process has a descriptor of it.
[[nodiscard]] bool is_held_by(const SocketRow& row, int process);

/// What is shown of each.
struct Columns {
  bool header = true;
  bool netid = false;      ///< "tcp" or "udp": where both were asked for
  bool state = true;       ///< iproute2 leaves it out where only one state was asked for
  bool timer = false;      ///< -o
  bool extended = false;   ///< -e
  bool internals = false;  ///< -i
  bool numeric = false;    ///< -n: rates as numbers
};

/// The columns are as wide as the widest of what stands in them; each line ends in '\n'.
[[nodiscard]] std::string socket_table(const std::vector<SocketRow>& rows, const Columns& shown);
/// How many there are in each state, by family.
[[nodiscard]] std::string socket_summary(const std::vector<SocketRow>& rows);

/// "timer:(keepalive,1min59sec,0)", or nothing where none runs.
[[nodiscard]] std::string timer_text(const nlohmann::json& row);
/// "ts sack reno wscale:7,7 rto:204 ...", or nothing where there is no connection.
[[nodiscard]] std::string internals_text(const nlohmann::json& row, bool numeric);
/// How long it is in its state and what brought it there; lines ended by '\n', or nothing.
[[nodiscard]] std::string extended_text(const nlohmann::json& row);

/// iproute2's spelling of a state, which scripts match on.
[[nodiscard]] std::string spelled(tcp::State state);

}  // namespace lastack::cli
