// What the pool needs of an operating system, and nothing that allocates, throws, or must be
// destroyed: locks and conditions may lie in static storage, and outlive the library's last call.
#pragma once
#include <stdint.h>

// WebAssembly as Pyodide builds it has no threads. -DDXDW_THREADS=0 is the same anywhere else: then
// no two threads may call the library at once.
#ifndef DXDW_THREADS
#if defined(__wasm__) && !defined(__EMSCRIPTEN_PTHREADS__)
#define DXDW_THREADS 0
#else
#define DXDW_THREADS 1
#endif
#endif

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#elif defined(__wasm__)
// Emscripten's, which is there where this is loaded. The headers are WASI's, of other clocks.
extern "C" double emscripten_get_now(void);
#else
#include <time.h>
#if DXDW_THREADS
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif
#endif

namespace dxdw {

// Nanoseconds of a clock that is never set back. (std::chrono's would be all that this library
// takes from libstdc++.)
inline int64_t now() {
#if defined(_WIN32)
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&frequency);
  const int64_t rest = ticks.QuadPart % frequency.QuadPart;
  return ticks.QuadPart / frequency.QuadPart * 1'000'000'000 +
         rest * 1'000'000'000 / frequency.QuadPart;
#elif defined(__wasm__)
  return static_cast<int64_t>(emscripten_get_now() * 1e6);
#else
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
#endif
}

#if !DXDW_THREADS

class Lock {
 public:
  void lock() {}
  void unlock() {}
  void renew() {}
};

#else

// Tells the core that this thread only waits.
inline void pause() {
#if defined(__x86_64__) || defined(_M_X64) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");  // `yield` does nothing on most cores
#endif
}

inline void yield() {
#if defined(_WIN32)
  SwitchToThread();
#else
  sched_yield();
#endif
}

// A mutex that tries for a few microseconds before it goes to sleep: nothing here is held longer.
class Lock {
 public:
  void lock() {
    for (int i = 0; i < 100; ++i) {
      if (try_lock()) return;
      pause();
    }
    block();
  }
#if defined(_WIN32)
  void unlock() { ReleaseSRWLockExclusive(&mutex_); }
#else
  void unlock() { pthread_mutex_unlock(&mutex_); }
  void renew() { pthread_mutex_init(&mutex_, nullptr); }  // in a forked child
#endif

 private:
  friend class Condition;
#if defined(_WIN32)
  bool try_lock() { return TryAcquireSRWLockExclusive(&mutex_); }
  void block() { AcquireSRWLockExclusive(&mutex_); }
  SRWLOCK mutex_ = SRWLOCK_INIT;
#else
  bool try_lock() { return pthread_mutex_trylock(&mutex_) == 0; }
  void block() { pthread_mutex_lock(&mutex_); }
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
#endif
};

// Waits may end early: whoever waits looks again at what it waits for.
class Condition {
 public:
#if defined(_WIN32)
  void wait(Lock &lock) { SleepConditionVariableSRW(&condition_, &lock.mutex_, INFINITE, 0); }
  void wait(Lock &lock, int64_t nanoseconds) {
    const DWORD milliseconds = static_cast<DWORD>((nanoseconds + 999'999) / 1'000'000);
    SleepConditionVariableSRW(&condition_, &lock.mutex_, milliseconds, 0);
  }
  void notify_one() { WakeConditionVariable(&condition_); }
  void notify_all() { WakeAllConditionVariable(&condition_); }

 private:
  CONDITION_VARIABLE condition_ = CONDITION_VARIABLE_INIT;
#else
  Condition() { renew(); }
  void renew() {
#if defined(__APPLE__)
    pthread_cond_init(&condition_, nullptr);
#else
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);  // whatever is done to the date
    pthread_cond_init(&condition_, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
  }
  void wait(Lock &lock) { pthread_cond_wait(&condition_, &lock.mutex_); }
  void wait(Lock &lock, int64_t nanoseconds) {
#if defined(__APPLE__)
    const timespec span{static_cast<time_t>(nanoseconds / 1'000'000'000),
                        static_cast<long>(nanoseconds % 1'000'000'000)};
    pthread_cond_timedwait_relative_np(&condition_, &lock.mutex_, &span);
#else
    nanoseconds += now();
    const timespec end{static_cast<time_t>(nanoseconds / 1'000'000'000),
                       static_cast<long>(nanoseconds % 1'000'000'000)};
    pthread_cond_timedwait(&condition_, &lock.mutex_, &end);
#endif
  }
  void notify_one() { pthread_cond_signal(&condition_); }
  void notify_all() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_;
#endif
};

// Starts a thread that nobody waits for; false where there can be no more.
inline bool start_thread(void (*routine)()) {
  // The same everywhere: by default macOS gives 512 KiB, musl 128 KiB, and glibc as much as the
  // shell's limit.
  constexpr size_t kStack = size_t{2} << 20;
#if defined(_WIN32)
  const HANDLE thread = CreateThread(
      nullptr, kStack,
      [](void *pointer) -> DWORD {
        reinterpret_cast<void (*)()>(pointer)();
        return 0;
      },
      reinterpret_cast<void *>(routine), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (!thread) return false;
  CloseHandle(thread);
  return true;
#else
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStack);
  // Signals are for the threads of the program: Python's wake-up must reach one of its own.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int refused = pthread_create(
      &thread, &attributes,
      [](void *pointer) -> void * {
        reinterpret_cast<void (*)()>(pointer)();
        return nullptr;
      },
      reinterpret_cast<void *>(routine));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return refused == 0;
#endif
}

#endif  // DXDW_THREADS

class Locked {
 public:
  explicit Locked(Lock &lock) : lock_(lock) { lock_.lock(); }
  ~Locked() { lock_.unlock(); }
  Locked(const Locked &) = delete;
  Locked &operator=(const Locked &) = delete;

 private:
  Lock &lock_;
};

}  // namespace dxdw
