// The scripted program: what POSIX promises of sockets, section by section.
#pragma once

#include <vector>

#include "worlds/script.hpp"

namespace lastack::worlds {

/// Where the default profile means something else than Linux, each a row of docs/linux.md.
enum class Row : std::uint8_t { none, shut_rd, shut_rdwr, rst_in_time_wait };

struct Section {
  std::string name;
  Row row = Row::none;
  Script script;
};

/// Those of found.cpp.
void found_at_random(std::vector<Section>& all, bool v6);

/// Each section begins with nothing open.
[[nodiscard]] std::vector<Section> program();

}  // namespace lastack::worlds
