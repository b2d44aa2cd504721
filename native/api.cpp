// The C interface: how a call becomes a team's work.
#include "dxdw.h"

#include <algorithm>
#include <new>

#include "cpus.h"
#include "isa.h"
#include "job.h"
#include "measure.h"
#include "memory.h"
#include "watch.h"

using namespace dxdw;

namespace {

struct Call : Job {
  Call(const int64_t *plan, const void *first, const void *second, void *result, int threads)
      : Job(run, threads), plan(plan), first(first), second(second), result(result) {}

  static int run(Job &job, const Team &team) {
    const Call &call = static_cast<Call &>(job);
    return chosen().run(call.plan, call.first, call.second, call.result, team);
  }

  const int64_t *plan;
  const void *first, *second;
  void *result;
};

struct BackwardCall : Job {
  BackwardCall(const int64_t *dx_plan, const int64_t *dW_plan, const Gradients &of, int threads)
      : Job(run, threads), dx_plan(dx_plan), dW_plan(dW_plan), of(of) {}

  static int run(Job &job, const Team &team) {
    const BackwardCall &call = static_cast<BackwardCall &>(job);
    return chosen().backward(call.dx_plan, call.dW_plan, call.of, team);
  }

  const int64_t *dx_plan, *dW_plan;
  Gradients of;
};

}  // namespace

int dxdw_run(const int64_t *plan, const void *first, const void *second, void *result,
             int threads) {
  return chosen().run(plan, first, second, result, Team{std::max(threads, 1), nullptr});
}

int dxdw_run_on(const int64_t *plan, const void *first, const void *second, void *result,
                int threads, Crew crew) {
  return chosen().run(plan, first, second, result, Team{std::max(threads, 1), nullptr, crew});
}

void dxdw_interpreter(void *(*leave)(void), void (*enter)(void *), int (*answer_signals)(void)) {
  set_interpreter({leave, enter, answer_signals});
}

int dxdw_run_watched(const int64_t *plan, const void *first, const void *second, void *result,
                     int threads) {
  Call call(plan, first, second, result, std::max(threads, 1));
  return watch(call);
}

void *dxdw_start(const int64_t *plan, const void *first, const void *second, void *result,
                 int threads) {
  void *memory = acquire(sizeof(Call));
  if (!memory) return nullptr;
  Job *job = new (memory) Call(plan, first, second, result, std::max(threads, 1));
  start(*job);
  return job;
}

int dxdw_backward(const int64_t *dx_plan, const int64_t *dW_plan, const void *grad_out,
                  const void *x, const void *W, void *dx, void *dW, int threads) {
  return chosen().backward(dx_plan, dW_plan, {grad_out, x, W, dx, dW},
                           Team{std::max(threads, 1), nullptr});
}

int dxdw_backward_watched(const int64_t *dx_plan, const int64_t *dW_plan, const void *grad_out,
                          const void *x, const void *W, void *dx, void *dW, int threads) {
  BackwardCall call(dx_plan, dW_plan, {grad_out, x, W, dx, dW}, std::max(threads, 1));
  return watch(call);
}

int dxdw_wait(void *job, int milliseconds) {
  if (!job) return DXDW_NO_MEMORY;
  int status;
  return wait(*static_cast<Job *>(job), milliseconds, &status) ? status : int(DXDW_PENDING);
}

void dxdw_cancel(void *job) {
  if (job) cancel(*static_cast<Job *>(job));
}

void dxdw_release(void *job) {
  if (!job) return;
  for (int status; !wait(*static_cast<Job *>(job), 50, &status);) cancel(*static_cast<Job *>(job));
  release(job);
}

int64_t dxdw_workspace(const int64_t *plan, int threads) {
  return chosen().workspace(plan, std::max(threads, 1));
}

const char *dxdw_kernel(const int64_t *plan) { return chosen().kernel(plan); }

int dxdw_cpus(void) { return cpus(); }

const char *dxdw_isa(void) { return chosen().name; }
const char *dxdw_isas(void) { return available(); }
const char *dxdw_isa_note(void) { return choice_note(); }

double dxdw_peak(int dtype, int threads) { return peak(dtype, threads); }
double dxdw_bandwidth(int threads) { return bandwidth(threads); }
