// What neurons compute. Included by every instruction set's file, so that each compiles these
// loops for itself; the compiler makes them vectors.
//
// The equations and the order of their operations are those of converters/onnx/README.md.

#pragma once

#include <cstddef>
#include <cstdint>

namespace snn {

enum class Reset { kHard, kSoft, kNone };  // numbered as the attribute `reset` is

// Loihi's neuron. Potentials are kept in place: they hold the state before a call and after it.
struct Neuron {
  Reset reset;
  bool synapse;              // the current is a state
  int32_t keep_v;            // 4096 - voltage_decay
  int32_t keep_u;            // 4096 - current_decay
  int32_t at_equality;       // of soft resets: the threshold was made one less
  int32_t* v;                // [count][row]
  int32_t* u;                // [count][row], with `synapse`
  uint8_t* spikes;           // [count][row]; written
  const int32_t* threshold;  // [lanes]
  const int32_t* bias;       // [lanes], or [count][lanes]
  ptrdiff_t bias_row;        // from a pixel to the next: 0, or as many as there are channels
};

// What becomes of sums: shift, bias, what is added from elsewhere, and the neuron.
// Pixels follow each other, [pixel][channel] with `row` channels; pointers are at the first ones.
struct Finish {
  const int32_t* sums;  // [count][sums_row]
  ptrdiff_t sums_row;
  int count;
  int lanes;               // channels to work on, 1 or more
  ptrdiff_t row;           // channels of a pixel in all tensors below
  const int32_t* shift;    // [lanes]: times 2^shift, halves away from zero; or null
  const int32_t* bias;     // [lanes], or null
  const int32_t* addend;   // [count][row], or null
  int32_t* product;        // [count][row]: sums, shifted, with bias; or null
  int32_t* current;        // [count][row]: with the addend too; or null
  const Neuron* neuron;    // or null
};

// A neuron of real numbers, over any number of elements; in and out may be the same memory.
struct FloatNeuron {
  Reset reset;
  bool synapse;
  bool delayed;  // a soft reset is taken off at the next step
  bool strict;   // fires above the threshold, otherwise at it too
  float membrane_keep;
  float membrane_gain;
  float bias;
  float threshold;
  float v_reset;
  float synapse_keep;
  const float* x;
  const float* v;
  const float* i;  // with `synapse`
  float* s;
  float* v_out;
  float* i_out;  // with `synapse`
  size_t count;
};

// v * keep / 4096, rounded towards zero; |v| < 2^31, 0 <= keep <= 4096.
static inline int32_t decayed(int32_t v, int32_t keep) {
  const uint32_t size = v < 0 ? 0u - static_cast<uint32_t>(v) : static_cast<uint32_t>(v);
  const uint32_t share = static_cast<uint32_t>(keep);
  const uint32_t kept = (size >> 12) * share + (((size & 4095u) * share) >> 12);
  return static_cast<int32_t>(v < 0 ? 0u - kept : kept);
}

// x * 2^shift, halves away from zero, modulo 2^32; -31 <= shift <= 31.
static inline int32_t shifted(int32_t x, int32_t shift) {
  const int left = shift > 0 ? shift : 0;
  const int right = shift < 0 ? -shift : 0;
  const uint32_t half = (1u << right) >> 1;
  const uint32_t size = x < 0 ? 0u - static_cast<uint32_t>(x) : static_cast<uint32_t>(x);
  const uint32_t moved = ((size << left) + half) >> right;
  return static_cast<int32_t>(x < 0 ? 0u - moved : moved);
}

static inline int32_t wrapped(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

static inline int32_t negated(int32_t a) { return static_cast<int32_t>(0u - static_cast<uint32_t>(a)); }

constexpr int32_t kHighest = (1 << 23) - 1;

}  // namespace snn
