#include "run/names.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "run/datagram.hpp"

namespace lastack::run {
namespace {

/// The first look at a packet, which nearly all do not pass.
bool is_udp(wire::Bytes packet) {
  const unsigned version = packet.empty() ? 0 : std::to_integer<unsigned>(packet[0]) >> 4U;
  const std::size_t at = version == 4 ? 9 : 6;
  return packet.size() > wire::kIpv4Header &&
         std::to_integer<std::uint8_t>(packet[at]) == wire::kProtocolUdp;
}

}  // namespace

ResolverFile ResolverFile::read(std::istream& file) {
  ResolverFile read;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "search" || word == "domain") {
      read.search.clear();  // the last such line counts
      while (words >> word) read.search.push_back(word);
    } else if (word == "nameserver" && words >> word) {
      if (const auto address = wire::IpAddress::parse(word)) {
        read.servers.push_back({*address, kDnsPort});
      }
    }
  }
  if (read.servers.empty()) {
    for (const char* own : {"127.0.0.1", "::1"}) {
      read.servers.push_back({*wire::IpAddress::parse(own), kDnsPort});
    }
  }
  return read;
}

std::vector<wire::IpAddress> Names::of(std::string_view name) const {
  std::vector<wire::IpAddress> all;
  for (const HostName& host : hosts) {
    if (host.name == name) all.push_back(host.address);
  }
  return all;
}

bool Names::is_tried(std::string_view name, const std::vector<std::string>& search) const {
  return std::ranges::any_of(search, [&](const std::string& behind) {
    const std::size_t size = behind.size() + 1;
    if (name.size() <= size || !name.ends_with(behind)) return false;
    const std::string_view before = name.substr(0, name.size() - size);
    return name[before.size()] == '.' &&
           std::ranges::find(hosts, before, &HostName::name) != hosts.end();
  });
}

bool NameLink::taken(wire::Bytes packet, TimePoint now) {
  if (!is_udp(packet)) return false;
  const auto ip = wire::parse_ip(packet);
  const auto udp = ip ? wire::parse_udp(ip->payload) : std::unexpected(ip.error());
  if (!udp || udp->header.destination_port != kDnsPort) return false;
  const Endpoint from{ip->header.source, udp->header.source_port};
  const Endpoint server{ip->header.destination, kDnsPort};
  const auto& servers = resolvers_->servers;
  if (std::ranges::find(servers, server) == servers.end() || !answers_.answered(server)) {
    return false;
  }
  const auto question = question_in(udp->payload);
  if (!question) return false;
  const auto addresses = names_->of(question->name);
  const bool tried = names_->is_tried(question->name, resolvers_->search);
  if (addresses.empty() && !tried && answers_.goes_on(*question, server)) return false;
  const auto answer = addresses.empty() ? dns_no_such_name(udp->payload, *question)
                                        : dns_answer(udp->payload, *question, addresses);
  inbox_.pass_on({.octets = packet_of(server, from, answer), .at = now}, now);
  return true;
}

void NameLink::send(const link::PacketRef& packet, TimePoint now) {
  const bool whole = packet.header.empty() && packet.payload.size() == 1;
  const wire::Bytes front = whole ? packet.payload[0].bytes() : packet.header;
  if (!is_udp(front)) return inner().send(packet, now);
  const Slice octets = whole ? packet.payload[0] : copy_of(packet, now).octets;
  if (!taken(octets.bytes(), now)) inner().send(packet, now);
}

void NameLink::pass_on(link::Packet packet, TimePoint now) {
  if (!taken(packet.octets.bytes(), now)) inner().pass_on(std::move(packet), now);
}

std::size_t NameLink::receive(std::vector<link::Packet>& into, TimePoint now) {
  const std::size_t answers = inbox_.receive(into, now);
  return answers + inner().receive(into, now);
}

TimePoint NameLink::next_deadline() const {
  return std::min(inbox_.next_deadline(), inner().next_deadline());
}

}  // namespace lastack::run
