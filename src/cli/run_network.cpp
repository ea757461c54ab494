#include "cli/run_network.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "cli/command.hpp"
#include "control/control.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::cli {
namespace {

run::ResolverFile machines_resolvers() {
  std::ifstream file("/etc/resolv.conf");
  return run::ResolverFile::read(file);
}

/// Where the machine's programs ask for names, as far as it is on the machine itself: those of a
/// run that may go out ask there, too.
std::vector<host::Endpoint> local_ones(const run::ResolverFile& resolvers, bool allow_host) {
  std::vector<host::Endpoint> all;
  for (const host::Endpoint& server : resolvers.servers) {
    if (allow_host && server.address.is_loopback()) all.push_back(server);
  }
  return all;
}

std::vector<wire::IpAddress> addresses_of(const DeviceOptions& device) {
  std::vector<wire::IpAddress> all;
  for (const wire::Prefix& prefix : config_of(device).addresses) all.push_back(prefix.address);
  return all;
}

run::Surroundings surroundings_of(const std::optional<run::Joined>& joined) {
  run::Surroundings all = usual_surroundings();
  if (!joined) return all;
  for (const wire::IpAddress& one : joined->told.yours)
    (one.is_v4() ? all.run.v4 : all.run.v6) = one;
  return all;
}

/// Those of --host, and the run's own.
std::vector<run::HostName> host_names_of(const RunOptions& options, const run::Pair& run) {
  std::vector<run::HostName> all;
  all.reserve(options.hosts.size() + 2);
  for (const std::string& text : options.hosts) all.push_back(host_of(text));
  if (options.name.empty()) return all;
  const std::string name = in_lower_case(options.name);
  all.push_back({name, run.v4});
  all.push_back({name, run.v6});
  return all;
}

std::optional<run::Joined> joined(const RunOptions& options) {
  if (options.join.empty()) return std::nullopt;
  run::Announcement own;
  own.one_by_one = !options.device.wire.empty();
  own.names =
      host_names_of(options, {*wire::IpAddress::parse("0.0.0.0"), *wire::IpAddress::parse("::")});
  for (const std::string& text : options.hosts) {
    const wire::IpAddress at = host_of(text).address;
    if (!at.is_loopback()) own.addresses.push_back(at);
  }
  auto joined = run::join(path_of_run(options.join), own);
  if (joined && joined->told.refusal.empty()) return std::move(*joined);
  if (joined) throw Failure{fmt::format("can't join {}: {}", options.join, joined->told.refusal)};
  if (joined.error() == ENOENT || joined.error() == ECONNREFUSED) {
    throw Failure{
        fmt::format("no run of this user is called {}\n"
                    "  lastack run --name {} PROGRAM   starts one that can be joined",
                    options.join, options.join)};
  }
  throw Failure{fmt::format("can't join {}: {}", options.join, std::strerror(joined.error()))};
}

/// What its far end says where it has gone: a segment that ends the connection (RFC 9293 §3.5.2).
Slice reset_of(const host::View& view) {
  const auto& [local, remote] = view.flow;
  const tcp::Tcb& tcb = view.entry->connection.tcb();
  wire::TcpHeader header;
  header.source_port = remote.port;
  header.destination_port = local.port;
  header.seq = tcb.irs + 1 + static_cast<std::uint32_t>(tcb.rcv.nxt);
  header.ack = tcb.iss + 1 + static_cast<std::uint32_t>(tcb.snd.nxt);
  header.flags = wire::Flags(wire::Flag::rst) | wire::Flag::ack;
  const std::size_t front = wire::ip_header_size(local.address.family());
  std::vector<std::byte> packet(front + wire::kTcpHeader);
  wire::emit_ip(
      {.source = remote.address, .destination = local.address, .protocol = wire::kProtocolTcp},
      wire::kTcpHeader, packet);
  const auto segment = std::span(packet).subspan(front);
  wire::emit_tcp(header, segment);
  wire::set_tcp_checksum(segment, wire::tcp_sum(remote.address, local.address, segment).checksum());
  return Slice::copy_of(packet);
}

}  // namespace

std::string path_of_run(const std::string& name) {
  return control::socket_folder() + "/" + in_lower_case(name) + ".run";
}

