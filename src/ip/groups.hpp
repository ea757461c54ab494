// The multicast groups that a host listens to, and what it says of them to switches and routers
// that pass on only what somebody wants (RFC 3810).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "wire/address.hpp"
#include "wire/mld.hpp"

namespace lastack::ip {

/// A value: time is handed in, reports are pulled out.
// DEVIATES: a router that only speaks version 1 is answered in version 2 (RFC 3810 §8.2.1 wants
// version 1). Switches read both, and for groups of one link no router is needed.
class Groups {
 public:
  static constexpr std::size_t kMost = 32;

  explicit Groups(Random random) : random_(random) {}

  /// From now on it listens to these, in the order of their addresses, and to no others; what is
  /// beyond the most is left out. Who came or went is reported twice, since reports get lost.
  void set(std::span<const wire::IpAddress> groups, TimePoint now);
  /// There is an address now to report from: says all of it again (RFC 3590 §4).
  void say_again(TimePoint now);
  void asked(const wire::MldQuery& query, TimePoint now);

  /// What is to be reported now; nothing when that was all.
  std::vector<wire::MldRecord> next_report(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::span<const wire::IpAddress> all() const { return groups_; }

 private:
  [[nodiscard]] Duration up_to(Duration most);

  Random random_;
  std::vector<wire::IpAddress> groups_;
  std::vector<wire::MldRecord> changes_;
  std::uint8_t times_ = 0;       ///< that they are still to be reported
  TimePoint change_at_{kNever};  ///< when next
  TimePoint answer_at_{kNever};  ///< when a query is to be answered
};

}  // namespace lastack::ip
