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
#include "cli/run_options.hpp"
#include "link/beside_loopback.hpp"
#include "link/junction.hpp"
#include "run/gateway.hpp"
#include "run/names.hpp"
#include "run/neighbours.hpp"

namespace lastack::cli {

/// Where a run of that name can be joined.
[[nodiscard]] std::string path_of_run(const std::string& name);

class RunNetwork {
 public:
  /// Joins another run where that is asked for; gives `options` the addresses of this one. Throws
  /// Failure.
  explicit RunNetwork(RunOptions& options);

  /// Where the host of the run stands; this outlives it.
  [[nodiscard]] Place place();
  /// Once there is a host. Throws Failure.
  void begin(RealHost& host, run::Errands& errands, const RunOptions& options);
  /// Before the host goes.
  void end();

  /// As run::Network has them. Where there is no way the user is told, once for each address.
  [[nodiscard]] bool within(const host::Endpoint& to) const;
  [[nodiscard]] std::expected<void, int> has_way(const host::Endpoint& to);
  [[nodiscard]] std::expected<void, int> goes_out(const host::Endpoint& to);
  void settle();
  void settle_device();

  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::vector<run::ShownLeg> shown() const;
  /// Whether programs have sent something that was not carried on yet.
  [[nodiscard]] bool has_to_send() const {
    return (gateway_ && gateway_->has_to_send()) || (neighbours_ && neighbours_->has_to_send());
  }
  /// Octets carried so far, both ways.
  [[nodiscard]] std::uint64_t carried() const {
    return (gateway_ ? gateway_->carried() : 0) + (neighbours_ ? neighbours_->carried() : 0);
  }

 private:
  [[nodiscard]] link::Link& around(link::Link& inner);
  [[nodiscard]] bool is_resolver(const host::Endpoint& end) const;
  [[nodiscard]] bool answers_for(const host::Endpoint& server) const;
  [[nodiscard]] bool name_goes_on(const run::DnsQuestion& question, const host::Endpoint& server);
  void tell_outside(const std::string& what);
  void begin_neighbours(const RunOptions& options);
  void begin_gateway(run::Errands& errands, const RunOptions& options);
  [[nodiscard]] bool is_near(const host::Endpoint& to) const;
  void neighbours_gone(const std::vector<wire::IpAddress>& gone, bool joined);
  void reset_connections_with(const std::vector<wire::IpAddress>& gone);

  std::optional<run::Joined> joined_;
  std::string joined_name_;
  run::Pair run_;  ///< its own addresses, where it has some beside --host's
  bool tun_;
  bool allow_host_;
  std::set<wire::Family> families_;  ///< of the addresses that are no loopback ones
  run::ResolverFile resolvers_;
  run::Names names_;
  std::optional<link::Junction> junction_;
  std::vector<wire::IpAddress> own_;
  std::optional<link::BesideLoopback> beside_loopback_;  ///< with a device
  std::optional<run::NameLink> name_link_;
  std::optional<run::Neighbours> neighbours_;
  std::optional<run::Gateway> gateway_;
  RealHost* host_ = nullptr;
  std::set<std::string> told_;
  std::set<wire::IpAddress> gone_;  ///< of runs that have ended
};

}  // namespace lastack::cli
