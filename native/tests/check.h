// What the test programs share: a check that ends the program where it does not hold, and what the
// sanitizers are to bear with.
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (0)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if SANITIZED
#define SANITIZER_OPTIONS(function, options)                                  \
  extern "C" __attribute__((visibility("default"))) const char *function();   \
  const char *function() { return options; }
// Refusing a size that there is no memory for is tested.
SANITIZER_OPTIONS(__asan_default_options, "allocator_may_return_null=1")
// So is starting threads in a child that forked from one of several.
SANITIZER_OPTIONS(__tsan_default_options, "allocator_may_return_null=1:die_after_fork=0")
#undef SANITIZER_OPTIONS
#endif
