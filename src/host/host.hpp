// A TCP/IP host: many connections behind one set of addresses.
//
// Packets and time are handed in, packets and deadlines are pulled out; nothing is called back, and
// there is no thread, clock or socket in here. One Host is one thread's worth.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/box.hpp"
#include "base/buffer.hpp"
#include "base/random.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "host/bound_ports.hpp"
#include "host/config.hpp"
#include "host/counters.hpp"
#include "host/elders.hpp"
#include "host/entries.hpp"
#include "host/event.hpp"
#include "host/flow.hpp"
#include "host/flow_table.hpp"
#include "host/outbox.hpp"
#include "host/packet.hpp"
#include "host/port_index.hpp"
#include "host/port_use.hpp"
#include "host/refusal.hpp"
#include "host/strides.hpp"
#include "host/syn_cookies.hpp"
#include "host/timing_wheel.hpp"
#include "host/trace.hpp"
#include "host/udp_endpoints.hpp"
#include "ip/icmp_meaning.hpp"
#include "ip/identification.hpp"
#include "ip/link_layer.hpp"
#include "ip/path_mtu.hpp"
#include "ip/reassembly.hpp"
#include "ip/token_bucket.hpp"
#include "wire/icmp.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {

using tcp::SettingsPtr;
using wire::Family;

struct LinkSide;

class Host {
 public:
  Host(Config config, Random random);
  Host& operator=(const Host&) = delete;
  ~Host();
  /// Another one in the same state, which goes its own way from here: ids mean the same there.
  /// Octets of connections are copied; packets that wait to be sent are shared, so both stay with
  /// one thread.
  [[nodiscard]] std::unique_ptr<Host> copy() const;

  // --- The link's side.

  /// IP packets came, in this order. Those that continue each other are taken as one segment. After
  /// a batch of them pull with transmit().
  void packets_arrive(std::span<const Slice> packets, TimePoint now);
  void packet_arrives(const Slice& packet, TimePoint now) { packets_arrive({&packet, 1}, now); }
  /// The same for frames, where the medium is Ethernet.
  void frames_arrive(std::span<const Slice> frames, TimePoint now);
  void frame_arrives(const Slice& frame, TimePoint now) { frames_arrive({&frame, 1}, now); }
  /// The next packet that is for another host to take (Config::share), as if it had arrived there.
  /// False where there is none; pull after every batch.
  bool next_foreign(Foreign& foreign);
  /// The next packet to send, or the next frame; false when there is none. Pull until then after
  /// every call that may have made something to send, and after advance().
  bool transmit(PacketOut& out, TimePoint now) {
    out.clear();
    const bool none = dirty_.empty() && replies_.empty() && looped_.empty() && udp_.outbox.empty();
    return (!none || link_) && transmit_next(out, now);
  }
  /// When advance() wants to be called; may be early, never late by more than a tick of the wheel.
  [[nodiscard]] TimePoint next_deadline() const {
    const TimePoint next = std::min(wheel_.next_deadline(), reassembly_.next_deadline());
    return link_ ? std::min(next, link_deadline()) : next;
  }
  void advance(TimePoint now);
  /// The next event since the last call; false when there is none. Who does not pull them loses
  /// the oldest (Config::most_events); Counters::events_lost says so.
  bool next_event(HostEvent& event);
  [[nodiscard]] std::size_t events() const { return events_.size(); }
  /// What became of an address of ours on an Ethernet link; false: no more. The latest are kept.
  bool next_link_event(ip::LinkNews& event);

  // --- The user's side. A stale id answers as a connection that has ended.

  /// Takes a local endpoint, to listen or connect there; port 0 picks one. Several may have one
  /// where their claims say so. Connections keep their port while there is anything of them.
  std::expected<Endpoint, Refusal> bind(const Endpoint& local, const Claim& claim);
  /// With what was said then, or since with rebind().
  void unbind(const Endpoint& bound, const Claim& claim) { bound_.give_back(bound, claim); }
  /// What bind() took has another address of ours from now on, whoever is there, too: connect() has
  /// chosen it, or it is left open again. Or it is had in another way.
  void rebind(const Endpoint& from, const Claim& before, const Endpoint& to, const Claim& claim) {
    bound_.move(from, before, to, claim);
  }

