// ConvInt, LinearInt, ConvLIFInt, LinearLIFInt, … : a product, an addend, a neuron.

#include <cstdlib>
#include <cstring>

#include "isa.h"
#include "operators.h"

namespace snn {
namespace {

enum Input : size_t { kX, kWeight, kShift, kBias, kFirstState };

constexpr int64_t kMostChannels = 65535;  // spikes are listed as 16-bit numbers
constexpr int64_t kMostTaps = 1 << 16;

WhenSparse when_sparse() {
  const char* wanted = std::getenv("SNN_OPS_EVENTS");
  if (wanted && std::strcmp(wanted, "always") == 0) return WhenSparse::kAlways;
  if (wanted && std::strcmp(wanted, "never") == 0) return WhenSparse::kNever;
  return WhenSparse::kFaster;
}

bool type_of(const Tensor& tensor, Type& type) {
  switch (tensor.type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      type = Type::kUint8;
      return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
      type = Type::kInt8;
      return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      type = Type::kInt32;
      return true;
    default:
      return false;
  }
}

// Attributes of a sliding kernel, all of which a file must give.
Problem read_kernel(const Info& info, Kernel& kernel, int& axes) {
  std::vector<int64_t> size, stride, pads, dilation;
  if (!info.get("kernel_shape", size) || !info.get("strides", stride) ||
      !info.get("pads", pads) || !info.get("dilations", dilation) ||
      !info.get("group", kernel.groups)) {
    return "attributes kernel_shape, strides, pads, dilations and group are needed";
  }
  axes = static_cast<int>(size.size());
  if (axes < 1 || axes > 2 || stride.size() != size.size() || dilation.size() != size.size() ||
      pads.size() != 2 * size.size()) {
    return "kernels slide along one axis or two; strides and dilations need as many numbers as "
           "kernel_shape, pads twice as many";
  }
  for (int axis = 0; axis < axes; ++axis) {
    const int to = axis + 2 - axes;  // one axis is that of columns
    kernel.size[to] = size[axis];
    kernel.stride[to] = stride[axis];
    kernel.dilation[to] = dilation[axis];
    kernel.before[to] = pads[axis];
    kernel.after[to] = pads[axes + axis];
    constexpr int64_t kMost = 1 << 20;
    for (const int64_t positive : {size[axis], stride[axis], dilation[axis]}) {
      if (positive < 1 || positive > kMost) return "kernel_shape, strides, dilations must be > 0";
    }
    for (const int64_t pad : {pads[axis], pads[axes + axis]}) {
      if (pad < 0 || pad > kMost) return "pads must not be negative";
    }
  }
  if (kernel.taps() > kMostTaps) return "the kernel has more than 65536 positions";
  if (kernel.groups < 1) return "group must be > 0";
  return {};
}

class ProductOperation final : public Operation {
 public:
  explicit ProductOperation(const Variant& variant) : variant_(variant) {}

  Problem prepare(const Info& info);
  Problem run(Context& context, Pool& pool) const override;

 private:
  size_t after_neuron() const {
    return kFirstState + (variant_.neuron ? variant_.states() + 2 : 0);
  }
  Problem read_x(const Tensor& x, Tensors& t) const;
  Tensor result_shape(const Tensors& t, const Map& out, bool steps) const;
  Problem run_with_neurons(Context& context, Pool& pool, const Tensor& like, Tensors& t) const;

