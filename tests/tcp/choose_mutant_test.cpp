// In the build with deliberate mistakes: LASTACK_MUTANT=N in the environment chooses one.
#include <cstdlib>

#include "tcp/mutant.hpp"

#ifdef LASTACK_MUTANTS
namespace {

[[maybe_unused]] const int kChosen = [] {
  const char* text = std::getenv("LASTACK_MUTANT");
  return lastack::tcp::chosen_mutant = text != nullptr ? std::atoi(text) : 0;
}();

}  // namespace
#endif