  /// Passive OPEN. An unspecified address listens on all of ours of that family; port 0 picks one.
  /// What it makes has its claim. Those with Claim::port may listen at the same place: each
  /// connection comes to one of them.
  std::expected<ListenerId, Refusal> listen(const Endpoint& local, std::uint32_t backlog,
                                            SettingsPtr settings, TimePoint now,
                                            const Claim& claim = {});
  /// The connection that has waited longest, now held by the caller.
  std::optional<FlowId> accept(ListenerId id);
  [[nodiscard]] std::size_t waiting(ListenerId id) const;
  [[nodiscard]] std::uint32_t backlog(ListenerId id) const;
  void set_backlog(ListenerId id, std::uint32_t backlog);
  /// What it makes is shut from the beginning: discards what comes, sends FIN once it is there.
  void shut_children(ListenerId id, bool receiving, bool sending);
  /// For connections that come from now on, and for those whose handshake is under way.
  void set_settings(ListenerId id, SettingsPtr settings);
  /// Ends listening. Connections not yet accepted are reset; a handshake that is under way ends
  /// with the peer's next segment, which is answered as any that nobody waits for, or by its timer.
  void close_listener(ListenerId id, TimePoint now);
  [[nodiscard]] std::optional<Endpoint> local_of(ListenerId id) const;

  /// Active OPEN, held by the caller until orphan(). Without `local` an address and port of ours
  /// are chosen; a part of `local` may be left open.
  std::expected<FlowId, Refusal> connect(std::optional<Endpoint> local, const Endpoint& remote,
                                         SettingsPtr settings, TimePoint now,
                                         const Claim& claim = {});
  /// SO_REUSEADDR or SO_REUSEPORT was set or cleared since.
  void set_sharing(FlowId id, bool address, bool port);
  void set_sharing(ListenerId id, bool address, bool port);
  void set_sharing(UdpId id, bool address, bool port) { udp_.set_sharing(id, address, port); }
  /// Octets taken, copied once; as many as the send buffer has room for. `urgent` and `more` are
  /// those of tcp::Connection::send().
  std::expected<std::size_t, tcp::Error> send(FlowId id, std::span<const std::byte> octets,
                                              TimePoint now, bool urgent = false,
                                              bool more = false);
  /// The usual send(); nothing is done, and said, unless ESTABLISHED, without a bound on the
  /// unsent.
  std::optional<std::size_t> send_plain(FlowId id, std::span<const std::byte> octets,
                                        TimePoint now);
  /// All of `slice` without a copy, or nothing (0) where the buffer is full already.
  std::expected<std::size_t, tcp::Error> send(FlowId id, Slice slice, TimePoint now);
  /// Octets read; 0 where there is nothing to read now.
  std::size_t receive(FlowId id, std::span<std::byte> into, TimePoint now);
  /// The usual receive(); nothing is done, and said, where some of it is urgent.
  std::optional<std::size_t> receive_plain(FlowId id, std::span<std::byte> into, TimePoint now);
  std::size_t peek(FlowId id, std::span<std::byte> into) const;
  /// These two as tcp::ReceiveBuffer's, so that octets can be read where they lie.
  std::size_t lend(FlowId id, std::span<std::span<const std::byte>> to) const;
  std::size_t discard(FlowId id, std::size_t octets, TimePoint now);
  /// The urgent octet was read apart from the others; it stays in its place.
  void take_urgent(FlowId id);
  /// The doors of tcp::Connection by the same names.
  std::expected<void, tcp::Error> close(FlowId id, TimePoint now, bool after_handshake = false);
  void discard_receive(FlowId id, TimePoint now);
  void abort(FlowId id, TimePoint now);
  /// The holder lets go: close, or RST where octets are unread. The id is stale from now on. What
  /// has not been acknowledged after the time to `linger` is reset; 0 for no such time.
  void orphan(FlowId id, TimePoint now, Duration linger = Duration(0));
  /// These two as tcp::Connection's.
  void set_settings(FlowId id, SettingsPtr settings, TimePoint now);
  void flush(FlowId id, bool corked);

