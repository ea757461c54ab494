#include "cli/nstat_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace lastack::cli {
namespace {

using host::Counters;
using tcp::Event;
using tcp::State;

/// "rst_not_exact" as "RstNotExact".
std::string in_one_word(std::string_view name) {
  std::string word;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') {
      word += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    }
    upper = c == '_';
  }
  return word;
}

template <typename Reason, typename Array>
void add_reasons(const std::string& prefix, const Array& counts, std::size_t first,
                 NamedCounters& to) {
  for (std::size_t i = first; i < counts.size(); ++i) {
    to.emplace_back(prefix + in_one_word(to_string(static_cast<Reason>(i))), counts[i]);
  }
}

/// Transitions of which `wanted(row)` is true.
template <typename Wanted>
std::uint64_t taken(const Counters& c, Wanted wanted) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tcp::kTable.size(); ++i) {
    if (wanted(tcp::kTable[i])) sum += c.transitions[i];
  }
  return sum;
}

std::uint64_t dropped(const Counters& c, tcp::Drop drop) {
  return c.dropped[static_cast<std::size_t>(drop)];
}

std::uint64_t of(const std::array<std::uint64_t, wire::kIcmpKindCount>& counts,
                 wire::IcmpKind kind) {
  return counts[static_cast<std::size_t>(kind)];
}

void add_ip(const std::string& ip, const host::IpCounters& c, NamedCounters& to) {
  to.insert(to.end(), {{ip + "InReceives", c.in_receives},
                       {ip + "InHdrErrors", c.in_header_errors},
                       {ip + "InAddrErrors", c.in_address_errors},
                       {ip + "InUnknownProtos", c.in_unknown_protocols},
                       {ip + "InDelivers", c.in_delivers},
                       {ip + "OutRequests", c.out_requests},
                       {ip + "OutNoRoutes", c.out_no_routes},
                       {ip + "ReasmTimeout", c.reassembly_timeouts},
                       {ip + "ReasmReqds", c.reassembly_requests},
                       {ip + "ReasmOKs", c.reassembly_successes},
                       {ip + "ReasmFails", c.reassembly_failures},
                       {ip + "FragOKs", c.fragmented},
                       {ip + "FragCreates", c.fragments_created}});
}

/// Those of IPv4 that have a name of their own for IPv6, and where it has none, ours.
void add_ip_more(const Counters& c, NamedCounters& to) {
  to.insert(to.end(), {{"IpExtInOctets", c.ip[0].in_octets},
                       {"IpExtOutOctets", c.ip[0].out_octets},
                       {"IpExtInCsumErrors", c.ip[0].in_checksum_errors},
                       {"IpExtReasmOverlaps", c.ip[0].reassembly_overlaps},
                       {"Ip6InOctets", c.ip[1].in_octets},
                       {"Ip6OutOctets", c.ip[1].out_octets},
                       {"LastackIp6ReasmOverlaps", c.ip[1].reassembly_overlaps},
                       {"LastackIp6InCsumErrors", c.ip[1].in_checksum_errors}});
}

void add_icmp(bool v6, const host::IcmpCounters& c, NamedCounters& to) {
  using Kind = wire::IcmpKind;
  const std::string icmp = v6 ? "Icmp6" : "Icmp";
  const std::string problems = v6 ? "ParmProblems" : "ParmProbs";
  const std::string replies = v6 ? "EchoReplies" : "EchoReps";
  std::uint64_t out = 0;
  for (const std::uint64_t n : c.out) out += n;
  to.insert(to.end(), {{icmp + "InMsgs", c.in_messages},
                       {icmp + "InErrors", c.in_errors},
                       {icmp + "InCsumErrors", c.in_checksum_errors},
                       {icmp + "OutMsgs", out},
                       {icmp + "OutRateLimitHost", c.out_rate_limited}});
  for (const bool in : {true, false}) {
    const std::string way = icmp + (in ? "In" : "Out");
    const auto& counts = in ? c.in : c.out;
    // RFC 792 has no message of its own for a packet that is too big: Linux counts a code of
    // "unreachable".
    const std::uint64_t big = of(counts, Kind::packet_too_big);
    to.emplace_back(way + "DestUnreachs", of(counts, Kind::unreachable) + (v6 ? 0 : big));
    if (v6) to.emplace_back(way + "PktTooBigs", big);
    to.insert(to.end(), {{way + "TimeExcds", of(counts, Kind::time_exceeded)},
                         {way + problems, of(counts, Kind::parameter_problem)},
                         {way + "Echos", of(counts, Kind::echo_request)},
                         {way + replies, of(counts, Kind::echo_reply)}});
    to.emplace_back("Lastack" + way + "Others",
                    of(counts, Kind::other_error) + of(counts, Kind::other));
  }
}

