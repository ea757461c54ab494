// A host as JSON: what `ss` and the counters show of it.
//
// A row of view_of() has these; what is not known, or not so, is left out:
//
//   protocol  "tcp" or "udp"
//   state     the classic name; of UDP ESTABLISHED where it is connected, else CLOSED, as the
//   kernel
//             has it
//   local     "10.0.0.1:80", "[fd00::1]:80"; a listener's remote end has port "*"
//   remote
//   recv_q    octets not read, of UDP with the memory they cost, as Linux counts; of a listener,
//   connections that wait to be accepted. Linux counts a
//             FIN that nobody has read yet as one more; here nobody can tell whether it was
//   send_q    octets not acknowledged, our SYN and our FIN counted as Linux does; of a listener,
//   the
//             most that may wait
//   since_ms  how long it has been in this state
//   orphan    whether nobody holds it any more
//   timer     what `-o` shows: name ("on", "persist", "keepalive", "timewait"), in_ms,
//             retransmissions (or probes) so far
//   tcp       what `-i` shows, under the names of iproute2 where it has one:
//     ts, sack, snd_wscale, rcv_wscale   agreed on with the peer
//     congestion, recovery               the controller; "open", "fast" or "loss"
//     rto_ms, backoff, rtt_ms, rttvar_ms, ato_ms
//     mss, advmss, rcvmss, pmtu          octets; the first two without options
//     cwnd, ssthresh                     segments of `mss`, as Linux counts; exactly: cwnd_octets,
//                                        ssthresh_octets
//     bytes_acked, bytes_received        octets of the streams, without SYN and FIN
//     unacked_octets, sacked_octets, notsent, out_of_order_octets
//     snd_wnd, rcv_wnd                   the peer's window and ours, in octets
//     lastsnd_ms, lastack_ms             since the last segment went out, or came
//   history   the last changes of state, the oldest first: ago_ms, from, event, to
//
// Linux counts segments and what was sent again for each connection; here the host counts them for
// all together, so there is no segs_out, bytes_sent or retrans.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "host/host.hpp"
#include "link/tun_device.hpp"

namespace lastack::cli {

/// The rows of all connections, records, listeners and UDP endpoints, one after another for as long
/// as `take` returns true.
void each_row(const host::Host& host, TimePoint now,
              const std::function<bool(const nlohmann::json& row)>& take);
/// The same, all of them.
[[nodiscard]] nlohmann::json view_of(const host::Host& host, TimePoint now);
[[nodiscard]] nlohmann::json counters_of(const host::Host& host);
[[nodiscard]] nlohmann::json counters_of(const link::TunTally& tally);
/// "10.0.0.1:80" or "[fd00::1]:80"; port 0 is "*".
[[nodiscard]] std::string endpoint_text(const host::Endpoint& endpoint);

}  // namespace lastack::cli
