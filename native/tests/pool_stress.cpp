// The pool under everything that it promises: many callers, nesting, cancelling, jobs, forks, and
// no thread to be had.
#include <string.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "api/dxdw.h"
#include "check.h"
#include "run/job.h"
#include "run/memory.h"
#include "run/pool.h"
#include "run/threads.h"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace dxdw;

namespace {

constexpr int kCallers = 12;
constexpr int kRounds = SANITIZED ? 20 : 100;

void rest(int microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

void compute(int microseconds) {
  const int64_t end = now() + microseconds * int64_t{1000};
  while (now() < end) continue;
}

// A loop that knows what it has seen.
struct Seen {
  Seen(int threads, int64_t items) : threads(threads), in_use(threads), times(items) {}

  static void body(void *context, int64_t item, int slot) {
    Seen &seen = *static_cast<Seen *>(context);
    CHECK(slot >= 0 && slot < seen.threads);
    CHECK(!seen.in_use[slot].exchange(true));
    if (seen.pause > 0) compute(seen.pause);
    ++seen.times[item];
    CHECK(seen.in_use[slot].exchange(false));
  }

  bool run(Flag *cancelled = nullptr) {
    return parallel(Team{threads, cancelled}, static_cast<int64_t>(times.size()), body, this);
  }

  bool each_once() const {
    for (int count : times) {
      if (count != 1) return false;
    }
    return true;
  }

  const int threads;
  int pause = 0;
  std::vector<std::atomic<bool>> in_use;
  std::vector<int> times;
};

bool loop_is_right(int threads, int64_t items, int pause = 0) {
  Seen seen(threads, items);
  seen.pause = pause;
  return seen.run() && seen.each_once();
}

void every_item_comes_once() {
  for (int threads : {1, 2, 3, 8, 300}) {
    for (int64_t items : {0, 1, 2, 7, 1000}) CHECK(loop_is_right(threads, items));
  }
}

// Pauses on either side of how long a thread spins, so that both callers and workers sleep.
void sleepers_are_woken() {
  for (int round = 0; round < kRounds; ++round) {
    CHECK(loop_is_right(2, 2, round % 4 * 60));
    rest(round % 5 * 50);
  }
}

void loops_nest() {
  struct Nest {
    std::atomic<int64_t> sum{0};
  } nest;
  const auto inner = [](void *context, int64_t item, int) {
    static_cast<Nest *>(context)->sum += item;
  };
  static const Body inner_body = inner;
  const auto outer = [](void *context, int64_t, int) {
    CHECK(parallel(Team{3, nullptr}, 50, inner_body, context));
  };
  for (int round = 0; round < kRounds; ++round) {
    nest.sum = 0;
    CHECK(parallel(Team{4, nullptr}, 8, outer, &nest));
    CHECK(nest.sum == 8 * 50 * 49 / 2);
  }
}

// Threads that are not the pool's: as many as were asked for, or fewer, as OpenMP may give.
template <unsigned fewer>
void crew_of_threads(void (*part)(void *), void *context, unsigned threads, unsigned) {
  std::vector<std::thread> others;
  for (unsigned i = 1 + fewer; i < threads; ++i) others.emplace_back(part, context);
  part(context);
  for (std::thread &other : others) other.join();
}

void a_crew_does_the_loops() {
  for (Crew crew : {crew_of_threads<0>, crew_of_threads<1>}) {
    for (int threads : {1, 2, 5}) {
      for (int64_t items : {1, 2, 7, 100}) {
        Seen seen(threads, items);
        CHECK(parallel(Team{threads, nullptr, crew}, items, Seen::body, &seen));
        CHECK(seen.each_once());
      }
    }
    Flag cancelled;
    cancelled.set = true;
    Seen seen(3, 20);
    CHECK(!parallel(Team{3, &cancelled, crew}, 20, Seen::body, &seen));
  }
}

template <typename Function>
void from_many_threads(Function function) {
  if (!DXDW_THREADS) return function(0);
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) callers.emplace_back(function, i);
  for (std::thread &caller : callers) caller.join();
}

void many_threads_call_at_once() {
  from_many_threads([](int caller) {
    for (int round = 0; round < kRounds; ++round) {
      CHECK(loop_is_right(1 + caller % 4, 1 + round % 23, caller % 3 * 10));
    }
  });
}

void a_cancelled_loop_stops() {
  struct Counted {
    Flag flag;
    std::atomic<int> done{0};
  };
  const auto body = [](void *context, int64_t item, int) {
    Counted &counted = *static_cast<Counted *>(context);
    ++counted.done;
    if (item == 5) counted.flag.set = true;
    compute(20);
  };
  for (int threads : {1, 2, 4}) {
    Counted counted;
    CHECK(!parallel(Team{threads, &counted.flag}, 1000, body, &counted));
    CHECK(counted.done < 1000);
    CHECK(cancelled(Team{threads, &counted.flag}));
    counted.done = 0;
    CHECK(!parallel(Team{threads, &counted.flag}, 1000, body, &counted));
    CHECK(counted.done == 0);
  }
}

// A body that looks at its team may leave the last item half done.
void a_loop_that_is_cancelled_in_its_last_item_is_not_whole() {
  const auto body = [](void *context, int64_t item, int) {
    if (item == 9) static_cast<Flag *>(context)->set = true;
  };
  for (Crew crew : {Crew{nullptr}, Crew{crew_of_threads<0>}}) {
    for (int threads : {1, 2, 4}) {
      Flag flag;
      CHECK(!parallel(Team{threads, &flag, crew}, 10, body, &flag));
    }
  }
}

// A job of 64 items.
struct Work : Job {
  Work(int threads, int pause) : Job(run, threads), seen(threads, 64) { seen.pause = pause; }

