// The network that programs of a run have: what lies around its host.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/real_host.hpp"
#include "link/beside_loopback.hpp"
#include "link/junction.hpp"
#include "run/gateway.hpp"
#include "run/names.hpp"

namespace lastack::cli {

struct RunOptions {
  std::vector<std::string> words;
  std::string net = "embedded";
  bool allow_host = false;
  std::vector<std::string> publish;
  std::vector<std::string> hosts;
  DeviceOptions device;
  [[nodiscard]] bool has_gateway() const { return allow_host || !publish.empty(); }
};

/// What the options leave open: addresses above all. Throws Failure where they make no sense.
void complete(RunOptions& options, bool mtu_given);

class RunNetwork {
 public:
  explicit RunNetwork(const RunOptions& options);

  /// Where the host of the run stands; this outlives it.
  [[nodiscard]] Place place();
  /// Once there is a host, which outlives what is left of this. Throws Failure.
  void begin(RealHost& host, const RunOptions& options);

  /// As run::Network has them. Where there is no way the user is told, once for each address.
  [[nodiscard]] bool within(const host::Endpoint& to) const;
  [[nodiscard]] std::expected<void, int> has_way(const host::Endpoint& to);
  [[nodiscard]] std::expected<void, int> goes_out(const host::Endpoint& to);
  void settle();

  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::vector<run::ShownLeg> shown() const;
  /// Whether programs have sent something that was not carried on yet.
  [[nodiscard]] bool has_to_send() const { return gateway_ && gateway_->has_to_send(); }
  /// Octets carried so far, both ways.
  [[nodiscard]] std::uint64_t carried() const { return gateway_ ? gateway_->carried() : 0; }

 private:
  [[nodiscard]] link::Link& around(link::Link& inner);
  [[nodiscard]] bool is_resolver(const host::Endpoint& end) const;
  [[nodiscard]] bool answers_for(const host::Endpoint& server) const;
  [[nodiscard]] bool name_goes_on(const run::DnsQuestion& question, const host::Endpoint& server);
  void tell_outside(const std::string& what);

  bool tun_;
  bool allow_host_;
  std::set<wire::Family> families_;  ///< of the addresses that are no loopback ones
  run::ResolverFile resolvers_;
  run::Names names_;
  link::Junction junction_;
  std::vector<wire::IpAddress> own_;
  std::optional<link::BesideLoopback> beside_loopback_;  ///< with a device
  std::optional<run::NameLink> name_link_;
  std::optional<run::Gateway> gateway_;
  RealHost* host_ = nullptr;
  std::set<std::string> told_;
};

}  // namespace lastack::cli
