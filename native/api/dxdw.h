/* The C interface of the kernels: all that Python, and the browser, call.

   A problem comes as a plan: an array of int64 that geometry.py works out and plan_view.h reads. Python
   prepares it once for the kernel that is to run it, and keeps that.
   Operands and results are dense arrays in C order that do not overlap. */
#ifndef DXDW_H
#define DXDW_H

#include <stdint.h>

#if defined(_WIN32)
#define DXDW_API __declspec(dllexport)
#else
#define DXDW_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum dxdw_status {
  DXDW_DONE = 0,
  DXDW_NO_MEMORY = 1, /* nothing was computed; the same call may work later */
  DXDW_CANCELLED = 2, /* the result holds whatever had been computed */
  DXDW_DECLINED = 3,  /* values that this algorithm does not take; the result is to be ignored */
  DXDW_PENDING = 4    /* dxdw_wait: not done yet */
};

/* What the form of a plan must be: its first word. */
DXDW_API int64_t dxdw_plan_version(void);

/* The kernels, best first: how many, the name of each, and what it does, in words. */
DXDW_API int dxdw_kernels(void);
DXDW_API const char *dxdw_kernel_name(int kernel);
DXDW_API const char *dxdw_kernel_method(int kernel);

/* Whether it sums each element's own products, as the definition has them. */
DXDW_API int dxdw_kernel_sums(int kernel);

/* 1 where a kernel takes a plan; 0, and why not as a sentence of less than `size` bytes, where it does
   not, or where using it would be slower than the next. */
DXDW_API int dxdw_takes(const int64_t *plan, int kernel, char *why, int size);

/* The factor f and the terms n of |error| ≤ f·n·u/(1−n·u) over an element's tile, of a kernel that does
   not sum them so and of a plan that it takes; or, where n is below 0, of |error| ≤ f + |n|·u/(1−|n|·u)
   of the element's own products. */
DXDW_API double dxdw_growth(const int64_t *plan, int kernel, int64_t *terms);

/* A plan and a kernel of which nothing but the operands is missing, or NULL: there is no such kernel,
   the plan is of another version, or memory is short. The plan is copied. It may be run by many
   threads at once, and lives until it is forgotten. */
DXDW_API void *dxdw_prepare(const int64_t *plan, int64_t words, int kernel);
DXDW_API void dxdw_forget(void *prepared);

/* Bytes of scratch memory that a run on so many threads takes at its peak. */
DXDW_API int64_t dxdw_workspace(const void *prepared, int threads);

/* Computes on up to `threads` threads, the caller's among them. By the kind of the plan:
     forward (0)  a = x, b = W → r
     dW (1)       a = grad_out, b = x → r
     dx (2)       a = grad_out, b = W → r
     both (3)     a = grad_out, b = x, c = W → r = dx, s = dW: the bits of either alone */
DXDW_API int dxdw_run(const void *prepared, const void *a, const void *b, const void *c, void *r,
                      void *s, int threads);

/* The same on threads of the caller's library instead of the pool's: crew(part, context, threads, 0)
   calls part(context) on up to so many at once, and returns when all have returned, as OpenMP's
   GOMP_parallel does. */
DXDW_API int dxdw_run_on(const void *prepared, const void *a, const void *b, const void *c, void *r,
                         void *s, int threads,
                         void (*crew)(void (*part)(void *), void *context, unsigned threads,
                                      unsigned flags));

/* For a caller whose language answers signals between two of its own steps, as Python does: how to
   leave its interpreter to others, what to hand over on entering it again, and what answers the
   signals that have come, not 0 where the call is to end for one. NULL: nobody is asked. */
DXDW_API void dxdw_interpreter(void *(*leave)(void), void (*enter)(void *state),
                               int (*answer_signals)(void));

/* As dxdw_run, for the interpreter's main thread, in which the caller is. It looks at signals every
   50 ms: amid its own work where threads is 1, else while the pool's threads compute. Where the answer
   to one is that the call is to end, it returns DXDW_CANCELLED as soon as no thread touches what was
   handed over any more. No step of the caller's language lies between the start and that, so nothing
   of it can be left undone. */
DXDW_API int dxdw_run_watched(const void *prepared, const void *a, const void *b, const void *c,
                              void *r, void *s, int threads);

/* The parts of that, for callers that wait in a way of their own. A job on threads of the pool alone;
   NULL where memory is short. Everything handed over must outlive its end. */
DXDW_API void *dxdw_start(const void *prepared, const void *a, const void *b, const void *c, void *r,
                          void *s, int threads);

/* Waits for so long at the most. DXDW_PENDING, or what dxdw_run would have returned, as often as it is
   asked. In a forked child, which has none of its parent's threads, the job begins anew. */
DXDW_API int dxdw_wait(void *job, int milliseconds);

/* Asks a job to stop at its next piece of work; dxdw_wait tells when it has. */
DXDW_API void dxdw_cancel(void *job);

/* Gives the job back, once. One that is under way is cancelled, and its end awaited. */
DXDW_API void dxdw_release(void *job);

/* Threads that there is room for: CPUs of this process's affinity, within its control group's
   quota. */
DXDW_API int dxdw_cpus(void);

/* The instruction set chosen when the library was loaded: "amx", "avx512", "avx2" or "base". */
DXDW_API const char *dxdw_isa(void);

/* Those that this machine has, the best first, with blanks between. */
DXDW_API const char *dxdw_isas(void);

/* Products that this instruction set adds up at once: float32 in a vector, twice as many where a
   multiplication and an addition are one operation. */
DXDW_API int dxdw_products_at_once(void);

/* What block sizes follow from, in words: the machine's caches. */
DXDW_API const char *dxdw_machine(void);

/* Empty, or a sentence: DXDW_ISA names one that is not there, and which is used instead. */
DXDW_API const char *dxdw_isa_note(void);

/* What the machine can do, measured for about 50 ms: FLOP/s of independent multiply-adds in
   registers (dtype 0: float32, 1: float64), and bytes/s read and written of arrays beyond the
   caches; 0 where there is no memory for these. */
DXDW_API double dxdw_peak(int dtype, int threads);
DXDW_API double dxdw_bandwidth(int threads);

#ifdef DXDW_TESTING
/* Refuses the nth allocation (or new thread) from now, once; 0: none. */
DXDW_API void dxdw_fail_allocation(int64_t nth);
/* Whether that one has not come yet. */
DXDW_API int dxdw_allocation_left(void);
/* Sends so many SIGINT, the first at the nth boundary from now, one at each; 0: none. Returns how many
   boundaries the one before was still away: not above 0 where it came. */
DXDW_API int64_t dxdw_signal_at(int64_t nth, int64_t signals);
/* Blocks of scratch memory, and jobs, that have not been given back. */
DXDW_API int64_t dxdw_live_blocks(void);
/* The most bytes of them at a time since the last such question. */
DXDW_API int64_t dxdw_most_bytes(void);
#endif

#ifdef __cplusplus
}
#endif
#endif
