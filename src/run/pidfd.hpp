// Descriptors that stand for processes.
#pragma once

// glibc's header lacks this before 2.38.
extern "C" {
#include <sys/pidfd.h>
}
