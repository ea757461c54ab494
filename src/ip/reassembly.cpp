#include "ip/reassembly.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lastack::ip {
namespace {

constexpr std::size_t kPieceCost = 128;  ///< of memory beside the octets: its entry, a block's head

constexpr std::uint8_t kNotCapable = 1U << 0U;  // bits of Packet::ecn
constexpr std::uint8_t kExperienced = 3;        // of a traffic class (RFC 3168 §5)

constexpr std::uint8_t ecn_of(std::uint8_t traffic_class) { return traffic_class & 3U; }

/// `octets`, in a block that is not much larger.
Slice kept(const Slice& octets, BufferPool* pool) {
  if (octets.pinned() <= 2 * octets.size()) return octets;
  if (octets.size() <= BufferPool::kTiny) return Slice::copy_of(octets.bytes(), pool);
  return Slice::adopt(std::vector<std::byte>(octets.bytes().begin(), octets.bytes().end()));
}

}  // namespace

std::string_view to_string(PieceFate fate) {
  static constexpr std::array<std::string_view, kPieceFateCount> kNames{
      "held",     "completed",       "duplicate",       "overlap",   "beyond_end",
      "too_long", "too_many_pieces", "too_much_memory", "mixed_ecn", "late"};
  return kNames[static_cast<std::size_t>(fate)];
}

// --- which packet

Reassembly::Key Reassembly::key_of(const wire::Fragment& piece) {
  const bool v4 = piece.source.is_v4();
  return {.source = piece.source,
          .destination = piece.destination,
          .identification = piece.field.identification,
          .protocol = v4 ? piece.protocol : std::uint8_t{0}};
}

/// Cheap, and no secret: who makes tags collide makes us compare a few hundred keys.
std::uint32_t Reassembly::tag_of(const Key& key) {
  std::uint32_t tail = 0;
  std::memcpy(&tail, key.source.mapped().data() + 12, sizeof tail);
  return (tail ^ (key.identification + key.protocol)) * 0x9e3779b1U | 1U;
}

std::uint32_t Reassembly::find(const Key& key) const {
  const std::uint32_t tag = tag_of(key);
  for (std::size_t i = 0; i < tags_.size(); ++i) {
    if (tags_[i] == tag && places_[i].key == key) return static_cast<std::uint32_t>(i);
  }
  return kNone;
}

std::uint32_t Reassembly::make(const wire::Fragment& piece, TimePoint now) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
    tags_.push_back(0);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Packet& packet = places_[index];
  packet.key = key_of(piece);
  tags_[index] = tag_of(packet.key);
  packet.deadline = now + (piece.source.is_v4() ? limits_.timeout_v4 : limits_.timeout_v6);
  Age& age = age_of(packet);
  packet.older = age.newest;
  (age.newest == kNone ? age.oldest : places_[age.newest].newer) = index;
  age.newest = index;
  ++packets_;
  mind_deadline();
  return index;
}

void Reassembly::drop(std::uint32_t index) {
  Packet& packet = places_[index];
  forget_pieces(packet);
  Age& age = age_of(packet);
  (packet.older == kNone ? age.oldest : places_[packet.older].newer) = packet.newer;
  (packet.newer == kNone ? age.newest : places_[packet.newer].older) = packet.older;
  packet = {};
  tags_[index] = 0;
  free_.push_back(index);
  --packets_;
  mind_deadline();
}

void Reassembly::forget_pieces(Packet& packet) {
  octets_ -= std::exchange(packet.memory, 0);
  packet.pieces = {};
  packet.first = {};
}

/// Nothing of it will ever be whole; it is remembered so that what still comes is dropped, too.
void Reassembly::end(Packet& packet) {
  forget_pieces(packet);
  packet.ended = true;
}

void Reassembly::mind_deadline() {
  deadline_ = kNever;
  for (const Age& age : ages_) {
    if (age.oldest != kNone) deadline_ = std::min(deadline_, places_[age.oldest].deadline);
  }
}

/// The packet that is nearest to its deadline, another one than `but`.
std::uint32_t Reassembly::oldest(std::uint32_t but) const {
  std::uint32_t found = kNone;
  for (const Age& age : ages_) {
    const std::uint32_t head = age.oldest == but && but != kNone ? places_[but].newer : age.oldest;
    if (head == kNone) continue;
    if (found == kNone || places_[head].deadline < places_[found].deadline) found = head;
  }
  return found;
}

/// Lets the oldest go until all limits hold again; how many went.
std::uint32_t Reassembly::make_room(std::uint32_t but) {
  std::uint32_t evicted = 0;
  while (packets_ > limits_.packets || octets_ > limits_.octets) {
    const std::uint32_t victim = oldest(but);
    if (victim == kNone) break;
    drop(victim);
    ++evicted;
  }
  return evicted;
}