  Variant variant_;
  int axes_ = 0;
  int64_t steps_ = 0;  // of an x that is the same at every step
  std::unique_ptr<Layer> layer_;
  NeuronOperands neuron_;
};

Problem ProductOperation::prepare(const Info& info) {
  Kernel kernel;
  if (variant_.product == Variant::Product::kConv) {
    if (Problem problem = read_kernel(info, kernel, axes_); !problem.empty()) return problem;
  }
  if (variant_.sequence && (!info.get("steps", steps_) || steps_ < 0)) {
    return "attribute steps must be 0, or how often x is seen";
  }
  const Tensor weight = info.constant(kWeight);
  if (!weight.data || weight.rank != 2 || weight.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8) {
    return "weight must be an int8 initializer of two axes";
  }
  const int64_t rows = weight.shape[0];
  kernel.outputs = weight.shape[1];
  if (rows == 0 || kernel.outputs == 0 || rows % kernel.taps() || kernel.outputs % kernel.groups) {
    return "weight is " + text(weight) + "; its rows must be a multiple of " +
           std::to_string(kernel.taps()) + ", its columns of " + std::to_string(kernel.groups);
  }
  kernel.inputs = rows / kernel.taps() * kernel.groups;
  if (kernel.group_inputs() > kMostChannels) return "more than 65535 input channels of a group";
  std::vector<int32_t> shift, bias;
  Problem problem = read_channels(info, kShift, "shift", kernel.outputs, shift);
  if (problem.empty()) problem = read_channels(info, kBias, "bias", kernel.outputs, bias);
  if (problem.empty() && variant_.neuron) {
    problem = neuron_.read(variant_, info, kFirstState + variant_.states(), kernel.outputs);
  }
  if (!problem.empty()) return problem;
  bool shifts = false, biased = false;
  for (const int32_t by : shift) {
    if (by < -31 || by > 31) return "shifts must lie between -31 and 31";
    shifts = shifts || by != 0;
  }
  for (const int32_t value : bias) biased = biased || value != 0;
  if (!shifts) shift.clear();
  if (!biased) bias.clear();
  layer_ = std::make_unique<Layer>(chosen_kernels(), kernel, when_sparse());
  const auto* matrix = static_cast<const int8_t*>(weight.data);
  return layer_->prepare(matrix, std::move(shift), std::move(bias)) ? Problem() : "out of memory";
}

// x is [(T,) B, *L, I], and without T where it is the same at every step.
Problem ProductOperation::read_x(const Tensor& x, Tensors& t) const {
  if (!x.data || !type_of(x, t.type)) return "x must be uint8, int8 or int32";
  const bool timed = variant_.sequence && steps_ == 0;
  const int first = timed ? 1 : 0;
  if (x.rank != first + 1 + axes_ + 1) {
    return "x is " + text(x) + "; it must have " + std::to_string(first + axes_ + 2) + " axes";
  }
  const Kernel& kernel = layer_->kernel();
  if (x.shape[x.rank - 1] != kernel.inputs) {
    return "x is " + text(x) + "; its last axis must have " + std::to_string(kernel.inputs);
  }
  t.x = x.data;
  t.steps = timed ? x.shape[0] : variant_.sequence ? steps_ : 1;
  t.repeated = variant_.sequence && !timed;
  t.map = {x.shape[first], axes_ > 1 ? x.shape[first + 1] : 1, axes_ ? x.shape[x.rank - 2] : 1};
  if (t.steps == 0) return "x has no steps";
  // Of real numbers: what a file or a caller says may be too much for any integer.
  const double maps = static_cast<double>(t.map.count) * static_cast<double>(t.steps);
  const auto rows = static_cast<double>(t.map.rows + kernel.before[0] + kernel.after[0]);
  const auto columns = static_cast<double>(t.map.columns + kernel.before[1] + kernel.after[1]);
  if (maps * rows * columns * static_cast<double>(kernel.inputs + 4 * kernel.groups) > INT32_MAX) {
    return "x is " + text(x) + "; more than 2^31 inputs at once are not possible";
  }
  return {};
}

Tensor ProductOperation::result_shape(const Tensors& t, const Map& out, bool steps) const {
  Tensor found;
  if (steps) found.shape[found.rank++] = t.steps;
  found.shape[found.rank++] = t.map.count;
  if (axes_ > 1) found.shape[found.rank++] = out.rows;
  if (axes_ > 0) found.shape[found.rank++] = out.columns;
  found.shape[found.rank++] = layer_->kernel().outputs;
  return found;
}

Problem ProductOperation::run(Context& context, Pool& pool) const {
  const Tensor x = context.input(kX);
  Tensors t = {};
  if (Problem problem = read_x(x, t); !problem.empty()) return problem;
  const Map out = slid(layer_->kernel(), t.map);
  if (t.map.count > 0 && (out.rows < 1 || out.columns < 1)) {
    return "x is " + text(x) + "; the kernel is larger than it";
  }
  const Tensor once = result_shape(t, out, false);
  const Tensor always = result_shape(t, out, variant_.sequence);
  const Tensor& product = t.repeated ? once : always;
  const Tensor addend = context.input(after_neuron());
  if (addend.data) {
    const bool timed = addend.rank == always.rank;
    const Tensor& wanted = timed && !t.repeated ? always : once;
    bool same = addend.rank == wanted.rank && addend.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    for (int axis = 0; axis < wanted.rank && same; ++axis) {
      same = addend.shape[axis] == wanted.shape[axis];
    }
    if (!same) return "addend is " + text(addend) + "; it must be int32 " + text(wanted);
    t.addend = static_cast<const int32_t*>(addend.data);
    t.addend_repeated = variant_.sequence && (t.repeated || !timed);
  }
  const size_t sums = variant_.neuron ? 1 + variant_.states() : 0;
  t.current = static_cast<int32_t*>(
      context.output(sums, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, product.shape, product.rank).data);
  t.product = static_cast<int32_t*>(
      context.output(sums + 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, product.shape, product.rank)
          .data);
  if (variant_.neuron) return run_with_neurons(context, pool, always, t);
  return layer_->run(t, pool) ? Problem() : "out of memory";
}

Problem ProductOperation::run_with_neurons(Context& context, Pool& pool, const Tensor& like,
                                           Tensors& t) const {
  Neurons neurons = {};
  neurons.neuron = neuron_.neuron;
  neurons.threshold = neuron_.threshold.data();
  neurons.bias = neuron_.bias.data();
  neurons.bias_of_positions = neuron_.bias_positions != 1;
  const Tensor of_state = variant_.sequence ? without_time(like) : like;
  Problem problem = neuron_.check_bias(of_state);
  if (problem.empty()) {
    problem = read_state(context, kFirstState, 1, "v", of_state, variant_.sequence, neurons.v);
  }
  if (problem.empty() && variant_.synapse) {
    problem = read_state(context, kFirstState + 1, 2, "u", of_state, variant_.sequence, neurons.u);
  }
  if (!problem.empty()) return problem;
  neurons.spikes = static_cast<uint8_t*>(
      context.output(0, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, like.shape, like.rank).data);
  if (!neurons.spikes) return "out of memory";
  t.neurons = &neurons;
  return layer_->run(t, pool) ? Problem() : "out of memory";
}

}  // namespace

Made make_product(const Variant& variant, const Info& info, Problem& problem) {
  auto made = std::make_unique<ProductOperation>(variant);
  problem = made->prepare(info);
  return made;
}

}  // namespace snn
