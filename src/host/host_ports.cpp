// Ports that connect() and bind() choose, and those in TIME_WAIT that a connect() takes over.
#include "host/free_port.hpp"
#include "host/host.hpp"

namespace lastack::host {

/// RFC 6056 §3.3.3: a hash of the flow says where to start, a counter where to go on.
///
/// To connect `now`, where no port is free, one does that has stood in TIME_WAIT for long enough.
/// Ports are taken in turn, so what comes first has most likely stood there for the longest; who
/// finds many of them one after another need not look for a free one among all.
std::optional<Host::FreePort> Host::ephemeral_port(const Endpoint& local, const Endpoint& remote,
                                                   std::optional<TimePoint> now) {
  constexpr std::uint32_t kEnough = 64;  // ports looked at in vain
  const std::uint32_t range = config_.last_port - config_.first_port + 1U;
  const bool for_bind = remote.address.is_unspecified();
  const std::uint32_t start = dialled_.of({{local.address, 0}, remote}) + port_counter_;
  std::optional<FreePort> found;
  std::uint32_t at = 0;
  for (std::uint32_t i = 0; i < range && (!found || i < kEnough); ++i) {
    const auto port = static_cast<std::uint16_t>(config_.first_port + (start + i) % range);
    if (!listening_.at(port).empty() || bound_.any_at(port)) continue;
    const Flow flow{{local.address, port}, remote};
    const std::uint32_t hash = this->hash(flow);
    const Handle there = lookup(flow, hash);
    if (there && (found || !now || !gives_way(there, now))) continue;
    if (for_bind ? used_.at(port).all() > 0 : is_anothers(flow)) continue;
    found = FreePort{port, hash, there ? std::optional(there.index()) : std::nullopt};
    at = i;
    if (!there) break;
  }
  if (found) port_counter_ = static_cast<std::uint16_t>(port_counter_ + at + 1);
  return found;
}

/// Where a new connection is to begin; a port is chosen where `flow` has none.
std::expected<Host::FreePort, Refusal> Host::place_for(const Flow& flow,
                                                       const SettingsPtr& settings, TimePoint now) {
  const bool newer = settings_of(settings).timestamps;  // than what had the same ends
  if (flow.local.port == 0) {
    const auto free =
        ephemeral_port(flow.local, flow.remote, newer ? std::optional(now) : std::nullopt);
    if (!free) return std::unexpected(Refusal::address_not_available);
    return *free;
  }
  if (is_anothers(flow)) return std::unexpected(Refusal::address_not_available);
  FreePort place{.port = flow.local.port, .hash = hash(flow), .waits = std::nullopt};
  if (const Handle there = living(flow, place.hash)) {
    if (!newer || !gives_way(there)) return std::unexpected(Refusal::address_in_use);
    place.waits = there.index();
  }
  return place;
}

/// Whether a connection with the same ends may begin at once: the SYN's number and timestamp say
/// that it is newer (RFC 6191 §2). `chosen`: the port is ours to choose, and another might do. As
/// in Linux, who names the port himself need not wait.
bool Host::gives_way(Handle there, std::optional<TimePoint> chosen) const {
  if (there.kind() != Handle::Kind::time_wait) return false;
  const tcp::TimeWait& record = time_wait_[there.index()].record;
  return record.has_timestamps() && (!chosen || record.rested(*chosen));
}

/// The connection that opens goes on where that one ended.
void Host::take_over(std::uint32_t time_wait, tcp::Open& how, TimePoint now) {
  TimeWaitEntry& entry = time_wait_[time_wait];
  note(entry.flow, entry.record.give_way(how), now);
  end_time_wait(time_wait);
  ++counters_.tcp.time_wait_taken_over;
}

}  // namespace lastack::host
