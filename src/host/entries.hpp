// What a host keeps for each connection, handshake, TIME_WAIT and listener.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ring.hpp"
#include "base/time.hpp"
#include "host/claim.hpp"
#include "host/flow.hpp"
#include "host/history.hpp"
#include "host/slab.hpp"
#include "host/timer_mark.hpp"
#include "host/timing_wheel.hpp"
#include "tcp/connection.hpp"
#include "tcp/listener.hpp"
#include "tcp/stream/receive_buffer.hpp"
#include "tcp/stream/send_buffer.hpp"
#include "tcp/syn_rcvd.hpp"
#include "tcp/time_wait.hpp"
#include "wire/checksum.hpp"

namespace lastack::host {

inline constexpr std::uint32_t kNobody = UINT32_MAX;

/// What an established connection costs here; all of it with its hash slot, timer, descriptor and
/// open socket is in tests/socket/cost_test.cpp.
struct ConnectionEntry {
  tcp::Connection connection;
  tcp::SendBuffer out;
  tcp::ReceiveBuffer in;
  [[no_unique_address]] History history;
  Flow flow;
  bool to_us = false;  ///< its peer has an address of ours, too
  bool dirty = false;  ///< stands in the queue of those that may send
  TimerId timer = kNoTimer;
  std::uint32_t listener = kNobody;  ///< who may still accept it
  std::uint32_t segments_in = 0;     ///< with the SYN and those that were dropped; modulo 2^32
  std::uint32_t segments_out = 0;    ///< with those sent again, but not SYN_RCVD's
  bool in_table : 1 = false;
  bool held : 1 = false;        ///< somebody has its id
  bool orphan : 1 = false;      ///< nobody has any more, and it counts against Config::most_orphans
  bool may_be_cut : 1 = false;  ///< its path takes so little that IPv4's routers are to cut
  bool waits : 1 = true;        ///< for a deadline, as far as is known: looked at since `dirty`
  std::uint8_t told = 0;        ///< tcp::Ready bits of events that wait to be pulled
  Claim claim;                  ///< who else may bind its port
  TimerMark timer_stands;       ///< where in the wheel, so that few need to look there
};

/// What is asked again with each packet that goes on where the last one ended.
struct Remembered {
  std::uint32_t index = 0;            ///< of the connection
  std::optional<std::uint32_t> hash;  ///< of its flow, where it was needed
  wire::Sum ends;                     ///< of its addresses
};

struct SynRcvdEntry {
  Flow flow;
  tcp::SynRcvd record;
  TimerId timer = kNoTimer;
  std::uint32_t listener = kNobody;
  std::uint32_t place = 0;  ///< in the listener's `handshakes`
  std::uint32_t hash = 0;   ///< of its flow, in the table
  bool dirty = false;
};
static_assert(sizeof(SynRcvdEntry) <= 128);

struct TimeWaitEntry {
  Flow flow;
  tcp::TimeWait record;
  tcp::SettingsPtr settings;  ///< the connection's: its MSL, what a RST does
  TimePoint since{};
  TimerId timer = kNoTimer;
  std::uint32_t hash = 0;  ///< of its flow, in the table
  bool dirty = false;
  Claim claim;  ///< the connection's
};

struct ListenerEntry {
  Endpoint local;
  tcp::Listener listener;
  tcp::SettingsPtr settings;
  Ring<std::uint32_t> accept_queue;       ///< connections, the oldest first
  std::vector<std::uint32_t> handshakes;  ///< records under way, in no order
  std::uint32_t backlog = 0;
  TimePoint since{};
  TimePoint cookies_until{};    ///< the last cookie sent is good until then
  bool told = false;            ///< an event of it waits to be pulled
  Claim claim;                  ///< with Claim::port others get a share of what comes
  bool shut_receiving = false;  ///< what it makes discards what comes
  bool shut_sending = false;    ///< what it makes sends FIN once it is there
};

}  // namespace lastack::host
