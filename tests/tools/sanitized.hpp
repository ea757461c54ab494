// What takes long is done less often under a sanitizer.
#pragma once

#if defined(__has_feature)
#define LASTACK_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LASTACK_SANITIZED 1
#else
#define LASTACK_SANITIZED 0
#endif

namespace lastack_test {

inline constexpr bool kSanitized = LASTACK_SANITIZED != 0;

}  // namespace lastack_test