void add_udp(const std::string& udp, const host::UdpCounters& c, NamedCounters& to) {
  to.insert(to.end(), {{udp + "InDatagrams", c.in_datagrams},
                       {udp + "NoPorts", c.no_ports},
                       {udp + "InErrors", c.in_errors},
                       {udp + "OutDatagrams", c.out_datagrams},
                       {udp + "RcvbufErrors", c.receive_buffer_errors},
                       {udp + "SndbufErrors", c.send_buffer_errors},
                       {udp + "InCsumErrors", c.in_checksum_errors},
                       {udp + "MemErrors", c.memory_errors}});
}

void add_tcp(const Counters& c, NamedCounters& to) {
  const auto opens = [](const tcp::Row& r) { return r.event == Event::active_open; };
  const auto fails = [](const tcp::Row& r) {
    const bool opening = r.from == State::syn_sent || r.from == State::syn_rcvd;
    return opening && (r.to == State::closed || r.to == State::listen);
  };
  const auto resets = [](const tcp::Row& r) {
    const bool open = r.from == State::established || r.from == State::close_wait;
    return open && r.to == State::closed;
  };
  to.insert(to.end(), {{"TcpActiveOpens", taken(c, opens)},
                       {"TcpPassiveOpens", c.tcp.passive_opens},
                       {"TcpAttemptFails", taken(c, fails)},
                       {"TcpEstabResets", taken(c, resets)},
                       {"TcpInSegs", c.tcp.in_segments},
                       {"TcpOutSegs", c.tcp.out_segments},
                       {"TcpRetransSegs", c.retransmissions},
                       {"TcpInErrs", c.tcp.in_errors},
                       {"TcpOutRsts", c.resets_out},
                       {"TcpInCsumErrors", c.tcp_checksum}});
}

void add_tcp_more(const Counters& c, NamedCounters& to) {
  using tcp::Drop;
  const auto event = [&c](Event e) {
    return taken(c, [e](const tcp::Row& r) { return r.event == e; });
  };
  const auto embryonic = [](const tcp::Row& r) {
    return r.from == State::syn_rcvd && (r.event == Event::rst || r.event == Event::rst_passive);
  };
  to.insert(to.end(),
            {{"TcpExtSyncookiesSent", c.cookies_sent},
             {"TcpExtSyncookiesRecv", c.cookies_received},
             {"TcpExtSyncookiesFailed", c.cookies_failed},
             {"TcpExtEmbryonicRsts", taken(c, embryonic)},
             {"TcpExtOutOfWindowIcmps", dropped(c, Drop::icmp_out_of_window)},
             {"TcpExtDelayedACKs", c.tcp.delayed_acks},
             {"TcpExtTW", event(Event::time_wait_over)},
             {"TcpExtTWRecycled", c.tcp.time_wait_taken_over},
             {"TcpExtPAWSEstab", dropped(c, Drop::paws)},
             {"TcpExtBeyondWindow", dropped(c, Drop::outside_window)},
             {"TcpExtListenOverflows", c.accept_queue_full},
             {"TcpExtListenDrops", c.accept_queue_full + c.syn_queue_full - c.cookies_sent},
             {"TcpExtTCPPureAcks", c.tcp.pure_acks},
             {"TcpExtTCPRenoRecovery", c.tcp.plain_recoveries},
             {"TcpExtTCPSackRecovery", c.tcp.sack_recoveries},
             {"TcpExtTCPFastRetrans", c.fast_retransmissions},
             {"TcpExtTCPTimeouts", c.tcp.timeouts},
             {"TcpExtTCPAbortOnData", dropped(c, Drop::unreadable)},
             {"TcpExtTCPAbortOnClose", c.tcp.abort_on_close},
             {"TcpExtTCPAbortOnMemory", c.orphans_reset},
             {"TcpExtTCPAbortOnTimeout", c.tcp.abort_on_timeout},
             {"TcpExtTCPTimeWaitOverflow", c.time_wait_cut},
             {"TcpExtTCPReqQFullDoCookies", c.cookies_sent},
             {"TcpExtTCPReqQFullDrop", c.syn_queue_full - c.cookies_sent},
             {"TcpExtTCPOFODrop", dropped(c, Drop::reassembly_full)},
             {"TcpExtTCPDSACKRecv", c.tcp.duplicate_sacks},
             {"TcpExtTCPDSACKOfoRecv", c.tcp.duplicate_sacks_beyond},
             {"TcpExtTCPChallengeACK", c.tcp.challenge_acks},
             {"TcpExtTCPSYNChallenge", dropped(c, Drop::syn_in_window)},
             {"TcpExtTCPSynRetrans", c.tcp.syn_retransmissions},
             {"TcpExtTCPWinProbe", c.tcp.window_probes},
             {"TcpExtTCPKeepAlive", c.tcp.keepalives},
             {"TcpExtTCPRcvQDrop", c.unread_full}});
}

