// The bounds whose endpoints are open sockets.
#include "explore/explorer.hpp"

namespace lastack::explore {

std::vector<Bounds> socket_bounds() {
  return {
      {.name = "three holders",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = 3},
      {.name = "one holder, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 0},
       .holders = 1},
      {.name = "two holders, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 1},
       .holders = 2},
  };
}

}  // namespace lastack::explore
