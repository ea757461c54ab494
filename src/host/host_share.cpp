// Several hosts with the same addresses: whose a flow is, and packets that came to the wrong one.
#include <utility>

#include "host/host.hpp"

namespace lastack::host {

/// Of all alike, whatever has become of the flow: no host has to ask another. What goes from one of
/// our addresses to another stays where it is, as it never sees the link.
std::uint32_t Host::owner_of(const Flow& flow) const {
  const Share& share = config_.share;
  if (is_local(flow.remote.address)) return share.index;
  return static_cast<std::uint32_t>((std::uint64_t{hash_of(flow, share.key)} * share.of) >> 32U);
}

/// It counts where it belongs, as if it had never come here.
void Host::hand_over(const Slice& packet, const Flow& flow) {
  ++counters_.handed_over;
  --counters_.packets_in;
  IpCounters& counts = counters_.ip[Counters::of(flow.local.address)];
  --counts.in_receives;
  --counts.in_delivers;
  counts.in_octets -= packet.size();
  if (foreign_.size() >= config_.most_replies) {
    ++counters_.replies_dropped;  // nobody pulls them
    return;
  }
  foreign_.push_back({packet, owner_of(flow)});
}

bool Host::next_foreign(Foreign& foreign) {
  if (foreign_.empty()) return false;
  foreign = foreign_.pop_front();
  return true;
}

}  // namespace lastack::host