  // --- UDP. A stale id answers as an endpoint that was closed.

  /// An endpoint at an address of ours, or all of its family where that is unspecified; port 0
  /// picks one. Several may have the same one where their claims say so: the last of them hears.
  std::expected<UdpId, Refusal> udp_open(const Endpoint& local, const Claim& claim, TimePoint now);
  /// Hears only `remote` from now on, sends there where nobody else is named, and learns of ICMP
  /// errors. Port 0 hears any port of that address. Another connect() replaces the first.
  std::expected<void, Refusal> udp_connect(UdpId id, const Endpoint& remote);
  void udp_disconnect(UdpId id) { udp_.disconnect(id); }
  /// How many octets of memory its queue may keep, and how its packets are marked.
  void udp_choose(UdpId id, std::size_t receive_buffer, const wire::MarksOfBoth& marks);
  /// Octets taken: all, as one datagram. Without `to` it goes to the peer; `from`: instead of its
  /// own address, or port. would_block where too much waits to be sent: an event follows.
  std::expected<std::size_t, udp::Error> udp_send_to(UdpId id, std::optional<Endpoint> to,
                                                     std::span<const std::byte> octets,
                                                     TimePoint now,
                                                     std::optional<Endpoint> from = {});
  /// The datagram that has waited longest.
  std::expected<udp::Datagram, udp::Error> udp_receive(UdpId id);
  /// The error that is due; the next call does not tell it again.
  udp::Error udp_take_error(UdpId id);
  /// What waits to be read goes, what waits to be sent is sent.
  void udp_close(UdpId id) { udp_.close(id); }
  /// Its port is free; what waits to be read stays, for the endpoint that takes it over.
  void udp_leave(UdpId id) { udp_.leave(id); }
  void udp_take_over(UdpId id, UdpId left) { udp_.take_over(id, left); }
  [[nodiscard]] const UdpEntry* udp(UdpId id) const { return udp_.find(id); }
  [[nodiscard]] const UdpEndpoints& udp_endpoints() const { return udp_; }

