#include "insight/label.hpp"

#include <utility>

namespace lastack::insight {

using wire::Flag;

std::string flags_text(wire::Flags flags) {
  std::string text;
  for (const auto& [flag, name] : {std::pair{Flag::syn, "SYN"},
                                   {Flag::fin, "FIN"},
                                   {Flag::rst, "RST"},
                                   {Flag::urg, "URG"},
                                   {Flag::ack, "ACK"}}) {
    if (!flags.has(flag)) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

std::string segment_label(const wire::TcpHeader& header, std::size_t size, std::uint32_t first_seq,
                          std::uint32_t first_ack) {
  const std::uint32_t seq = header.seq.raw() - first_seq;
  const std::uint32_t ack = header.ack.raw() - first_ack;
  std::string text;
  if (size > 0) text = std::to_string(seq) + ":" + std::to_string(seq + size) + " ";
  text += flags_text(header.flags);
  const bool shows_seq =
      header.flags.has(Flag::syn) || header.flags.has(Flag::fin) || header.flags.has(Flag::rst);
  if (size == 0 && shows_seq) text += " seq " + std::to_string(seq);
  if (header.flags.has(Flag::ack)) text += " ack " + std::to_string(ack);
  if (header.window == 0 && !header.flags.has(Flag::rst)) text += " win 0";
  return text;
}

}  // namespace lastack::insight
