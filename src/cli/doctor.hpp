// What of this machine the subcommands need, and whether it is there.
#pragma once

#include <string>

namespace lastack::cli {

struct Finding {
  std::string name;
  bool works = false;
  std::string what;    ///< what was seen
  std::string remedy;  ///< where it does not work
};

/// Whether /dev/net/tun can be opened.
[[nodiscard]] Finding find_tun();
/// Whether this user can make a user namespace with a network of its own, and change that network.
[[nodiscard]] Finding find_user_namespaces();

}  // namespace lastack::cli
