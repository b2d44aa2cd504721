#include "run/pool.h"

#include <algorithm>

#include "api/dxdw.h"
#include "run/faults.h"
#include "run/job.h"
#include "run/threads.h"

namespace dxdw {
namespace {

bool serial(const Team &team, int64_t items, Body body, void *context) {
  for (int64_t item = 0; item < items; ++item) {
    if (cancelled(team)) return false;
    body(context, item, 0);
  }
  return !cancelled(team);
}

}  // namespace

bool stops(Flag &flag) {
  if (flag.look) flag.look(flag);
  return flag.set.load(std::memory_order_relaxed);
}

#if !DXDW_THREADS

bool parallel(const Team &team, int64_t items, Body body, void *context) {
  return serial(team, items, body, context);
}

void start(Job &job) { job.status = job.task(job, Team{1, &job.cancelled}); }

bool wait(Job &job, int, int *status) {
  *status = job.status;
  return true;
}

void cancel(Job &job) { job.cancelled.set = true; }

#else

namespace {

// Far more than there is any use for; only jobs from hundreds of threads at once come near.
constexpr int kMostWorkers = 256;

// How long a thread looks for what it waits for before it sleeps. It takes 10 µs to wake a sleeping
// one, and 20 to 110 until it runs, as long as the loops that a call is made of; these follow each
// other within a few microseconds, and calls from Python within some tens.
constexpr int64_t kSpin = 100'000;

// After the system has refused a thread, loops do without for so long.
constexpr int64_t kRefusalPause = 100'000'000;

struct Loop {
  Loop(const Team &team, int64_t items, Body body, void *context, int seats)
      : body(body), context(context), items(items), team(team), seats(seats) {}

  const Body body;
  void *const context;
  const int64_t items;
  const Team team;
  Affinity affinity;

  // Under the pool's lock. The loop is in the list exactly while it has free seats.
  Loop *next = nullptr;
  int seats;      // helpers that may still come
  int slots = 1;  // given away; the caller has slot 0

  // Each on a cache line of its own: all threads count items, one looks for the end.
  alignas(64) std::atomic<int64_t> taken{0};
  alignas(64) std::atomic<int> helpers{0};  // twice their number, and 1 where the caller sleeps

  bool exhausted() const {
    return taken.load(std::memory_order_relaxed) >= items || cancelled(team);
  }
  // At its end. A body that was cancelled may have left its item half done, the last one too.
  bool whole() const { return taken.load(std::memory_order_relaxed) >= items && !cancelled(team); }
};

// On the stack of its thread, which never ends.
struct Worker {
  const int thread = this_thread();
  Affinity affinity;

