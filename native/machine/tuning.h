// The machine, as far as block sizes and the split into pieces depend on it: found once, when the
// library is loaded. Whatever a kernel keeps in a cache is a part of that cache, written here.
//
// The parts were found on a Zen 4 (32 KiB, 1 MiB, 32 MiB). Where dW's sums are cut follows from those
// sizes on every machine, for its bits are to be the same on all of one instruction set.
#pragma once
#include <stdint.h>

namespace dxdw {

struct Tuning {
  // Bytes of a core's own data caches, and of the last one, which cores share.
  int64_t l1, l2, l3;

  // Bytes that are to stay in a cache, and the part of it that they are.
  int64_t band;            // l2 / 4: source rows of a piece of work, with room for weights beside
  int64_t strip;           // l2 / 16: sums of a strip of positions, until they are written
  int64_t weights;         // l2 / 4: weights that every tile of a strip reads
  int64_t thin;            // l1 / 2: and what thin tiles read
  int64_t passing;         // l2 / 2: a group's weights beyond that pass through; so much source stays
  int64_t frequencies;     // l2 · 5/16: Winograd's of a piece; those of the result stay beside
  int64_t shared_weights;  // l3 · 5/32: transformed weights that are made once
  int64_t shared_images;   // l3 / 4: transformed images that threads read with weights of their own
  int64_t chunk_sums;      // l2 · 25/64: dW by Winograd, the sums of a chunk,
  int64_t chunk;           // l2 · 3/8: its frequencies at a time,
  int64_t group;           // l3 / 8: and those of a group
  int64_t past_caches;     // l3 / 2: beyond that, a result is written past the caches
  int64_t plane_rows;      // l1 / 2: rows of a plane that a depthwise kernel reads and writes
  int64_t plane_sums;      // l1 / 4: and its vectors of sums

  // Scratch memory that a call may take beside as much as its tensors: BESIDE_OPERANDS of native.py.
  int64_t beside = 8 << 20;

  // Operations below which a second thread costs more than it saves: a woken thread begins after 5 to
  // 50 µs, in which a core does 2 MFLOP. And those of a piece, beside which handing it out is nothing.
  static constexpr int64_t serial = 2'000'000, piece = 300'000;
  // Pieces of a large problem at the least, so that many threads share it evenly.
  static constexpr int64_t pieces = 16;
  // Bytes from what is read to what is asked for, where a core doesn't foresee it; and of a plane that
  // it does, within a page.
  static constexpr int64_t ahead_of_tile = 128, ahead_of_copy = 2048, foreseen = 4 << 10;
};

const Tuning &tuning();

// The same of that Zen 4, for whatever decides in which order numbers are added.
const Tuning &nominal();

#if defined(DXDW_TESTING)
// As if the machine had these.
void pretend(int64_t l1, int64_t l2, int64_t l3);
#endif

// The caches in words.
const char *tuning_in_words();

}  // namespace dxdw
