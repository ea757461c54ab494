// Situations in which poll() has something to say: every TCP state, with what waits to be read and
// what waits to be sent. readiness.tsv beside this file is what the kernel says of each.
#pragma once

#include <string>
#include <vector>

#include "worlds/script.hpp"

namespace lastack::worlds {

struct Situation {
  std::string name;
  Script script;
  int slot = 0;  ///< the socket that is looked at
};

[[nodiscard]] std::vector<Situation> situations();

/// A line of the table: name, state, bits of poll().
[[nodiscard]] std::string readiness_row(World& world, const Situation& situation,
                                        std::uint16_t ports);

}  // namespace lastack::worlds
