// A layer: products of a map with weights, what is added to them, and the neurons that read them.

#pragma once

#include <vector>

#include "geometry.h"
#include "input.h"
#include "kernels.h"
#include "pool.h"
#include "weights.h"

namespace snn {

// A state of the neurons, [B, positions, outputs].
struct State {
  const int32_t* before;  // or one value for all of them
  bool one;
  int32_t* after;  // null where nobody wants it; may be `before`
};

struct Neurons {
  Neuron neuron;  // its pointers are set for each part of the map
  State v;
  State u;                   // with a synapse
  const int32_t* threshold;  // [outputs]
  const int32_t* bias;       // [outputs], or [positions of a map, outputs]
  bool bias_of_positions;
  uint8_t* spikes;  // [T, B, positions, outputs]
};

// Tensors of one call; T is 1 of a single step. B maps a step.
struct Tensors {
  Type type;
  const void* x;  // [T, B, ...], or [B, ...] where `repeated`
  Map map;        // of x in one step
  int64_t steps;
  bool repeated;  // x is the same at every step
  const int32_t* addend;  // [T, B, positions, outputs], [B, ...], or null
  bool addend_repeated;
  int32_t* current;  // with the addend: [T, B, ...], [B, ...] where all is repeated, or null
  int32_t* product;  // without it: [T, B, ...], [B, ...] where repeated, or null
  const Neurons* neurons;  // or null
};

// When rows are added for spikes instead of multiplying everything.
enum class WhenSparse { kFaster, kNever, kAlways };

struct Job;

class Layer {
 public:
  Layer(const Kernels& kernels, const Kernel& kernel, WhenSparse when)
      : kernels_(kernels), kernel_(kernel), when_(when) {}

  // matrix: [taps * inputs of a group][outputs]; shift, bias: [outputs], or empty.
  bool prepare(const int8_t* matrix, std::vector<int32_t> shift, std::vector<int32_t> bias);

  const Kernel& kernel() const { return kernel_; }

  // Returns false without memory.
  bool run(const Tensors& tensors, Pool& pool) const;

 private:
  bool take_input(Job& job, const Range& range, const Map& from, Pool& pool) const;
  bool deal(const Job& job, double cost, Pool& pool) const;
  bool sparse_is_faster(const Range& range, const Map& from, const Map& to) const;
  bool is_narrow(const Range& range) const;

  const Kernels& kernels_;
  Kernel kernel_;
  WhenSparse when_;
  Weights weights_;
  std::vector<int32_t> shift_;
  std::vector<int32_t> bias_;
};

}  // namespace snn
