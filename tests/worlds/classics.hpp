// The classics, each by name: lastack's sockets at one end of a TUN device, the kernel's at the
// other.
#pragma once

namespace lastack::worlds {

/// A line `ok NAME` or `not ok NAME` for each; 0 where all went well, else 1.
int classics();

}  // namespace lastack::worlds