RunNetwork::RunNetwork(RunOptions& options)
    : joined_(joined(options)),
      joined_name_(options.join),
      run_(surroundings_of(joined_).run),
      tun_(!options.device.tun.empty()),
      allow_host_(options.allow_host),
      resolvers_(machines_resolvers()) {
  DeviceOptions& device = options.device;
  if (options.has_gateway() || options.has_neighbours()) {
    const auto first = device.ip.begin();
    device.ip.insert(first, {run_.v4.to_string() + "/24", run_.v6.to_string() + "/64"});
  }
  own_ = addresses_of(device);
  for (const wire::IpAddress& at : own_) {
    if (!at.is_loopback()) families_.insert(at.family());
  }
  names_.hosts = host_names_of(options, run_);
  junction_.emplace(device.mtu, own_, local_ones(resolvers_, allow_host_));
  if (!options.has_neighbours()) junction_->leave_sums();
  const auto wire = bad_wire(device);
  if (wire && !tun_) junction_->impair(wire->impairment, wire->seed);
}

Place RunNetwork::place() {
  Place place;
  place.around = [this](link::Link& inner) -> link::Link& { return around(inner); };
  place.loops_over_link = true;
  if (tun_) return place;
  place.link = &junction_->near();
  place.wires = junction_->wires();
  return place;
}

link::Link& RunNetwork::around(link::Link& inner) {
  link::Link* link = &inner;
  if (tun_) link = &beside_loopback_.emplace(inner, own_);
  return name_link_.emplace(
      *link, resolvers_, names_,
      run::NameLink::Answers{
          .answered = [this](const auto& server) { return answers_for(server); },
          .goes_on = [this](const auto& question,
                            const auto& server) { return name_goes_on(question, server); }});
}

void RunNetwork::begin(RealHost& host, run::Errands& errands, const RunOptions& options) {
  host_ = &host;
  try {
    if (options.has_neighbours()) begin_neighbours(options);
    if (options.has_gateway()) begin_gateway(errands, options);
  } catch (...) {
    end();
    throw;
  }
}

void RunNetwork::end() {
  gateway_.reset();
  neighbours_.reset();
}

void RunNetwork::begin_neighbours(const RunOptions& options) {
  run::Announcement own;
  own.yours = {run_.v4, run_.v6};
  own.names = names_.hosts;
  own.one_by_one = junction_->wires() != nullptr;
  for (const wire::IpAddress& at : own_) {
    if (!at.is_loopback()) own.addresses.push_back(at);
  }
  neighbours_.emplace(junction_->far(), host_->loop(), names_, std::move(own),
                      options.has_gateway());
  neighbours_->on_gone = [this](const auto& gone, bool joined) { neighbours_gone(gone, joined); };
  neighbours_->on_news = [this] { junction_->take_one_by_one(neighbours_->want_one_by_one()); };
  if (joined_) return neighbours_->take_in(std::move(*joined_));
  const auto open = neighbours_->open(path_of_run(options.name));
  if (open) return;
  if (open.error() == EADDRINUSE) {
    throw Failure{
        fmt::format("a run is called {} already: join it with --join {}, or choose "
                    "another name",
                    options.name, options.name)};
  }
  throw Failure{
      fmt::format("can't make {}: {}\n"
                  "  set XDG_RUNTIME_DIR to a folder of yours, with a short name",
                  path_of_run(options.name), std::strerror(open.error()))};
}

void RunNetwork::begin_gateway(run::Errands& errands, const RunOptions& options) {
  host::Config config = host_->host().config();
  config.addresses = {{usual_surroundings().machine.v4, 24}, {usual_surroundings().machine.v6, 64}};
  config.transmit_checksum |= neighbours_.has_value();  // whose wires may be bad
  run::Surroundings around = usual_surroundings();
  around.run = run_;
  for (const run::HostName& one : host_names_of(options, run_)) around.hosts.push_back(one.address);
  link::Link& far = neighbours_ ? static_cast<link::Link&>(*neighbours_) : junction_->far();
  gateway_.emplace(far, host_->loop(), errands, std::move(config), system_random(),
                   std::move(around));
  for (const std::string& text : options.publish) {
    const PublishedPort published = published_of(text);
    const auto done = gateway_->publish(published.outside, published.port);
    if (done) continue;
    throw not_published(published, done.error());
  }
}

// --- other runs

bool RunNetwork::is_near(const host::Endpoint& to) const {
  return neighbours_ && neighbours_->has(to.address);
}

