// The C interface: how a call becomes a team's work.
#include "api/dxdw.h"

#include <string.h>

#include <algorithm>
#include <new>

#include "api/isa.h"
#include "layout/plan_version.h"
#include "machine/cpus.h"
#include "machine/measure.h"
#include "machine/tuning.h"
#include "run/job.h"
#include "run/memory.h"
#include "run/watch.h"

using namespace dxdw;

namespace {

// What a kernel holds of a plan, whose words stand behind this.
struct Prepared {
  Held *held;

  int64_t *words() { return reinterpret_cast<int64_t *>(this + 1); }

  int run(const Operands &operands, const Team &team) const {
    return held->run(*held, operands, team);
  }
};

const Prepared &as_prepared(const void *prepared) {
  return *static_cast<const Prepared *>(prepared);
}

const Kernel *find(int kernel) {
  const Kernels &all = chosen();
  return kernel >= 0 && kernel < all.rows ? all.row + kernel : nullptr;
}

struct Call : Job {
  Call(const void *prepared, const Operands &operands, int threads)
      : Job(run, threads), prepared(as_prepared(prepared)), operands(operands) {}

  static int run(Job &job, const Team &team) {
    const Call &call = static_cast<Call &>(job);
    return call.prepared.run(call.operands, team);
  }

  const Prepared &prepared;
  Operands operands;
};

}  // namespace

int64_t dxdw_plan_version(void) { return kPlanVersion; }

int dxdw_kernels(void) { return chosen().rows; }

const char *dxdw_kernel_name(int kernel) {
  const Kernel *row = find(kernel);
  return row ? row->name : nullptr;
}

const char *dxdw_kernel_method(int kernel) {
  const Kernel *row = find(kernel);
  return row ? row->method : nullptr;
}

int dxdw_kernel_sums(int kernel) {
  const Kernel *row = find(kernel);
  return row && !row->growth;
}

int dxdw_takes(const int64_t *plan, int kernel, char *why, int size) {
  Reason reason = {why, size};
  const Kernel *row = find(kernel);
  return row && row->takes(plan, reason);
}

double dxdw_growth(const int64_t *plan, int kernel, int64_t *terms) {
  const Kernel *row = find(kernel);
  const Growth growth = row && row->growth ? row->growth(plan) : Growth{0, 0, false};
  *terms = growth.elementwise ? -growth.terms : growth.terms;
  return growth.factor;
}

void *dxdw_prepare(const int64_t *plan, int64_t words, int kernel) {
  const Kernel *row = find(kernel);
  if (!row || words < 5 || plan[0] != kPlanVersion) return nullptr;
  const size_t bytes = static_cast<size_t>(words) * sizeof *plan;
  void *memory = keep_block(sizeof(Prepared) + bytes);
  if (!memory) return nullptr;
  Prepared *prepared = new (memory) Prepared{nullptr};
  memcpy(prepared->words(), plan, bytes);
  prepared->held = row->hold(prepared->words());
  if (prepared->held) return prepared;
  free_block(memory);
  return nullptr;
}

void dxdw_forget(void *prepared) {
  if (!prepared) return;
  Held *held = static_cast<Prepared *>(prepared)->held;
  held->drop(held);
  free_block(prepared);
}

int64_t dxdw_workspace(const void *prepared, int threads) {
  const Held &held = *as_prepared(prepared).held;
  return held.workspace(held, std::max(threads, 1));
}

int dxdw_run(const void *prepared, const void *a, const void *b, const void *c, void *r, void *s,
             int threads) {
  return as_prepared(prepared).run({{a, b, c}, {r, s}}, Team{std::max(threads, 1), nullptr});
}

int dxdw_run_on(const void *prepared, const void *a, const void *b, const void *c, void *r, void *s,
                int threads, Crew crew) {
  return as_prepared(prepared).run({{a, b, c}, {r, s}},
                                   Team{std::max(threads, 1), nullptr, crew});
}

void dxdw_interpreter(void *(*leave)(void), void (*enter)(void *), int (*answer_signals)(void)) {
  set_interpreter({leave, enter, answer_signals});
}

int dxdw_run_watched(const void *prepared, const void *a, const void *b, const void *c, void *r,
                     void *s, int threads) {
  Call call(prepared, {{a, b, c}, {r, s}}, std::max(threads, 1));
  return watch(call);
}

void *dxdw_start(const void *prepared, const void *a, const void *b, const void *c, void *r, void *s,
                 int threads) {
  void *memory = acquire(sizeof(Call));
  if (!memory) return nullptr;
  Job *job = new (memory) Call(prepared, {{a, b, c}, {r, s}}, std::max(threads, 1));
  start(*job);
  return job;
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

int dxdw_cpus(void) { return cpus(); }

const char *dxdw_isa(void) { return chosen_name(); }
int dxdw_products_at_once(void) {
  const Kernels &own = chosen();
  return own.vector_bytes / int(sizeof(float)) * (own.fused ? 2 : 1);
}
const char *dxdw_machine(void) { return tuning_in_words(); }
const char *dxdw_isas(void) { return available(); }
const char *dxdw_isa_note(void) { return choice_note(); }

double dxdw_peak(int dtype, int threads) { return peak(dtype, threads); }
double dxdw_bandwidth(int threads) { return bandwidth(threads); }