/// Drops that have a name above are not among these twice: the kernel's name says all of it.
bool named_by_the_kernel(tcp::Drop drop) {
  using tcp::Drop;
  constexpr std::array kNamed{Drop::none,           Drop::icmp_out_of_window, Drop::paws,
                              Drop::outside_window, Drop::unreadable,         Drop::reassembly_full,
                              Drop::syn_in_window};
  return std::ranges::find(kNamed, drop) != kNamed.end();
}

void add_own(const Counters& c, NamedCounters& to) {
  const auto reused = taken(c, [](const tcp::Row& r) { return r.event == Event::reuse; });
  to.insert(to.end(), {{"LastackPacketsIn", c.packets_in},
                       {"LastackPacketsOut", c.packets_out},
                       {"LastackTcpOctetsIn", c.octets_in},
                       {"LastackTcpOctetsOut", c.octets_out},
                       {"LastackEchoReplies", c.echo_replies},
                       {"LastackIpNotForUs", c.not_for_us},
                       {"LastackIpHandedOver", c.handed_over},
                       {"LastackIpBadAddress", c.bad_address},
                       {"LastackIpNoProtocol", c.no_protocol},
                       {"LastackIpNoPayload", c.no_payload},
                       {"LastackIpReasmEvicted", c.reassembly_evicted},
                       {"LastackIpReasmTimedOut", c.reassembly_timed_out},
                       {"LastackUdpNoPort", c.no_port},
                       {"LastackTcpSynQueueFull", c.syn_queue_full},
                       {"LastackTcpTimeWaitSyns", reused - c.tcp.time_wait_taken_over},
                       {"LastackTooMany", c.too_many},
                       {"LastackRepliesDropped", c.replies_dropped},
                       {"LastackEventsLost", c.events_lost},
                       {"LastackIcmpErrorsTaken", c.icmp_errors_in},
                       {"LastackIcmpErrorsSent", c.icmp_errors_out},
                       {"LastackIcmpErrorsLimited", c.icmp_errors_limited}});
  for (std::size_t i = 0; i < tcp::kDropCount; ++i) {
    const auto drop = static_cast<tcp::Drop>(i);
    if (named_by_the_kernel(drop)) continue;
    to.emplace_back("LastackTcpDrop" + in_one_word(to_string(drop)), c.dropped[i]);
  }
  add_reasons<wire::ParseError>("LastackMalformed", c.malformed, 0, to);
  add_reasons<ip::PieceFate>("LastackPiece", c.pieces, 0, to);
  add_reasons<host::IcmpDrop>("LastackIcmpDrop", c.icmp_dropped, 0, to);
  add_reasons<ip::Silence>("LastackIcmpSilent", c.icmp_silent, 1, to);
}

}  // namespace

NamedCounters named_counters(const host::Counters& c) {
  NamedCounters all;
  add_ip("Ip", c.ip[0], all);
  add_icmp(false, c.icmp[0], all);
  add_tcp(c, all);
  add_udp("Udp", c.udp[0], all);
  add_ip("Ip6", c.ip[1], all);
  add_icmp(true, c.icmp[1], all);
  add_udp("Udp6", c.udp[1], all);
  add_tcp_more(c, all);
  add_ip_more(c, all);
  add_own(c, all);
  return all;
}

void add_named(const ip::LinkCounters& link, NamedCounters& to) {
  to.insert(to.end(), {{"LastackLinkFramesIn", link.frames_in},
                       {"LastackLinkArpIn", link.arp_in},
                       {"LastackLinkNdpIn", link.ndp_in},
                       {"LastackLinkMldIn", link.mld_in},
                       {"LastackLinkControlOut", link.control_out}});
  add_reasons<ip::LinkDrop>("LastackLinkDrop", link.dropped, 0, to);
  add_reasons<wire::FrameError>("LastackBadFrame", link.bad_frame, 0, to);
  add_reasons<wire::ArpError>("LastackBadArp", link.bad_arp, 0, to);
  add_reasons<wire::NdpError>("LastackBadNdp", link.bad_ndp, 0, to);
}

void add_named(const link::TunTally& device, NamedCounters& to) {
  to.insert(to.end(), {{"LastackDeviceReceived", device.received},
                       {"LastackDeviceSent", device.sent},
                       {"LastackDeviceRefused", device.refused},
                       {"LastackDeviceRunts", device.runts},
                       {"LastackDeviceCsumErrors", device.bad_checksum}});
}

}  // namespace lastack::cli
