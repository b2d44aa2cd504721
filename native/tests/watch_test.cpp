// Waiting for a job in a caller's interpreter: it is left while the job runs, entered to answer signals,
// and the job is over when the wait is, whatever the answer was.
#include "run/watch.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "api/dxdw.h"
#include "check.h"
#include "run/threads.h"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace dxdw;

namespace {

void rest(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

// How many threads compute: one is the caller's own, two are the pool's.
int computing;
const std::thread::id caller_thread = std::this_thread::get_id();

// Pieces of a millisecond that look at nothing but their loop's flag.
struct Work : Job {
  explicit Work(int64_t items) : Job(run, computing), items(items) {}

  static int run(Job &job, const Team &team) {
    Work &work = static_cast<Work &>(job);
    const auto body = [](void *context, int64_t, int) {
      CHECK((std::this_thread::get_id() == caller_thread) == (computing == 1 || !DXDW_THREADS));
      rest(1);
      ++static_cast<Work *>(context)->done;
    };
    return parallel(team, work.items, body, &work) ? DXDW_DONE : DXDW_CANCELLED;
  }

  const int64_t items;
  std::atomic<int64_t> done{0};
};

// The caller's interpreter: who is in it, how often it has been asked, and what it does then.
struct Caller {
  bool inside = true;
  int asked = 0;
  int64_t last = 0;
  int (*answer)() = nullptr;
} caller;

void *leave() {
  CHECK(caller.inside);
  caller.inside = false;
  return &caller;
}

void enter(void *state) {
  CHECK(state == &caller && !caller.inside);
  caller.inside = true;
}

int answer_signals() {
  CHECK(caller.inside);
  CHECK(now() - caller.last >= 45'000'000);  // not more often than every 50 ms
  caller.last = now();
  ++caller.asked;
  return caller.answer ? caller.answer() : 0;
}

int watched(Work &work, int (*answer)()) {
  caller = Caller{};
  caller.last = now();
  caller.answer = answer;
  const int status = watch(work);
  CHECK(caller.inside);
  return status;
}

void signals_that_end_nothing() {
  Work work(400);
  CHECK(watched(work, nullptr) == DXDW_DONE);
  CHECK(work.done == work.items);
  CHECK((!DXDW_THREADS && computing > 1) || caller.asked > 0);
}

void a_short_job_asks_nobody() {
  Work work(2);
  CHECK(watched(work, nullptr) == DXDW_DONE);
  CHECK(caller.asked <= 1);
}

void a_signal_that_ends_the_call() {
  if (!DXDW_THREADS && computing > 1) return;
  Work work(1'000'000);
  const int64_t before = now();
  CHECK(watched(work, [] { return -1; }) == DXDW_CANCELLED);
  CHECK(now() - before < (SANITIZED ? 5'000'000'000 : 1'000'000'000));
  CHECK(caller.asked == 1);  // what comes after it is the caller's to answer
  const int64_t done = work.done;
  rest(20);
  CHECK(work.done == done);
}

void an_answer_may_compute() {
  if (!DXDW_THREADS && computing > 1) return;
  Work work(300);
  const int status = watched(work, [] {
    if (caller.asked > 1) return 0;
    const Caller outer = caller;
    Work inner(100);
    CHECK(watched(inner, nullptr) == DXDW_DONE);
    caller = outer;
    return 0;
  });
  CHECK(status == DXDW_DONE && work.done == work.items);
}

// What the thread had set up in the processor is set up again after each answer, if it is there still.
void what_an_answer_undoes_is_restored() {
  static int restored;
  restored = 0;
  struct SetUp : Job {
    SetUp() : Job(run, 1) {}
    static int run(Job &, const Team &team) {
      for (int i = 0; i < 400; ++i) {
        team.cancelled->restore = i < 200 ? +[] { CHECK(caller.asked == ++restored); } : nullptr;
        for (int look = 0; look < 8; ++look) CHECK(!dxdw::cancelled(team));
        rest(1);
      }
      return DXDW_DONE;
    }
  } job;
  caller = Caller{};
  caller.last = now();
  CHECK(watch(job) == DXDW_DONE);
  CHECK(restored > 0 && caller.asked > restored);
}

#if !defined(_WIN32) && DXDW_THREADS
void an_answer_may_fork() {
  static pid_t child;
  child = -1;
  Work work(300);
  const int status = watched(work, [] {
    if (child < 0) child = fork();
    return 0;
  });
  CHECK(status == DXDW_DONE && work.done >= work.items);
  if (child == 0) _exit(0);
  int ended;
  CHECK(waitpid(child, &ended, 0) == child);
  CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}
#endif

}  // namespace

int main() {
  set_interpreter({leave, enter, answer_signals});
  for (computing = 1; computing <= 2; ++computing) {
    signals_that_end_nothing();
    a_short_job_asks_nobody();
    a_signal_that_ends_the_call();
    an_answer_may_compute();
    if (computing == 1) what_an_answer_undoes_is_restored();
#if !defined(_WIN32) && DXDW_THREADS
    if (!getenv("DXDW_EMULATED")) an_answer_may_fork();
#endif
  }
  return 0;
}