  static int run(Job &job, const Team &team) {
    Work &work = static_cast<Work &>(job);
    CHECK(team.threads == work.seen.threads || !DXDW_THREADS);
    return work.seen.run(team.cancelled) ? DXDW_DONE : DXDW_CANCELLED;
  }

  int finish() {
    int status = DXDW_PENDING;
    while (!wait(*this, 50, &status)) continue;
    return status;
  }

  Seen seen;
};

bool job_is_right(int threads, int pause = 0) {
  Work work(threads, pause);
  start(work);
  return work.finish() == DXDW_DONE && work.seen.each_once();
}

void jobs_run_from_many_threads() {
  from_many_threads([](int caller) {
    for (int round = 0; round < kRounds / 4; ++round) {
      CHECK(job_is_right(1 + caller % 3, round % 3));
    }
  });
}

void jobs_are_cancelled_at_the_next_item() {
  from_many_threads([](int caller) {
    Work work(2, 5000);
    start(work);
    rest(caller * 500);
    int status;
    if (DXDW_THREADS && caller == 0) CHECK(!wait(work, 0, &status));
    const int64_t before = now();
    cancel(work);
    status = work.finish();
    CHECK(status == DXDW_CANCELLED || work.seen.each_once());
    CHECK(now() - before < (SANITIZED ? 5'000'000'000 : 1'000'000'000));
  });
}

// More jobs than there may be threads, none of which ends before it is let.
void a_job_without_a_thread_is_cancelled_at_once() {
  struct Gate : Job {
    Gate() : Job(run, 1) {}
    static int run(Job &job, const Team &) {
      while (!static_cast<Gate &>(job).open) rest(1000);
      return DXDW_DONE;
    }
    std::atomic<bool> open{!DXDW_THREADS};
  };
  std::vector<Gate> jobs(300);
  for (Gate &job : jobs) start(job);
  int status = DXDW_PENDING;
  for (size_t i = 260; i < jobs.size(); i += 2) {
    cancel(jobs[i]);
    CHECK(wait(jobs[i], 0, &status) && status == (DXDW_THREADS ? DXDW_CANCELLED : DXDW_DONE));
  }
  for (Gate &job : jobs) job.open = true;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (i >= 260 && i % 2 == 0) continue;
    while (!wait(jobs[i], 50, &status)) continue;
    CHECK(status == DXDW_DONE);
  }
}

#if !defined(_WIN32) && DXDW_THREADS

// Runs a function in a child, which must end well, and soon.
template <typename Function>
void in_child(Function function) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60);
    function();
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void a_child_has_all_of_it() {
  CHECK(loop_is_right(3, 20));
  CHECK(job_is_right(2));
  void *block = acquire(100'000);
  CHECK(block);
  memset(block, 1, 100'000);
  release(block);
}

void forks_amid_loops() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&stop, i] {
      while (!stop) {
        if (i == 2) {
          CHECK(job_is_right(2));
        } else {
          CHECK(loop_is_right(2 + i, 10, 10));
        }
        release(acquire(size_t{1} << (10 + i)));
      }
    });
  }
  for (int i = 0; i < (SANITIZED ? 20 : 100); ++i) in_child(a_child_has_all_of_it);
  std::thread([] {
    for (int i = 0; i < (SANITIZED ? 20 : 100); ++i) in_child(a_child_has_all_of_it);
  }).join();
  in_child([] { in_child(a_child_has_all_of_it); });
  stop = true;
  for (std::thread &caller : callers) caller.join();
}

// Between two waits a signal's handler may fork; the child then has a job and no thread for it.
void a_child_computes_the_job_that_it_inherits() {
  Work work(2, 2000);
  start(work);
  in_child([&work] {
    for (std::atomic<bool> &used : work.seen.in_use) used = false;
    for (int &count : work.seen.times) count = 0;
    CHECK(work.finish() == DXDW_DONE && work.seen.each_once());
  });
  in_child([&work] {
    cancel(work);
    work.finish();
  });
  CHECK(work.finish() == DXDW_DONE && work.seen.each_once());
}

#if defined(DXDW_TESTING)

void loops_and_jobs_without_threads() {
  for (int refused : {1, 2, 3}) {
    in_child([refused] {
      dxdw_fail_allocation(refused);
      CHECK(loop_is_right(4, 20));
      CHECK(job_is_right(3));
    });
    in_child([refused] {
      dxdw_fail_allocation(refused);
      CHECK(job_is_right(3));
      CHECK(loop_is_right(4, 20));
    });
  }
}

#endif
#endif

}  // namespace

int main() {
  every_item_comes_once();
  sleepers_are_woken();
  loops_nest();
  if (DXDW_THREADS) a_crew_does_the_loops();
  many_threads_call_at_once();
  a_cancelled_loop_stops();
  if (DXDW_THREADS) a_loop_that_is_cancelled_in_its_last_item_is_not_whole();
  jobs_run_from_many_threads();
  jobs_are_cancelled_at_the_next_item();
#if !defined(_WIN32) && DXDW_THREADS
  if (getenv("DXDW_EMULATED")) {  // QEMU's emulation of processes (7.2) aborts in such children
    puts("forks are left out: DXDW_EMULATED is set");
  } else {
    forks_amid_loops();
    a_child_computes_the_job_that_it_inherits();
#if defined(DXDW_TESTING)
    loops_and_jobs_without_threads();
#endif
  }
#endif
  a_job_without_a_thread_is_cancelled_at_once();
  return 0;
}
