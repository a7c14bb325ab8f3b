// The operators of the domain ai.snn: names, operands, kernels. Contract: converters/onnx/README.md

#pragma once

#include <memory>
#include <string>

#include "layer.h"
#include "neurons.h"
#include "ort.h"

namespace snn {

// Which operator: its name says all that its meaning depends on.
struct Variant {
  enum class Product { kNone, kConv, kLinear };
  Product product;
  bool neuron;
  bool integer;
  bool synapse;
  Reset reset;
  bool delayed;
  bool strict;
  bool sequence;

  std::string name() const;
  int states() const { return neuron ? 1 + synapse : 0; }
};

using Made = std::unique_ptr<Operation>;
Made make_product(const Variant& variant, const Info& info, Problem& problem);
Made make_integer_neuron(const Variant& variant, const Info& info, Problem& problem);
Made make_float_neuron(const Variant& variant, const Info& info, Problem& problem);

// What integer neurons are told: decays and thresholds.
struct NeuronOperands {
  Neuron neuron;
  std::vector<int32_t> threshold;  // [channels]
  std::vector<int32_t> bias;       // [channels], or [positions, channels]
  int64_t bias_positions;          // 1, or how many positions
  Tensor bias_shape;

  // first: the number of the operand `threshold`; `bias` follows it.
  Problem read(const Variant& variant, const Info& info, size_t first, int64_t channels);

  // A bias of positions is one of these maps', [B, *L, channels].
  Problem check_bias(const Tensor& like) const;
};

// The state operand `number` and the result of its own, both [B, ...] as `like`; a sequence may
// begin with one value for all and may drop what it ends with.
Problem read_state(Context& context, size_t input, size_t output, const char* name,
                   const Tensor& like, bool sequence, State& state);

// x of a step, without T: the shape of states.
Tensor without_time(const Tensor& x);

// Operands that are [channels] or [1], as one value a channel.
Problem read_channels(const Info& info, size_t input, const char* name, int64_t channels,
                      std::vector<int32_t>& values);

}  // namespace snn