void RunNetwork::neighbours_gone(const std::vector<wire::IpAddress>& gone, bool joined) {
  gone_.insert(gone.begin(), gone.end());
  if (joined) {
    fmt::print(stderr, "lastack: {} has ended: programs of this run reach each other only\n",
               joined_name_);
  }
  reset_connections_with(gone);
}

/// Nobody there will ever answer.
void RunNetwork::reset_connections_with(const std::vector<wire::IpAddress>& gone) {
  std::vector<Slice> resets;
  host_->host().each([&](const host::View& view) {
    const wire::IpAddress& remote = view.flow.remote.address;
    if (view.entry == nullptr || std::ranges::find(gone, remote) == gone.end()) return;
    resets.push_back(reset_of(view));
  });
  const TimePoint now = io::monotonic_now();
  for (Slice& reset : resets)
    junction_->far().pass_on({.octets = std::move(reset), .at = now}, now);
}

// --- what is outside

bool RunNetwork::within(const host::Endpoint& to) const {
  return tun_ ? beside_loopback_->is_own(to.address) : junction_->is_own(to);
}

bool RunNetwork::is_resolver(const host::Endpoint& end) const {
  return std::ranges::find(resolvers_.servers, end) != resolvers_.servers.end();
}

void RunNetwork::tell_outside(const std::string& what) {
  if (!told_.insert(what).second) return;
  const auto at = wire::IpAddress::parse(what);
  if (at && gone_.contains(*at)) {
    fmt::print(stderr, "lastack: {} was of a run that has ended\n", what);
  } else if (tun_) {
    fmt::print(stderr, "lastack: {} is outside this run\n", what);
  } else {
    fmt::print(stderr, "lastack: {} is outside this run; add --allow-host\n", what);
  }
}

/// Where there is no way out the program learns it at once, and the user once for each address.
std::expected<void, int> RunNetwork::has_way(const host::Endpoint& to) {
  if (allow_host_ || is_resolver(to) || is_near(to)) return {};
  if (tun_ && families_.contains(to.address.family())) return {};
  tell_outside(to.address.to_string());
  return std::unexpected(ENETUNREACH);
}

std::expected<void, int> RunNetwork::goes_out(const host::Endpoint& to) {
  if (is_near(to)) return {};
  if (allow_host_) return gateway_->begin(to);
  if (tun_ && families_.contains(to.address.family())) return {};
  tell_outside(to.address.to_string());
  return std::unexpected(ENETUNREACH);
}

/// A program of the run may be the resolver that all others ask.
bool RunNetwork::answers_for(const host::Endpoint& server) const {
  if (host_ == nullptr || !server.address.is_loopback()) return true;
  bool taken = false;
  host_->host().udp_endpoints().each([&](const host::UdpEntry& entry) {
    const auto& [at, port] = entry.bound;
    taken |= port == server.port && (at.is_unspecified() || at == server.address);
  });
  return !taken;
}

/// Resolvers try a name with something behind it, too: one of the two is said.
bool RunNetwork::name_goes_on(const run::DnsQuestion& question, const host::Endpoint& server) {
  if (allow_host_ || (tun_ && !server.address.is_loopback())) return true;
  if (question.type == run::DnsQuestion::kPointer) return false;
  const bool said = std::ranges::any_of(told_, [&](const std::string& told) {
    return question.name.starts_with(told + ".") || told.starts_with(question.name + ".");
  });
  if (!said) tell_outside(question.name);
  return false;
}

// --- what happens

void RunNetwork::settle() {
  constexpr int kMostRounds = 16;
  host_->settle();
  for (int i = 0; (gateway_ || neighbours_) && i < kMostRounds; ++i) {
    const TimePoint now = io::monotonic_now();
    if (i > 0 && std::min(host_->next_deadline(), next_deadline()) > now) return;
    if (neighbours_) neighbours_->turn(now);
    if (gateway_) gateway_->turn(now);
    host_->settle();
  }
}

void RunNetwork::settle_device() {
  settle();
  if (!tun_) return;
  host_->receive();
  settle();
}

TimePoint RunNetwork::next_deadline() const {
  if (gateway_) return gateway_->next_deadline();
  return neighbours_ ? neighbours_->next_deadline() : kNever;
}

std::vector<run::ShownLeg> RunNetwork::shown() const {
  return gateway_ ? gateway_->shown() : std::vector<run::ShownLeg>{};
}

}  // namespace lastack::cli
