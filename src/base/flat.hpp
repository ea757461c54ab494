// For the few functions that every packet passes.
#pragma once

/// All that the function calls becomes part of it: the many small steps of a packet's way each have
/// their name in the source, and would cost as much as they do were each a call. What few packets
/// meet is kept out with gnu::noinline. Only where the code is optimised for those who use it:
/// elsewhere it would but make compiling slow.
#ifdef NDEBUG
#define LASTACK_FLAT [[gnu::flatten]]
#else
#define LASTACK_FLAT
#endif
