// What a router on the way does to a packet's ECN field (RFC 3168).
#pragma once

#include <cstddef>
#include <span>

namespace lastack::link {

/// Says "congestion experienced" in the IP packet, where its sender understands that: ECT becomes
/// CE, and an IPv4 header's checksum follows. False where it is not ECN-capable, or no IP packet:
/// then it is as it was.
bool mark_congestion(std::span<std::byte> packet);

}  // namespace lastack::link
