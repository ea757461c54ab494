#include "ip/groups.hpp"

#include <algorithm>
#include <iterator>

namespace lastack::ip {
namespace {

using wire::IpAddress;
using wire::MldRecord;

// RFC 3810 §9.1, §9.11
constexpr std::uint8_t kRobustness = 2;
constexpr Duration kUnsolicitedInterval = 1s;

std::vector<MldRecord> records_of(std::span<const IpAddress> groups, MldRecord::Kind kind) {
  std::vector<MldRecord> records;
  for (const IpAddress& g : groups) records.push_back({kind, g});
  return records;
}

}  // namespace

Duration Groups::up_to(Duration most) {
  return Duration(random_.below(
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(most.count(), 1, UINT32_MAX))));
}

/// Changes that were reported only once so far are reported with the new ones, unless those undo
/// them.
void Groups::set(std::span<const IpAddress> groups, TimePoint now) {
  groups = groups.first(std::min(groups.size(), kMost));
  if (std::ranges::equal(groups, groups_)) return;
  std::vector<IpAddress> came;
  std::vector<IpAddress> went;
  std::ranges::set_difference(groups, groups_, std::back_inserter(came));
  std::ranges::set_difference(groups_, groups, std::back_inserter(went));
  const auto is_new = [&](const MldRecord& r) {
    return std::ranges::binary_search(came, r.group) || std::ranges::binary_search(went, r.group);
  };
  std::erase_if(changes_, is_new);
  std::ranges::copy(records_of(came, MldRecord::Kind::joins), std::back_inserter(changes_));
  std::ranges::copy(records_of(went, MldRecord::Kind::leaves), std::back_inserter(changes_));
  if (changes_.size() > wire::kMostMldRecords) {
    changes_.erase(changes_.begin(), changes_.end() - wire::kMostMldRecords);
  }
  groups_.assign(groups.begin(), groups.end());
  times_ = kRobustness;
  change_at_ = now;
}

void Groups::say_again(TimePoint now) {
  if (groups_.empty()) return;
  changes_ = records_of(groups_, MldRecord::Kind::joins);
  times_ = kRobustness;
  change_at_ = now;
}

/// §6.2: one answer says all there is; a query that comes meanwhile is answered by it.
void Groups::asked(const wire::MldQuery& query, TimePoint now) {
  const bool of_all = !query.group.is_multicast();
  if (groups_.empty() || (!of_all && !std::ranges::binary_search(groups_, query.group))) return;
  answer_at_ = std::min(answer_at_, now + up_to(query.max_response));
}

std::vector<MldRecord> Groups::next_report(TimePoint now) {
  if (change_at_ <= now) {
    --times_;
    change_at_ = times_ > 0 ? now + up_to(kUnsolicitedInterval) : kNever;
    auto report = changes_;
    if (times_ == 0) changes_.clear();
    return report;
  }
  if (answer_at_ > now) return {};
  answer_at_ = kNever;
  return records_of(groups_, MldRecord::Kind::listens);
}

TimePoint Groups::next_deadline() const { return std::min(change_at_, answer_at_); }

}  // namespace lastack::ip
