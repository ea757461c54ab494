// A program outside the tree, built against an installed lastack.
#include <lastack/version.hpp>

#include <cstdio>

int main() {
  std::puts(lastack::version());
  return 0;
}
