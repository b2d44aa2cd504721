// The shapes of register tiles, by the vector registers that the instruction set has. Sums must outnumber
// the cycles of a multiplication, with registers left for what is loaded and broadcast.
#pragma once
#include "machine/vector.h"

namespace dxdw {
namespace {

// Sums of a tile whose operands are both loaded by vectors, and vectors in a line of it.
constexpr Index kAccumulators = DXDW_REGISTERS / 4 * 3;
constexpr Index kVectors = DXDW_REGISTERS / 8;
// Channels and rows of such a tile: 12 and 6 at the most have been of use.
constexpr Index kMostChannels = 12;
constexpr Index kMostRows = 6;

// Of a tile that broadcasts what it reads: all but a line of weights and one value are sums.
constexpr Index kChannelSums = DXDW_REGISTERS - 4;
constexpr Index kMostPositions = DXDW_REGISTERS / 2 - 2;

// Of a tile of dot products: operands on the left are held, one on the right is loaded.
constexpr Index kMostLeft = 6, kMostRight = 12;
constexpr Index kPositionSums = DXDW_REGISTERS == 32 ? 24 : 10;

// Destination rows of a depthwise tile. Images of 7, 14, 28, 56, … rows are common, and others end in
// fours. dW has a vector of sums for each tap besides.
constexpr int kTall = 7, kLow = 4;
constexpr int kRowsOfWeights = DXDW_REGISTERS == 32 ? kTall : kLow;

// Independent sums that hide the latency of each on any CPU of today.
constexpr int kIndependent = DXDW_REGISTERS == 32 ? 16 : 10;

}  // namespace
}  // namespace dxdw
