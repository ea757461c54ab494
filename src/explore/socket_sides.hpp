// All sides that a search of open sockets has come to: what each does is found out once, however
// many worlds it is part of.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "explore/digest.hpp"
#include "explore/side.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {

class SocketSides {
 public:
  using Kind = SocketAction::Kind;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  explicit SocketSides(const Bounds& bounds);

  /// A packet that was once on the wire.
  struct Packet {
    Slice octets;
    std::optional<wire::TcpHeader> header;  ///< where it is TCP's
    std::uint8_t payload = 0;               ///< octets
  };
  /// What a world asks of a side.
  struct View {
    std::vector<std::uint8_t> form;
    std::vector<Kind> actions;
    std::string waits_for_ever;
    Seq iss;
    Seq peers;
    tcp::State state = tcp::State::closed;
    bool can_read = false;
  };
  /// What comes of a call, a timer or a packet.
  struct Step {
    std::uint32_t to = kNone;
    std::vector<std::uint32_t> sent;  ///< packets
    std::string wrong;
  };

  /// Where side `i` begins.
  [[nodiscard]] std::uint32_t first(std::size_t i) const { return first_[i]; }
  [[nodiscard]] const View& view(std::uint32_t side) const { return records_[side].view; }
  [[nodiscard]] const Packet& packet(std::uint32_t packet) const { return packets_[packet]; }
  /// `packet` where one is delivered. Good until the next call.
  const Step& step(std::uint32_t side, Kind kind, std::uint32_t packet = kNone);
  /// Where `side` stands, in a word.
  [[nodiscard]] std::string standing(std::uint32_t side) { return this->side(side).standing(); }
  /// Rows of tcp::kTable that were taken by any of them.
  [[nodiscard]] const std::array<bool, tcp::kTable.size()>& rows() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  /// A host is large, what a world asks of it is not: only the latest are kept, others made again.
  static constexpr std::size_t kMostKept = 2'000;

  struct Record {
    View view;
    std::unique_ptr<Side> side;  ///< null where it has to be made again
    std::uint32_t parent = kNone;
    std::uint32_t packet = kNone;
    Kind kind = Kind::deliver;
    std::uint8_t index = 0;
  };
  struct Key {
    std::uint32_t side;
    std::uint32_t packet;
    Kind kind;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const {
      return mixed((std::uint64_t{k.side} << 32U | k.packet) * 31 + static_cast<unsigned>(k.kind));
    }
  };

  void make_first(std::uint8_t i);
  std::uint32_t add(std::unique_ptr<Side> side, Record record, std::string& wrong);
  Side& side(std::uint32_t at);
  void apply(Side& side, const Record& record) const;
  [[nodiscard]] std::string wrong_in_the_end(std::uint32_t at) const;
  std::uint32_t number_of(const Slice& packet);
  void keep(std::uint32_t at, std::unique_ptr<Side> side);

  Bounds bounds_;
  std::array<std::uint32_t, 2> first_{};
  std::vector<Record> records_;
  std::vector<Packet> packets_;
  std::map<std::vector<std::byte>, std::uint32_t> packet_numbers_;
  std::unordered_map<Digest, std::uint32_t, DigestHash> seen_;
  std::unordered_map<Key, Step, KeyHash> steps_;
  Ring<std::uint32_t> kept_;
  std::array<bool, tcp::kTable.size()> rows_{};
};

}  // namespace lastack::explore
