// A TCP/IP host: many connections behind one set of addresses.
//
// Packets and time are handed in, packets and deadlines are pulled out; nothing is called back, and
// there is no thread, clock or socket in here. One Host is one thread's worth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "base/random.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "host/config.hpp"
#include "host/counters.hpp"
#include "host/entries.hpp"
#include "host/flow.hpp"
#include "host/flow_table.hpp"
#include "host/packet.hpp"
#include "host/timing_wheel.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {

using tcp::SettingsPtr;

/// What a caller of the user's side did wrong, or asked for in vain.
enum class Refusal : std::uint8_t {
  address_in_use,         ///< another listener, or the very same flow (TIME_WAIT too)
  address_not_available,  ///< not ours, or no ephemeral port is free
  unreachable,            ///< no address of ours has the remote one's family
  bad_address,            ///< port 0, a broadcast or multicast address (MUST-57, MUST-46)
  too_many,
};

/// Something happened to a connection that nobody asked for just now, or a listener has one more to
/// accept. Pulled with next_event().
struct HostEvent {
  TimePoint at{};
  FlowId flow;          ///< invalid where `listener` is meant
  ListenerId listener;  ///< the listener with a connection to accept, or the child's
  tcp::Effects effects;
};

class Host {
 public:
  Host(Config config, Random random);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // --- The link's side.

  /// An IP packet came. After a batch of them pull with transmit().
  void packet_arrives(const Slice& packet, TimePoint now);
  /// The next packet to send; false when there is none. Pull until then after every call that may
  /// have made something to send, and after advance().
  bool transmit(PacketOut& out, TimePoint now);
  /// When advance() wants to be called; may be early, never late by more than a tick of the wheel.
  [[nodiscard]] TimePoint next_deadline() const { return wheel_.next_deadline(); }
  void advance(TimePoint now);
  /// The next event since the last call; false when there is none. Events wait until they are
  /// pulled, so pull them.
  bool next_event(HostEvent& event);

  // --- The user's side. A stale id answers as a connection that has ended.

  /// Passive OPEN. An unspecified address listens on all of ours of that family; port 0 picks one.
  std::expected<ListenerId, Refusal> listen(const Endpoint& local, std::uint32_t backlog,
                                            SettingsPtr settings, TimePoint now);
  /// The connection that has waited longest, now held by the caller.
  std::optional<FlowId> accept(ListenerId id);
  /// Connections that wait for accept().
  [[nodiscard]] std::size_t waiting(ListenerId id) const;
  /// Ends listening. Connections not yet accepted, and handshakes under way, are reset.
  void close_listener(ListenerId id, TimePoint now);
  [[nodiscard]] std::optional<Endpoint> local_of(ListenerId id) const;

  /// Active OPEN, held by the caller until orphan(). Without `local` an address and port of ours
  /// are chosen; a part of `local` may be left open.
  std::expected<FlowId, Refusal> connect(std::optional<Endpoint> local, const Endpoint& remote,
                                         SettingsPtr settings, TimePoint now);
  /// Octets taken, copied once; as many as the send buffer has room for.
  std::expected<std::size_t, tcp::Error> send(FlowId id, std::span<const std::byte> octets,
                                              TimePoint now, bool urgent = false);
  /// All of `slice` without a copy, or nothing (0) where the buffer is full already.
  std::expected<std::size_t, tcp::Error> send(FlowId id, Slice slice, TimePoint now);
  /// Octets read; 0 where there is nothing to read now.
  std::size_t receive(FlowId id, std::span<std::byte> into, TimePoint now);
  std::size_t peek(FlowId id, std::span<std::byte> into) const;
  /// The next octets to read as they lie, without a copy; empty where there are none.
  Slice take(FlowId id, TimePoint now);
  /// The doors of tcp::Connection by the same names.
  std::expected<void, tcp::Error> close(FlowId id, TimePoint now);
  void discard_receive(FlowId id, TimePoint now);
  void abort(FlowId id, TimePoint now);
  /// The holder lets go: close, or RST where octets are unread. The id is stale from now on.
  void orphan(FlowId id, TimePoint now);
  void set_settings(FlowId id, SettingsPtr settings, TimePoint now);

