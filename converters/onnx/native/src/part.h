// A part of a layer: what one thread computes without asking anybody.

#pragma once

#include <vector>

#include "input.h"
#include "layer.h"

namespace snn {

constexpr int kSparsePixels = 32;  // outputs that are added up at once

// One call, as all of its parts see it.
struct Job {
  const Kernels& kernels;
  const Kernel& kernel;
  const Weights& weights;
  const Tensors& tensors;
  const int32_t* shift;
  const int32_t* bias;
  Map out;  // of one step
  Bordered in;  // of all steps of x
  bool sparse;
  bool narrow;
  int64_t low;
  Bytes bytes;
  Events events;
  std::vector<int32_t> taps;  // in the unit of the path that is taken

  int64_t positions() const { return out.positions(); }
  // Pixels of the packed input from a step to the next.
  int64_t step_pixels() const { return in.map.positions() / (tensors.repeated ? 1 : tensors.steps); }
  int64_t most_pixels() const { return sparse ? kSparsePixels : kernels.pixels; }
};

// Computes the outputs of a panel from `begin` to `end`, in all steps. False without memory.
bool run_part(const Job& job, const Panel& panel, int64_t begin, int64_t end);

}  // namespace snn
