// What the machine can do, to compare the kernels with.
#pragma once

namespace dxdw {

double peak(int dtype, int threads);  // FLOP/s; dtype 0: float32, 1: float64
double bandwidth(int threads);        // bytes/s read and written; 0 where there is no memory

}  // namespace dxdw