  // --- Looking in.
  [[nodiscard]] const ConnectionEntry* find(FlowId id) const {
    return const_cast<Host*>(this)->get(id);
  }
  [[nodiscard]] const tcp::Connection* connection(FlowId id) const {
    const ConnectionEntry* const entry = find(id);
    return entry != nullptr ? &entry->connection : nullptr;
  }
  [[nodiscard]] std::size_t readable(FlowId id) const;
  [[nodiscard]] std::size_t writable(FlowId id) const;
  /// Where a connection stands, held or not; CLOSED where there is none.
  [[nodiscard]] tcp::State state_of(const Flow& flow) const;
  [[nodiscard]] bool is_local(const wire::IpAddress& address) const;
  /// Our addresses that can be used now: on Ethernet not before nobody else was found to have them.
  [[nodiscard]] std::span<const ip::UsableAddress> addresses() const { return addresses_; }
  /// Neighbours, routes, all addresses; null where the medium is not Ethernet.
  [[nodiscard]] const ip::LinkLayer* link() const;
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// The latest events, where Config::trace asks for them.
  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  /// Calls visit(View) for everything there is: listeners, records, connections.
  template <typename Visit>
  void each(Visit visit) const;
  [[nodiscard]] std::size_t flows() const { return table_.size(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  /// Of them those that nobody holds any more, and that are not over yet.
  [[nodiscard]] std::size_t orphans() const { return orphans_; }
  [[nodiscard]] std::size_t timers() const { return wheel_.size(); }
  /// Connections and TIME_WAIT records that keep a port of ours.
  [[nodiscard]] std::size_t uses_of(std::uint16_t port) const { return used_.at(port).all(); }
  /// Octets in all receive buffers, as of the last transmit().
  [[nodiscard]] std::size_t unread() const { return unread_; }
  [[nodiscard]] const ip::Reassembly& reassembly() const { return reassembly_; }
  [[nodiscard]] const ip::PathMtu& path_mtu() const { return path_mtu_; }
  /// Octets of the largest IP packet that the link takes.
  [[nodiscard]] std::uint16_t mtu_for(Family family) const;

 private:
  Host(const Host&);

  static Run run_of(const wire::ParsedTcp& tcp, const Slice& packet);

  // host_ip.cpp
  void arrive(std::span<const Slice> packets, Via via, TimePoint now);
  std::size_t take(std::span<const Slice> packets, Via via, bool verify, TimePoint now);
  [[gnu::noinline]] void not_whole(const Slice& packet, wire::ParseError error, Via via,
                                   TimePoint now);
  [[gnu::noinline]] void piece_arrives(const Slice& packet, Via via, TimePoint now);
  void whole_arrives(const Slice& packet, Via via, TimePoint now);
  [[gnu::noinline]] void refuse(const Slice& packet, const wire::HeaderProblem& problem, Via via,
                                TimePoint now);
  [[gnu::noinline]] void to_nobody(const wire::ParsedIp& ip, const Slice& packet, Via via,
                                   TimePoint now);
  [[nodiscard]] bool is_between(const wire::IpAddress& source, const wire::IpAddress& destination,
                                Via via);
  [[nodiscard]] bool may_come_from(const wire::IpAddress& address, Via via) const;
  [[nodiscard]] bool is_broadcast(const wire::IpAddress& address) const;
  [[gnu::noinline]] void reassembly_due(TimePoint now);

  // host_icmp.cpp
  [[gnu::noinline]] void icmp_arrives(const wire::ParsedIp& ip, const Slice& packet, TimePoint now);
  void answer_echo(const wire::ParsedIp& ip, const wire::ParsedIcmp& icmp);
  void icmp_error_arrives(const wire::ParsedIcmp& icmp, wire::Family family, const Slice& packet,
                          TimePoint now);
  void drop_icmp(IcmpDrop drop, Family family);
  void icmp_to_connection(std::uint32_t index, const tcp::IcmpError& error, std::uint16_t mtu,
                          TimePoint now);
  void icmp_to_syn_rcvd(std::uint32_t index, const tcp::IcmpError& error, TimePoint now);
  [[gnu::noinline]] void mind_path(ConnectionEntry& entry, TimePoint now);
  std::uint16_t identification_for(const wire::IpAddress& from, const wire::IpAddress& to);
  void send_error(const wire::IcmpMessage& message, wire::Bytes about, bool even_multicast, Via via,
                  TimePoint now);

  // host_udp.cpp
  [[gnu::noinline]] void udp_arrives(const wire::ParsedIp& ip, const Slice& packet, Via via,
                                     bool verify, TimePoint now);
  void to_endpoint(std::uint32_t index, const Flow& flow, Slice payload, TimePoint now);
  void tell_udp(std::uint32_t index, TimePoint now);
  void icmp_to_udp(const Flow& flow, const ip::Meaning& meaning, TimePoint now);
  void no_way_for_udp(wire::Bytes packet, TimePoint now);
  [[nodiscard]] bool is_one_receiver(const wire::IpAddress& to) const;
  [[nodiscard]] std::expected<Flow, udp::Error> udp_flow(const UdpEntry& entry,
                                                         const std::optional<Endpoint>& to,
                                                         const std::optional<Endpoint>& from) const;
  Slice datagram(const UdpEntry& of, const Flow& flow, wire::Bytes octets, TimePoint now);
  [[gnu::noinline]] void transmit_udp(PacketOut& out, TimePoint now);

  // host_input.cpp
  std::size_t tcp_arrives(const wire::ParsedIp& ip, std::span<const Slice> packets, bool verify,
                          bool of_last, TimePoint now);
  [[gnu::noinline]] void to_record(Handle handle, const Flow& flow, std::uint32_t hash,
                                   const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now);
  std::size_t run_to_last(const wire::ParsedIp& ip, const wire::ParsedTcp& tcp,
                          std::span<const Slice> packets, TimePoint now);
  void count_without_octets(const wire::TcpHeader& header, tcp::Drop drop, const tcp::Tcb& tcb,
                            bool recovered_before);
  void count_duplicate_sack(const wire::TcpHeader& header);
  void count_challenge(const wire::TcpHeader& header, tcp::Drop drop,
                       const tcp::ChallengeBudget& before, const tcp::ChallengeBudget& after,
                       TimePoint now);
  void to_connection(ConnectionEntry& entry, std::uint32_t index, const wire::ParsedTcp& tcp,
                     const Run& run, TimePoint now);
  [[gnu::noinline]] void reuse(ConnectionEntry& entry, std::uint32_t index,
                               const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now);
  void keep(ConnectionEntry& entry, const Run& run, const tcp::Effects& fx);
  [[gnu::noinline]] void keep_urgent(ConnectionEntry& entry, const wire::ParsedTcp& tcp,
                                     const Run& run, tcp::Drop drop);
  [[gnu::noinline]] void to_syn_rcvd(std::uint32_t index, const wire::ParsedTcp& tcp,
                                     const Slice& packet, TimePoint now);
  [[gnu::noinline]] void to_time_wait(std::uint32_t index, const Flow& flow,
                                      const wire::ParsedTcp& tcp, const Slice& packet,
                                      TimePoint now);
  [[gnu::noinline]] void to_listener(const Flow& flow, std::uint32_t hash,
                                     const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now,
                                     std::optional<Seq> beyond = {});
  [[nodiscard]] bool may_keep_more(const ConnectionEntry& entry);
  [[nodiscard]] bool may_wait_for(const ListenerEntry& listener);
  std::uint32_t grow(const tcp::SynRcvd& record, const Flow& flow, std::uint32_t owner,
                     TimePoint now);
  [[gnu::noinline]] void has_grown(std::uint32_t index, const wire::ParsedTcp& tcp,
                                   const Slice& packet, TimePoint now);

  // host_share.cpp: only where Config::share says that there are others
  [[nodiscard]] bool is_anothers(const Flow& flow) const {
    return config_.share.of > 1 && owner_of(flow) != config_.share.index;
  }
  [[nodiscard, gnu::noinline]] std::uint32_t owner_of(const Flow& flow) const;
  [[gnu::noinline]] void hand_over(const Slice& packet, const Flow& flow);

  // host_cookies.cpp
  void send_cookie(std::uint32_t owner, const Flow& flow, const wire::TcpHeader& syn,
                   TimePoint now);
  bool takes_cookie(std::uint32_t owner, const Flow& flow, std::uint32_t hash,
                    const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now);

  // host_user.cpp
  [[nodiscard]] const ListenerEntry* find_listener(ListenerId id) const;
  ListenerEntry* find_listener(ListenerId id) { return listeners_.find(id.index, id.generation); }
  [[nodiscard]] std::optional<std::uint32_t> listener_for(const Flow& flow) const;
  [[nodiscard]] bool listens_at(const Endpoint& local, const Claim& claim) const;
  [[nodiscard]] bool keeps(const Endpoint& local, const Claim& claim) const;
  [[nodiscard]] std::optional<wire::IpAddress> source_for(const wire::IpAddress& remote) const;
  tcp::Open how_to_open(const Flow& flow, SettingsPtr settings, TimePoint now);
  void reset_children(std::uint32_t listener, TimePoint now);
  void reset_an_orphan(TimePoint now);

  // host_ports.cpp
  struct FreePort;
  std::optional<FreePort> ephemeral_port(const Endpoint& local, const Endpoint& remote,
                                         std::optional<TimePoint> now = {});
  std::expected<FreePort, Refusal> place_for(const Flow& flow, const SettingsPtr& settings,
                                             TimePoint now);
  [[nodiscard]] bool gives_way(Handle there, std::optional<TimePoint> chosen = std::nullopt) const;
  void take_over(std::uint32_t time_wait, tcp::Open& how, TimePoint now);

  // host_output.cpp
  bool transmit_next(PacketOut& out, TimePoint now);
  bool transmit_first(PacketOut& out, TimePoint now);
  bool transmit_connection(ConnectionEntry& entry, PacketOut& out, TimePoint now);
  [[gnu::noinline]] bool transmit_record(Handle handle, PacketOut& out, TimePoint now);
  void take_turns(std::size_t octets);
  void record_leaves(Handle handle);
  void build(const Flow& flow, tcp::Outgoing& segment, ConnectionEntry* of, PacketOut& out,
             const tcp::Settings* how = nullptr);
  void finish_checksum(const Flow& flow, bool of_last, bool whole, PacketOut& out) const;
  [[gnu::noinline]] void loop_back(const PacketOut& out);
  [[nodiscard]] bool may_reply();
  void reply(const Flow& flow, tcp::Outgoing segment);
  [[gnu::noinline]] void reply_reset(const Flow& flow, const tcp::Reset& reset);
  void reply(Slice packet);
  [[gnu::noinline]] void transmit_reply(PacketOut& out, TimePoint now);
  [[gnu::noinline]] void transmit_whole(Outbox& box, PacketOut& out, TimePoint now);
  void cut_first(Outbox& box, TimePoint now);
  void count_out(const wire::IpAddress& from, std::size_t octets);
  void count_segment(const tcp::Outgoing& segment, std::size_t packets);

  // host_link.cpp: only where the medium is Ethernet, and out of the way of where it is not
  [[nodiscard, gnu::noinline]] TimePoint link_deadline() const;
  [[gnu::noinline]] void advance_link(TimePoint now);
  void unpacked_arrive(TimePoint now);
  void hear_link(TimePoint now);
  [[gnu::noinline]] bool transmit_link(PacketOut& out);
  [[gnu::noinline]] bool find_way(PacketOut& out, TimePoint now);
  void no_way_for(const PacketOut& out, TimePoint now);
  [[gnu::noinline]] void way_works(const Flow& flow, TimePoint now);
  [[gnu::noinline]] void doubt_way(const Flow& flow, const tcp::Outgoing& segment, TimePoint now);

  // host_trace.cpp: only where Config::trace asks for it
  [[gnu::noinline]] void trace_arrival(const Flow& flow, wire::Bytes segment, std::size_t payload,
                                       TimePoint now);
  [[gnu::noinline]] void trace_departure(const Flow& flow, const PacketOut& packet,
                                         const tcp::Expiry& expiry, TimePoint now);
  [[gnu::noinline]] void trace_reply(const Slice& packet, TimePoint now);
  [[gnu::noinline]] void trace_effects(const Flow& flow, const tcp::Effects& fx, TimePoint now);
  [[gnu::noinline]] void trace_user_call(const Flow& flow, TraceEvent::Call call,
                                         std::size_t octets, TimePoint now);
  void trace_call(const Flow& flow, TraceEvent::Call call, std::size_t octets, TimePoint now) {
    if (trace_.on()) trace_user_call(flow, call, octets, now);
  }

  // host.cpp
  [[nodiscard]] std::uint32_t hash(const Flow& flow) const { return hash_of(flow, table_key_); }
  [[nodiscard]] Handle lookup(const Flow& flow, std::uint32_t hash) const;
  [[nodiscard]] Handle living(const Flow& flow, std::uint32_t hash);
  [[nodiscard]] const Flow& flow_of(Handle handle) const;
  ConnectionEntry* get(FlowId id) { return connections_.find(id.index, id.generation); }
  [[nodiscard]] bool is_of_last(const wire::IpHeader& header) const;
  void remember_last(std::uint32_t index, std::optional<std::uint32_t> hash);
  [[nodiscard]] std::uint32_t hash(const ConnectionEntry& entry) const;
  bool is_of(std::uint32_t index, const wire::IpHeader& ip, const wire::TcpHeader& header);
  [[gnu::noinline]] void look_ahead();
  template <typename Made>
  std::uint32_t make_connection(const Flow& flow, const Claim& claim, Made connection);
  void enter_table(std::uint32_t index, std::uint32_t hash);
  void take_place(std::uint32_t index, std::uint32_t syn_rcvd);
  void apply(ConnectionEntry& entry, std::uint32_t index, const tcp::Effects& fx, TimePoint now);
  void apply(std::uint32_t index, const tcp::Effects& fx, TimePoint now) {
    apply(connections_[index], index, fx, now);
  }
  void note(const Flow& flow, const tcp::Effects& fx, TimePoint now);
  HostEvent& tell(TimePoint now);
  [[gnu::noinline]] void lose_event();
  void mark(Handle handle);
  void mark(ConnectionEntry& entry, std::uint32_t index) {
    if (!std::exchange(entry.dirty, true)) dirty_.push_back({Handle::Kind::connection, index});
  }
  void settle(ConnectionEntry& entry, std::uint32_t index, TimePoint now);
  [[gnu::noinline]] void remove_from_table(ConnectionEntry& entry, std::uint32_t index);
  [[gnu::noinline]] void release(std::uint32_t index);
  [[gnu::noinline]] void to_time_wait_record(std::uint32_t index, TimePoint now);
  void go_on_with_syn_rcvd(std::uint32_t index);
  [[gnu::noinline]] void end_syn_rcvd(std::uint32_t index);
  [[gnu::noinline]] void tell_all_is_out(ConnectionEntry& entry, std::uint32_t index,
                                         TimePoint now);
  [[gnu::noinline]] void give_syn_rcvd_up(std::uint32_t index, TimePoint now);
  void drop_syn_rcvd(std::uint32_t index);
  [[gnu::noinline]] void end_time_wait(std::uint32_t index);
  void make_room_in_time_wait();
  void timer_fires(std::uint32_t index, TimePoint now);
  void connection_due(std::uint32_t index, TimePoint now);
  void time_wait_due(std::uint32_t index, TimePoint now);
  void minds_deadline(ConnectionEntry& entry, TimePoint deadline, TimePoint now);
  [[nodiscard]] const tcp::Settings& settings_of(const SettingsPtr& settings) const;
  [[nodiscard]] const tcp::Settings& settings_of(const SynRcvdEntry& entry) const;

  Config config_;
  std::vector<ip::UsableAddress> addresses_;
  Random random_;
  HashKey table_key_;
  HashKey iss_key_;
  HashKey port_key_;
  RememberedHash arrived_;  ///< of flows looked up: a handshake's SYN and ACK follow each other
  RememberedHash dialled_;  ///< where the last connection went, for its port: so does the next
  SynCookies cookies_;
  BufferPool pool_;  ///< outlives every slice below
  FlowTable table_;
  TimingWheel wheel_;
  Slab<ConnectionEntry> connections_;
  Slab<SynRcvdEntry> syn_rcvd_;
  std::size_t outliving_ = 0;  ///< of those, whose listener has gone; Config::syn_queue at most
  Slab<TimeWaitEntry> time_wait_;
  Elders<ConnectionEntry> orphans_by_age_;
  Elders<TimeWaitEntry> time_wait_by_age_;
  std::size_t orphans_ = 0;
  std::size_t unread_ = 0;  ///< octets in all receive buffers
  Slab<ListenerEntry> listeners_;
  PortIndex listening_;
  BoundPorts bound_;
  PortUse used_;          ///< by connections, TIME_WAIT too
  Ring<Handle> dirty_;    ///< those that may have something to send, and some that are gone
  std::size_t turn_ = 0;  ///< octets that the first of them has sent since it came to the front
  Outbox replies_;        ///< whole packets that belong to no connection and no endpoint
  UdpEndpoints udp_;
  bool udp_went_ = false;  ///< the last packet was a datagram: it is TCP's turn
  Ring<Slice> looped_;     ///< packets to an address of our own
  Ring<Foreign> foreign_;  ///< packets for other hosts
  Ring<HostEvent> events_;
  std::vector<std::uint32_t> due_;
  ip::Reassembly reassembly_;
  ip::PathMtu path_mtu_;
  ip::Identifications identifications_;
  ip::TokenBucket error_budget_;
  Counters counters_;
  Trace trace_;
  Box<LinkSide> link_;               ///< null where the medium is not Ethernet
  ConnectionEntry* last_ = nullptr;  ///< of the last packet, or made since; while in the table
  Remembered of_last_;
  Strides heard_;                     ///< of connections that packets came for, one after another
  std::uint32_t asked_ = UINT32_MAX;  ///< the connection that sent last: it may be answered next
  std::uint16_t port_counter_ = 0;
  std::uint16_t identification_ = 0;
};

}  // namespace lastack::host

#include "host/made.hpp"  // Host::make_connection()
#include "host/view.hpp"  // Host::each()