  // Under the pool's lock, as the affinity is while it sleeps.
  Worker *next = nullptr;
  bool sleeps = false;
  Condition awake;
};

struct State {
  Loop *loops = nullptr;  // those with free seats
  Job *jobs = nullptr;    // those without a thread, the oldest first
  int workers = 0;
  int runners = 0;  // workers that run a job, and so are no helpers
  int queued = 0;   // jobs without a thread
  int most_helpers = 0;        // that any loop had room for
  Worker *sleepers = nullptr;  // who slept last, and is the warmest, first
  int searching = 0;           // workers that spin or have just been woken
  int64_t refused = -kRefusalPause;
};

// Nothing of it is ever destroyed: workers may run until the process is gone.
struct Pool {
  Lock lock;
  Condition finished;  // a loop or a job has ended, and its caller sleeps
  State state;
  unsigned generation = 0;  // another one in a forked child
  alignas(64) std::atomic<int> wanted{0};  // free seats and queued jobs; read without the lock
};

Pool pool;

#if !defined(_WIN32)
// A child has one thread, the one that forked. Whatever the others had in hand is lost, so it
// starts anew; the lock is taken before, so that nobody is in the middle of a change.
[[maybe_unused]] const int fork_handlers = pthread_atfork(
    [] { pool.lock.lock(); }, [] { pool.lock.unlock(); },
    [] {
      pool.lock.renew();
      pool.finished.renew();
      pool.state = State{};
      pool.wanted = 0;
      ++pool.generation;
    });
#endif

template <typename Done>
bool spin(Done done) {
  const int64_t end = now() + kSpin;
  for (int round = 1;; ++round) {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause();
    }
    if (now() > end) return false;
    if (round % 4 == 0) yield();  // who is waited for may wait for this very core
  }
}

void work(Loop &loop, int slot) {
  while (!cancelled(loop.team)) {
    const int64_t item = loop.taken.fetch_add(1, std::memory_order_relaxed);
    if (item >= loop.items) return;
    loop.body(loop.context, item, slot);
  }
}

// What is from here to `crowded` wants the lock held.

template <typename Entry>
void append(Entry **link, Entry &entry) {
  while (*link) link = &(*link)->next;
  *link = &entry;
  entry.next = nullptr;
}

template <typename Entry>
void remove(Entry **link, Entry &entry) {
  while (*link != &entry) link = &(*link)->next;
  *link = entry.next;
}

void unlink(Loop &loop) {
  pool.wanted.fetch_sub(loop.seats, std::memory_order_relaxed);
  loop.seats = 0;
  remove(&pool.state.loops, loop);
}

void unlink(Job &job) {
  pool.wanted.fetch_sub(1, std::memory_order_relaxed);
  --pool.state.queued;
  remove(&pool.state.jobs, job);
}

Loop *take_seat(int *slot) {
  while (Loop *loop = pool.state.loops) {
    if (loop->exhausted()) {
      unlink(*loop);
      continue;
    }
    *slot = loop->slots++;
    loop->helpers.fetch_add(2, std::memory_order_relaxed);
    if (loop->seats == 1) {
      unlink(*loop);
    } else {
      --loop->seats;
      pool.wanted.fetch_sub(1, std::memory_order_relaxed);
    }
    return loop;
  }
  return nullptr;
}

void worker();

// As many threads as there are jobs, and helpers for the widest loop besides: the callers of
// several loops at once share them, for each of them computes itself.
void employ(int helpers) {
  State &state = pool.state;
  state.most_helpers = std::max(state.most_helpers, helpers);
  const int wanted = std::min(state.runners + state.queued + state.most_helpers, kMostWorkers);
  while (state.workers < wanted && now() - state.refused > kRefusalPause) {
    if (allocation_fails() || !start_thread(worker)) {
      state.refused = now();
    } else {
      ++state.workers;
    }
  }
}

// Whether there is more to do than there are workers looking for it.
bool crowded() {
  return pool.state.sleepers &&
         pool.wanted.load(std::memory_order_relaxed) > pool.state.searching;
}

// Wakes two, who wake others when they have found work: nobody spends his time on waking all.
void wake() {
  for (int i = 0; i < 2; ++i) {
    Worker *worker;
    {
      Locked locked(pool.lock);
      if (!crowded()) return;
      State &state = pool.state;
      worker = state.sleepers;
      state.sleepers = worker->next;
      worker->sleeps = false;
      ++state.searching;
      const Affinity &allowed = state.jobs ? state.jobs->affinity : state.loops->affinity;
      worker->affinity.move_elsewhere(worker->thread, allowed);
    }
    worker->awake.notify_one();
  }
}

// True where the caller sleeps until this last helper is gone. A loop lies on its caller's stack:
// after the count has gone down, it may not be there any more.
bool leave(Loop &loop) { return loop.helpers.fetch_sub(2, std::memory_order_acq_rel) == 3; }

void run(Job &job) {
  boundary();
  const int status = job.task(job, Team{job.threads, &job.cancelled});
  boundary();
  Locked locked(pool.lock);
  --pool.state.runners;
  job.status = status;
  job.state = Job::kDone;
  pool.finished.notify_all();
}

// Looks for work and, where there is none for a while, sleeps until it is woken for some. The lock
// is held before and after.
void await_work(Worker &worker) {
  State &state = pool.state;
  ++state.searching;
  pool.lock.unlock();
  spin([] { return pool.wanted.load(std::memory_order_relaxed) > 0; });
  pool.lock.lock();
  if (!state.jobs && !state.loops) {
    --state.searching;
    worker.next = state.sleepers;
    state.sleepers = &worker;
    worker.sleeps = true;
    while (worker.sleeps) worker.awake.wait(pool.lock);
  }
  --state.searching;
}

void worker() {
  State &state = pool.state;
  Worker self;
  self.affinity.read();
  pool.lock.lock();
  for (;;) {
    int slot;
    if (Job *job = state.jobs) {
      unlink(*job);
      job->state = Job::kRunning;
      ++state.runners;
      const bool more = crowded();
      pool.lock.unlock();
      if (more) wake();
      self.affinity.become(job->affinity);
      run(*job);
      pool.lock.lock();
    } else if (Loop *loop = take_seat(&slot)) {
      const bool more = crowded();
      pool.lock.unlock();
      if (more) wake();
      self.affinity.become(loop->affinity);
      work(*loop, slot);
      const bool awaited = leave(*loop);
      pool.lock.lock();
      if (awaited) pool.finished.notify_all();
    } else {
      await_work(self);
    }
  }
}

void open(Loop &loop) {
  loop.affinity.read();
  bool more;
  {
    Locked locked(pool.lock);
    employ(loop.seats);
    append(&pool.state.loops, loop);
    pool.wanted.fetch_add(loop.seats, std::memory_order_relaxed);
    more = crowded();
  }
  if (more) wake();
}

// The same loop on a crew's threads. OpenMP's spin for milliseconds after a loop of their own, and
// take the CPU from a pool that computes on others: who has such threads had better lend them.
bool crewed(const Team &team, int64_t items, Body body, void *context, int threads) {
  struct Crewed {
    Loop loop;
    const int threads;
    std::atomic<int> slots{0};
  } crewed{{team, items, body, context, 0}, threads};
  const auto part = [](void *context) {
    Crewed &crewed = *static_cast<Crewed *>(context);
    const int slot = crewed.slots.fetch_add(1, std::memory_order_relaxed);
    if (slot < crewed.threads) work(crewed.loop, slot);
  };
  team.crew(part, &crewed, static_cast<unsigned>(threads), 0);
  return crewed.loop.whole();
}

// Returns when no helper is left: those that have not come by now find nothing to do.
void close(Loop &loop) {
  const auto alone = [&loop] { return loop.helpers.load(std::memory_order_acquire) <= 1; };
  {
    Locked locked(pool.lock);
    if (loop.seats > 0) unlink(loop);
  }
  if (spin(alone)) return;
  Locked locked(pool.lock);
  loop.helpers.fetch_or(1, std::memory_order_acq_rel);
  while (!alone()) pool.finished.wait(pool.lock);
}

}  // namespace

