#include "fuzz/tally.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

namespace lastack::fuzz {
namespace {

class Tally {
 public:
  Tally() = default;
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() {
    if (tells_) tell();
  }

  void add(const host::Counters& counters) {
    for (std::size_t i = 0; tells_ && i < tcp::kTable.size(); ++i) {
      if (sum_.transitions[i] > 0 || counters.transitions[i] == 0) continue;
      std::fprintf(stderr, "row %s\n", row_name(tcp::kTable[i]).c_str());
    }
    add(sum_.transitions, counters.transitions);
    add(sum_.dropped, counters.dropped);
    add(sum_.malformed, counters.malformed);
    add(sum_.pieces, counters.pieces);
    add(sum_.icmp_dropped, counters.icmp_dropped);
  }

 private:
  template <std::size_t kSize>
  static void add(std::array<std::uint64_t, kSize>& sum,
                  const std::array<std::uint64_t, kSize>& more) {
    for (std::size_t i = 0; i < kSize; ++i) sum[i] += more[i];
  }
  /// The names of those from `first` on that were counted.
  template <typename Enum, std::size_t kSize>
  static std::set<std::string> counted(const std::array<std::uint64_t, kSize>& counts,
                                       std::size_t first) {
    std::set<std::string> names;
    for (std::size_t i = first; i < kSize; ++i) {
      if (counts[i] > 0) names.emplace(to_string(static_cast<Enum>(i)));
    }
    return names;
  }
  static void line(const char* what, const std::set<std::string>& names) {
    std::fprintf(stderr, "tally %s:", what);
    for (const std::string& name : names) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
  }
  static std::string row_name(const tcp::Row& row) {
    return std::string(to_string(row.from)) + "/" + std::string(to_string(row.event));
  }
  void tell() const {
    std::set<std::string> states;
    std::set<std::string> rows;
    for (std::size_t i = 0; i < tcp::kTable.size(); ++i) {
      if (sum_.transitions[i] == 0) continue;
      const tcp::Row& row = tcp::kTable[i];
      states.emplace(to_string(row.from));
      states.emplace(to_string(row.to));
      rows.insert(row_name(row));
    }
    line("states", states);
    line("rows", rows);
    line("drops", counted<tcp::Drop>(sum_.dropped, 1));
    line("malformed", counted<wire::ParseError>(sum_.malformed, 0));
    line("pieces", counted<ip::PieceFate>(sum_.pieces, 0));
    line("icmp", counted<host::IcmpDrop>(sum_.icmp_dropped, 0));
  }

  bool tells_ = std::getenv("LASTACK_FUZZ_TALLY") != nullptr;
  host::Counters sum_;
};

}  // namespace

void tally(const host::Counters& counters) {
  static Tally all;
  all.add(counters);
}

}  // namespace lastack::fuzz
