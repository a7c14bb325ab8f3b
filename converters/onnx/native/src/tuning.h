// What the inner loops cost on this machine, measured once in a process.

#pragma once

#include "kernels.h"

namespace snn {

struct Tuning {
  // By vectors of a panel, 1 to 4; in nanoseconds.
  double quad[kMostVectors + 1];   // of one pixel's four inputs, dense
  double event[kMostVectors + 1];  // of one spike
  double tap[kMostVectors + 1];    // of one pixel's tap without spikes
  double listed;                   // of one input, to look for a spike
};

// Takes about a millisecond the first time.
const Tuning& tuning(const Kernels& kernels);

}  // namespace snn
