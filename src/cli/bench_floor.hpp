// What a transfer costs that does nothing but what nobody can leave out.
#pragma once

#include <cstddef>

namespace lastack::cli {

/// Nanoseconds of processor time for one packet of `segment` octets of payload, where nothing is
/// done but three copies (in from the program, over the wire, out to the program) and, with
/// `checksums`, two sums (the sender's, the receiver's), over as much memory as a transfer uses: a
/// send buffer of `buffer` octets, a batch of packets, chunks of `chunk` octets at both ends.
[[nodiscard]] double floor_ns_per_packet(std::size_t segment, std::size_t chunk, std::size_t buffer,
                                         bool checksums);

}  // namespace lastack::cli