bool parallel(const Team &team, int64_t items, Body body, void *context) {
  const int64_t threads = std::min<int64_t>({items, team.threads, kMostWorkers});
  if (threads <= 1) return serial(team, items, body, context);
  if (team.crew) return crewed(team, items, body, context, static_cast<int>(threads));
  Loop loop(team, items, body, context, static_cast<int>(threads) - 1);
  open(loop);
  work(loop, 0);
  close(loop);
  return loop.whole();
}

void start(Job &job) {
  job.affinity.read();
  bool helpless, more;
  {
    Locked locked(pool.lock);
    job.generation = pool.generation;
    append(&pool.state.jobs, job);
    ++pool.state.queued;
    pool.wanted.fetch_add(1, std::memory_order_relaxed);
    employ(0);
    helpless = pool.state.workers == 0;
    if (helpless) {
      unlink(job);
      job.state = Job::kRunning;
      ++pool.state.runners;
    }
    more = crowded();
  }
  if (more) wake();
  if (helpless) run(job);
}

bool wait(Job &job, int milliseconds, int *status) {
  const int64_t end = now() + milliseconds * int64_t{1'000'000};
  pool.lock.lock();
  if (job.state != Job::kDone && job.generation != pool.generation) {
    // Its threads are the parent's, and nobody computes it in this child.
    pool.lock.unlock();
    job.state = Job::kQueued;
    start(job);
    pool.lock.lock();
  }
  while (job.state != Job::kDone) {
    const int64_t left = end - now();
    if (left <= 0) break;
    pool.finished.wait(pool.lock, left);
  }
  const bool done = job.state == Job::kDone;
  *status = job.status;
  pool.lock.unlock();
  boundary();
  return done;
}

void cancel(Job &job) {
  job.cancelled.set.store(true, std::memory_order_relaxed);
  Locked locked(pool.lock);
  if (job.generation != pool.generation || job.state != Job::kQueued) return;
  unlink(job);
  job.status = DXDW_CANCELLED;
  job.state = Job::kDone;
  pool.finished.notify_all();
}

#endif  // DXDW_THREADS

}  // namespace dxdw