  // --- Looking in.
  [[nodiscard]] const ConnectionEntry* find(FlowId id) const;
  [[nodiscard]] const tcp::Connection* connection(FlowId id) const;
  /// Octets that can be read now.
  [[nodiscard]] std::size_t readable(FlowId id) const;
  /// Octets that send() would take now.
  [[nodiscard]] std::size_t writable(FlowId id) const;
  [[nodiscard]] bool is_local(const wire::IpAddress& address) const;
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  /// Calls visit(View) for everything there is: listeners, records, connections.
  template <typename Visit>
  void each(Visit visit) const;
  /// Connections and records that exist; 0 when everything has been given back.
  [[nodiscard]] std::size_t flows() const { return table_.size(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] std::size_t timers() const { return wheel_.size(); }

 private:
  // host_input.cpp
  void tcp_arrives(const wire::ParsedIp& ip, const Slice& packet, TimePoint now);
  void icmp_arrives(const wire::ParsedIp& ip, TimePoint now);
  [[nodiscard]] bool may_come_from(const wire::IpAddress& address) const;
  void to_connection(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                     TimePoint now);
  void to_syn_rcvd(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                   TimePoint now);
  void to_time_wait(std::uint32_t index, const Flow& flow, const wire::ParsedTcp& tcp,
                    const Slice& packet, TimePoint now);
  void to_listener(const Flow& flow, const wire::ParsedTcp& tcp, TimePoint now,
                   std::optional<Seq> beyond = {});
  void grow(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now);

  // host_user.cpp
  ListenerEntry* find_listener(ListenerId id);
  ListenerEntry* listener_for(const Endpoint& local);
  [[nodiscard]] bool port_taken(const Endpoint& local, const Endpoint& remote) const;
  std::optional<std::uint16_t> ephemeral_port(const Endpoint& local, const Endpoint& remote);
  [[nodiscard]] std::optional<wire::IpAddress> source_for(const wire::IpAddress& remote) const;
  tcp::Open how_to_open(const Flow& flow, SettingsPtr settings, TimePoint now);
  void reset_children(std::uint32_t listener, TimePoint now);

  // host_output.cpp
  bool transmit_from(Handle handle, PacketOut& out, TimePoint now);
  void leaves_queue(Handle handle, TimePoint now);
  void build(const Flow& flow, const tcp::Outgoing& segment, const tcp::SendBuffer* octets,
             PacketOut& out);
  void finish_checksum(const Flow& flow, PacketOut& out) const;
  bool loop_back(PacketOut& out, TimePoint now);
  void reply_reset(const Flow& flow, const tcp::Reset& reset);

  // host.cpp
  [[nodiscard]] std::uint32_t hash(const Flow& flow) const { return hash_of(flow, table_key_); }
  [[nodiscard]] std::optional<Handle> lookup(const Flow& flow) const;
  [[nodiscard]] std::optional<Handle> living(const Flow& flow);
  [[nodiscard]] const Flow& flow_of(Handle handle) const;
  ConnectionEntry* get(FlowId id);
  std::uint32_t make_connection(const Flow& flow, tcp::Connection connection);
  void apply(std::uint32_t index, const tcp::Effects& fx, TimePoint now);
  void count(const tcp::Effects& fx);
  void mark(Handle handle);
  [[nodiscard]] bool is_dirty(Handle handle) const;
  void settle(std::uint32_t index, TimePoint now);
  void remove_from_table(ConnectionEntry& entry, std::uint32_t index);
  void release(std::uint32_t index);
  void to_time_wait_record(std::uint32_t index, TimePoint now);
  void go_on_with_syn_rcvd(std::uint32_t index);
  void end_syn_rcvd(std::uint32_t index);
  void end_time_wait(std::uint32_t index);
  void time_wait_due(std::uint32_t index, TimePoint now);
  void minds_deadline(TimerId timer, TimePoint deadline);
  [[nodiscard]] const tcp::Settings& settings_of(const SettingsPtr& settings) const;

  Config config_;
  Random random_;
  HashKey table_key_;
  HashKey iss_key_;
  HashKey port_key_;
  BufferPool pool_;  ///< outlives every slice below
  FlowTable table_;
  TimingWheel wheel_;
  Slab<ConnectionEntry> connections_;
  Slab<SynRcvdEntry> syn_rcvd_;
  Slab<TimeWaitEntry> time_wait_;
  std::vector<ListenerEntry> listeners_;
  Ring<Handle> dirty_;   ///< those that may have something to send, and some that are gone
  Ring<Slice> replies_;  ///< whole packets that belong to no connection
  Ring<Slice> looped_;   ///< packets to an address of our own
  Ring<HostEvent> events_;
  std::vector<std::uint32_t> due_;
  Counters counters_;
  std::uint32_t last_ = kNobody;  ///< connection of the last packet, if it is still there
  std::uint16_t port_counter_ = 0;
  std::uint16_t identification_ = 0;
};

/// One row of what `ss` shows.
struct View {
  tcp::State state = tcp::State::closed;
  Flow flow;
  std::size_t receive_queue = 0;           ///< octets; of a listener, connections that wait
  std::size_t send_queue = 0;              ///< octets not acknowledged; of a listener, its backlog
  TimePoint since{};                       ///< when it entered this state
  const ConnectionEntry* entry = nullptr;  ///< null for listeners and records
};

template <typename Visit>
void Host::each(Visit visit) const {
  for (const ListenerEntry& l : listeners_) {
    if (!l.in_use) continue;
    visit(View{
        tcp::State::listen, {l.local, {}}, l.accept_queue.size(), l.backlog, l.since, nullptr});
  }
  syn_rcvd_.each([&](const SynRcvdEntry& e) {
    visit(View{e.record.state, e.flow, 0, 0, e.record.sent, nullptr});
  });
  connections_.each([&](const ConnectionEntry& e) {
    const tcp::State state = e.connection.state();
    if (state == tcp::State::closed) return;
    const TimePoint since = e.history.kept() > 0 ? e.history.last(0).at : TimePoint{};
    visit(View{state, e.flow, static_cast<std::size_t>(e.in.readable().size()), e.out.size(), since,
               &e});
  });
  time_wait_.each([&](const TimeWaitEntry& e) {
    visit(View{e.record.state(), e.flow, 0, 0, e.since, nullptr});
  });
}

}  // namespace lastack::host
