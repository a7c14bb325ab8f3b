// Reading what several operators take: decays, thresholds, states.

#include "operators.h"

namespace snn {
namespace {

constexpr int64_t kWhole = 4096;

Problem read_decay(const Info& info, const char* name, int32_t& keep) {
  int64_t decay = 0;
  if (!info.get(name, decay)) return std::string("attribute ") + name + " is missing";
  if (decay < 0 || decay > kWhole) {
    return std::string("attribute ") + name + " is " + std::to_string(decay) +
           "; 0 to 4096 are possible";
  }
  keep = static_cast<int32_t>(kWhole - decay);
  return {};
}

// Behind a product the reset is an attribute, alone it is a part of the operator's name.
Problem read_reset(const Variant& variant, const Info& info, Reset& reset) {
  reset = variant.reset;
  if (variant.product == Variant::Product::kNone) return {};
  int64_t number = 0;
  if (!info.get("reset", number) || number < 0 || number > 2) {
    return "attribute reset must be 0 (hard), 1 (soft) or 2 (none)";
  }
  reset = static_cast<Reset>(number);
  return {};
}

Problem not_constant(const char* name) {
  return std::string(name) + " must be an int32 initializer";
}

}  // namespace

Problem read_channels(const Info& info, size_t input, const char* name, int64_t channels,
                      std::vector<int32_t>& values) {
  const Tensor found = info.constant(input);
  if (!found.data || found.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) return not_constant(name);
  if (!found.is({1}) && !found.is({channels})) {
    return std::string(name) + " is " + text(found) + "; it must be [1] or [" +
           std::to_string(channels) + "]";
  }
  const auto* data = static_cast<const int32_t*>(found.data);
  values.resize(channels);
  for (int64_t c = 0; c < channels; ++c) values[c] = data[found.shape[0] == 1 ? 0 : c];
  return {};
}

Problem NeuronOperands::read(const Variant& variant, const Info& info, size_t first,
                             int64_t channels) {
  neuron = {};
  neuron.synapse = variant.synapse;
  if (Problem problem = read_reset(variant, info, neuron.reset); !problem.empty()) return problem;
  if (Problem problem = read_decay(info, "voltage_decay", neuron.keep_v); !problem.empty()) {
    return problem;
  }
  if (variant.synapse) {
    Problem problem = read_decay(info, "current_decay", neuron.keep_u);
    if (!problem.empty()) return problem;
  }
  if (neuron.reset == Reset::kSoft) {
    int64_t at_equality = 0;
    if (!info.get("at_equality", at_equality) || at_equality < 0 || at_equality > 1) {
      return "attribute at_equality must be 0 or 1";
    }
    neuron.at_equality = static_cast<int32_t>(at_equality);
  }
  Problem problem = read_channels(info, first, "threshold", channels, threshold);
  if (!problem.empty()) return problem;
  const Tensor found = info.constant(first + 1);
  bias_shape = found;
  if (found.rank < 2) {
    bias_positions = 1;
    return read_channels(info, first + 1, "the neurons' bias", channels, bias);
  }
  if (!found.data || found.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) {
    return not_constant("the neurons' bias");
  }
  if (found.rank > kMostAxes || found.shape[found.rank - 1] != channels) {
    return "the neurons' bias is " + text(found) + "; its last axis must have " +
           std::to_string(channels);
  }
  bias_positions = found.count(0, found.rank - 1);
  const auto* data = static_cast<const int32_t*>(found.data);
  bias.assign(data, data + found.count());
  return {};
}

Problem NeuronOperands::check_bias(const Tensor& like) const {
  if (bias_positions == 1) return {};
  bool same = bias_shape.rank + 1 == like.rank;
  for (int axis = 0; axis < bias_shape.rank && same; ++axis) {
    same = bias_shape.shape[axis] == like.shape[axis + 1];
  }
  if (same) return {};
  return "the neurons' bias is " + text(bias_shape) + ", the neurons are " + text(like);
}

Tensor without_time(const Tensor& x) {
  Tensor found = x;
  --found.rank;
  for (int axis = 0; axis < found.rank; ++axis) found.shape[axis] = x.shape[axis + 1];
  return found;
}

Problem read_state(Context& context, size_t input, size_t output, const char* name,
                   const Tensor& like, bool sequence, State& state) {
  const Tensor before = context.input(input);
  if (!before.data || before.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) {
    return std::string("state ") + name + " must be int32";
  }
  bool same = before.rank == like.rank;
  for (int axis = 0; axis < like.rank && same; ++axis) {
    same = before.shape[axis] == like.shape[axis];
  }
  state.one = sequence && !same && before.is({1});
  if (!same && !state.one) {
    return std::string("state ") + name + " is " + text(before) + "; it must be " + text(like);
  }
  const Tensor after =
      context.output(output, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, like.shape, like.rank);
  if (!after.data && !sequence) return std::string("state ") + name + " has no room";
  state.before = static_cast<const int32_t*>(before.data);
  state.after = static_cast<int32_t*>(after.data);
  return {};
}

}  // namespace snn
