// How programs of a run find names: what they ask the machine's resolvers (resolv.conf(5)) is
// answered here, as far as it is known here.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "link/link.hpp"
#include "link/loopback.hpp"
#include "run/dns.hpp"
#include "wire/ip.hpp"

namespace lastack::run {

/// What resolv.conf says: whom programs ask, and what they put behind a name to try it so.
struct ResolverFile {
  std::vector<Endpoint> servers;
  std::vector<std::string> search;
  /// Where it names no server it is this host's own (resolv.conf(5)).
  [[nodiscard]] static ResolverFile read(std::istream& file);
};

/// A name and an address of it.
struct HostName {
  std::string name;  ///< in lower case
  wire::IpAddress address;
  friend bool operator==(const HostName&, const HostName&) = default;
};

/// The names of a run.
struct Names {
  std::vector<HostName> hosts;

  [[nodiscard]] std::vector<wire::IpAddress> of(std::string_view name) const;
  /// Whether it is one of ours with something of `search` behind it: who asks that will ask for
  /// ours next.
  [[nodiscard]] bool is_tried(std::string_view name, const std::vector<std::string>& search) const;
};

/// Takes questions to resolvers out of what is sent over the link; all else passes.
class NameLink final : public link::Wrapper {
 public:
  struct Answers {
    /// Whether questions to there are answered here at all: somebody of the run may do it.
    std::function<bool(const Endpoint& server)> answered;
    /// Whether one for a name that is none of ours goes on to there. Else there is no such name.
    std::function<bool(const DnsQuestion& question, const Endpoint& server)> goes_on;
  };
  /// All of them outlive it.
  NameLink(link::Link& inner, const ResolverFile& resolvers, const Names& names, Answers answers)
      : Wrapper(inner),
        resolvers_(&resolvers),
        names_(&names),
        answers_(std::move(answers)),
        inbox_(inner.mtu()) {}

  void send(const link::PacketRef& packet, TimePoint now) override;
  void pass_on(link::Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<link::Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;

 private:
  [[nodiscard]] bool taken(wire::Bytes packet, TimePoint now);

  const ResolverFile* resolvers_;
  const Names* names_;
  Answers answers_;
  link::Loopback inbox_;  ///< answers
};

}  // namespace lastack::run