std::optional<Reassembly::TimedOut> Reassembly::expire(TimePoint now) {
  if (now < deadline_) return std::nullopt;
  const std::uint32_t index = oldest(kNone);
  TimedOut out{.first = std::move(places_[index].first),
               .family = places_[index].key.source.family()};
  drop(index);
  return out;
}

// --- what becomes of a piece

PieceFate Reassembly::judge(const Packet& packet, const wire::Fragment& piece,
                            wire::Bytes octets) const {
  const std::uint32_t begin = piece.field.offset;
  const std::uint32_t end = piece.end();
  const auto next = std::ranges::partition_point(
      packet.pieces, [begin](const Piece& other) { return other.end <= begin; });
  if (next != packet.pieces.end() && next->begin < end) {
    const bool same = next->begin == begin && next->end == end &&
                      std::ranges::equal(next->octets.bytes(), octets);
    return same ? PieceFate::duplicate : PieceFate::overlap;
  }
  const std::uint32_t reach = packet.pieces.empty() ? 0 : packet.pieces.back().end;
  if (packet.end && (end > *packet.end || !piece.field.more)) return PieceFate::beyond_end;
  if (!piece.field.more && reach > end) return PieceFate::beyond_end;
  const auto ecn = static_cast<std::uint8_t>(packet.ecn | 1U << ecn_of(piece.traffic_class));
  if ((ecn & kNotCapable) != 0 && ecn != kNotCapable) return PieceFate::mixed_ecn;
  if (packet.pieces.size() >= limits_.pieces) return PieceFate::too_many_pieces;
  return PieceFate::held;
}

void Reassembly::keep(Packet& packet, const wire::Fragment& piece, const Slice& frame,
                      BufferPool* pool) {
  Piece part{.begin = piece.field.offset, .end = piece.end(), .octets = {}};
  std::size_t memory = kPieceCost;
  if (part.begin == 0) {
    packet.first = kept(frame.first(piece.at + piece.size), pool);
    packet.first_piece = piece;
    part.octets = packet.first.drop(piece.at);
    memory += packet.first.pinned();
  } else {
    part.octets = kept(frame.sub(piece.at, piece.size), pool);
    memory += part.octets.pinned();
  }
  packet.memory += memory;
  octets_ += memory;
  packet.received += piece.size;
  packet.ecn = static_cast<std::uint8_t>(packet.ecn | 1U << ecn_of(piece.traffic_class));
  if (!piece.field.more) packet.end = part.end;
  auto place = packet.pieces.end();
  while (place != packet.pieces.begin() && std::prev(place)->begin > part.begin) --place;
  packet.pieces.insert(place, std::move(part));
}

Reassembly::Added Reassembly::add(const wire::Fragment& piece, const Slice& packet, TimePoint now,
                                  BufferPool* pool) {
  Added added;
  std::uint32_t index = find(key_of(piece));
  if (index == kNone) index = make(piece, now);
  Packet& to = places_[index];
  added.fate =
      to.ended ? PieceFate::late : judge(to, piece, packet.bytes().subspan(piece.at, piece.size));
  if (added.fate == PieceFate::held) {
    keep(to, piece, packet, pool);
    const std::size_t most = std::min(limits_.octets_each, limits_.octets);
    if (to.memory > most) added.fate = PieceFate::too_much_memory;
  }
  if (added.fate == PieceFate::held && to.end && to.received == *to.end) {
    added.whole = join(to, pool);
    added.fate = added.whole.empty() ? PieceFate::too_long : PieceFate::completed;
  }
  if (added.fate == PieceFate::completed) {
    drop(index);
  } else if (added.fate > PieceFate::duplicate) {
    end(to);
  }
  added.evicted = make_room(index);
  return added;
}

/// The whole packet in one block, since everything above reads it as one; empty where the headers
/// of the first piece make it longer than a packet can be.
Slice Reassembly::join(const Packet& packet, BufferPool* pool) {
  const wire::Fragment& first = packet.first_piece;
  const std::size_t fixed = first.source.is_v4() ? 0 : wire::kIpv6Header;
  if (first.header - fixed + *packet.end > wire::kMostPacket) return {};
  Slice whole = Slice::allocate(first.header + *packet.end, pool);
  const auto room = whole.tail_room();
  const bool experienced = (packet.ecn & 1U << kExperienced) != 0;
  const std::uint8_t ecn = experienced ? kExperienced : ecn_of(first.traffic_class);
  std::ranges::copy(packet.first.bytes().first(first.header), room.begin());
  wire::make_whole(room.first(first.header), first, *packet.end, ecn);
  std::size_t at = first.header;
  for (const Piece& piece : packet.pieces) {
    std::memcpy(room.data() + at, piece.octets.data(), piece.octets.size());
    at += piece.octets.size();
  }
  whole.grow(at);
  return whole;
}

}  // namespace lastack::ip
