// LIF, LIFSeq, LIFInt, CubaLIFIntSoftSeq, … : neurons that no product stands in front of.

#include <algorithm>
#include <atomic>
#include <cstring>

#include "isa.h"
#include "operators.h"
#include "scratch.h"

namespace snn {
namespace {

// Elements of a part: what it reads and writes stays in a processor's first cache.
constexpr int64_t kPart = 2048;
// Fewer than so many are not worth another thread.
constexpr int64_t kFew = 1 << 16;

// Calls work(begin, end) for parts of [0, count).
template <typename Work>
void each_part(int64_t count, int64_t at_once, int64_t steps, Pool& pool, const Work& work) {
  const int64_t parts = (count + at_once - 1) / at_once;
  const int64_t together = std::max<int64_t>(1, kFew / (at_once * std::max<int64_t>(1, steps)));
  const int64_t calls = std::max<int64_t>(1, (parts + together - 1) / together);
  pool.each(calls, [&](size_t call) {
    const int64_t last = std::min<int64_t>(parts, (call + 1) * together);
    for (int64_t part = call * together; part < last; ++part) {
      work(part * at_once, std::min(count, (part + 1) * at_once));
    }
  });
}

class IntegerNeuron final : public Operation {
 public:
  explicit IntegerNeuron(const Variant& variant) : variant_(variant) {}

  Problem prepare(const Info& info) {
    const size_t threshold = 1 + variant_.states();
    const Tensor level = info.constant(threshold), bias = info.constant(threshold + 1);
    if (!level.data || !bias.data) return "threshold and bias must be int32 initializers";
    if (bias.rank > kMostAxes) return "the neurons' bias has more than 8 axes";
    channels_ = std::max(level.count(), bias.rank ? bias.shape[bias.rank - 1] : 1);
    return operands_.read(variant_, info, threshold, channels_);
  }

  Problem run(Context& context, Pool& pool) const override {
    const Tensor x = context.input(0);
    if (!x.data || x.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) return "x must be int32";
    const int first = variant_.sequence ? 1 : 0;
    if (x.rank > kMostAxes) return "x has more than 8 axes";
    if (x.rank < first + 2) return "x is " + text(x) + "; axes are missing";
    const int64_t channels = x.shape[x.rank - 1];
    const int64_t positions = x.count(first + 1, x.rank - 1);
    if (!alike() && channels_ != channels) {
      return "x is " + text(x) + "; its last axis must have " + std::to_string(channels_);
    }
    const Tensor like = variant_.sequence ? without_time(x) : x;
    State v = {}, u = {};
    Problem problem = operands_.check_bias(like);
    if (problem.empty()) problem = read_state(context, 1, 1, "v", like, variant_.sequence, v);
    if (problem.empty() && variant_.synapse) {
      problem = read_state(context, 2, 2, "u", like, variant_.sequence, u);
    }
    if (!problem.empty()) return problem;
    auto* spikes = static_cast<uint8_t*>(
        context.output(0, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, x.shape, x.rank).data);
    if (!spikes) return "out of memory";
    const int64_t steps = variant_.sequence ? x.shape[0] : 1;
    const Call call = {static_cast<const int32_t*>(x.data), spikes, steps, like.count(),
                       channels, positions, v, u};
    return walk(call, pool) ? Problem() : "out of memory";
  }

 private:
  struct Call {
    const int32_t* x;
    uint8_t* spikes;
    int64_t steps, count, channels, positions;
    State v, u;
  };

  // One threshold and one bias for all.
  bool alike() const { return channels_ == 1 && operands_.bias_positions == 1; }

  bool walk(const Call& c, Pool& pool) const {
    if (c.count == 0) return true;
    // Elements that are alike are channels of one pixel, whatever the shape says.
    const int64_t channels = alike() ? 1 : c.channels;
    std::atomic<bool> failed{false};
    const int64_t pixels = std::max<int64_t>(1, kPart / channels);
    each_part(c.count / channels, pixels, c.steps * channels, pool,
              [&](int64_t begin, int64_t end) {
                if (!walk_part(c, channels, begin, end)) failed = true;
              });
    return !failed;
  }

  // All steps of the pixels from `begin` to `end`.
  bool walk_part(const Call& c, int64_t channels, int64_t begin, int64_t end) const {
    static thread_local Scratch v_scratch, u_scratch;
    Neuron neuron = operands_.neuron;
    const int64_t first = begin * channels, count = (end - begin) * channels;
    neuron.v = begun(c.v, first, count, v_scratch);
    neuron.u = variant_.synapse ? begun(c.u, first, count, u_scratch) : nullptr;
    if (!neuron.v || (variant_.synapse && !neuron.u)) return false;
    for (int64_t step = 0; step < c.steps; ++step) {
      const int64_t at = step * c.count + first;
      neuron.spikes = c.spikes + at;
      alike() ? finish_alike(neuron, c.x + at, count) : finish(neuron, c, at, begin, end);
    }
    return true;
  }

  static int32_t* begun(const State& state, int64_t first, int64_t count, Scratch& scratch) {
    int32_t* kept = state.after ? state.after + first
                                : static_cast<int32_t*>(scratch.take(count * sizeof(int32_t)));
    if (!kept) return nullptr;
    if (state.one) {
      std::fill_n(kept, count, *state.before);
    } else if (state.before + first != kept) {
      std::memcpy(kept, state.before + first, count * sizeof(int32_t));
    }
    return kept;
  }

  // Rows of equal thresholds, as long as the loops work on at once.
  void finish_alike(Neuron neuron, const int32_t* x, int64_t count) const {
    constexpr int kRow = kLanes * kMostVectors;
    int32_t threshold[kRow], bias[kRow];
    std::fill_n(threshold, kRow, operands_.threshold[0]);
    std::fill_n(bias, kRow, operands_.bias[0]);
    neuron.threshold = threshold;
    neuron.bias = bias;
    Finish f = {};
    f.sums = x;
    f.sums_row = f.row = f.lanes = kRow;
    f.count = static_cast<int>(count / kRow);
    f.neuron = &neuron;
    chosen_kernels().finish(f);
    const int64_t done = count / kRow * kRow;
    if (done == count) return;
    neuron.v += done;
    if (neuron.u) neuron.u += done;
    neuron.spikes += done;
    f.sums = x + done;
    f.count = 1;
    f.lanes = static_cast<int>(count - done);
    chosen_kernels().finish(f);
  }

  // A bias of positions begins anew with every sample.
  void finish(Neuron neuron, const Call& c, int64_t at, int64_t begin, int64_t end) const {
    Finish f = {};
    f.sums = c.x + at;
    f.sums_row = f.row = c.channels;
    f.lanes = static_cast<int>(c.channels);
    f.neuron = &neuron;
    neuron.threshold = operands_.threshold.data();
    neuron.bias = operands_.bias.data();
    if (operands_.bias_positions == 1) {
      f.count = static_cast<int>(end - begin);
      return chosen_kernels().finish(f);
    }
    neuron.bias_row = c.channels;
    f.count = 1;
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      neuron.bias = operands_.bias.data() + pixel % c.positions * c.channels;
      chosen_kernels().finish(f);
      f.sums += c.channels;
      neuron.v += c.channels;
      if (neuron.u) neuron.u += c.channels;
      neuron.spikes += c.channels;
    }
  }

  Variant variant_;
  int64_t channels_ = 1;  // 1 where one threshold and one bias are for all
  NeuronOperands operands_;
};

class RealNeuron final : public Operation {
 public:
  explicit RealNeuron(const Variant& variant) : variant_(variant) {}

  Problem prepare(const Info& info) {
    FloatNeuron& n = neuron_;
    n.reset = variant_.reset;
    n.synapse = variant_.synapse;
    n.delayed = variant_.delayed;
    n.strict = variant_.strict;
    n.membrane_gain = n.threshold = 1;
    if (!info.get("membrane_keep", n.membrane_keep)) return "attribute membrane_keep is missing";
    if (n.synapse && !info.get("synapse_keep", n.synapse_keep)) {
      return "attribute synapse_keep is missing";
    }
    info.get("membrane_gain", n.membrane_gain);
    info.get("bias", n.bias);
    info.get("threshold", n.threshold);
    info.get("v_reset", n.v_reset);
    return {};
  }

  Problem run(Context& context, Pool& pool) const override {
    constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    const Tensor x = context.input(0);
    if (!x.data || x.type != kFloat) return "x must be float32";
    if (x.rank > kMostAxes) return "x has more than 8 axes";
    if (variant_.sequence && x.rank < 1) return "x has no axis of time";
    const Tensor like = variant_.sequence ? without_time(x) : x;
    FloatNeuron all = neuron_;
    all.x = static_cast<const float*>(x.data);
    all.count = static_cast<size_t>(like.count());
    all.s = static_cast<float*>(context.output(0, kFloat, x.shape, x.rank).data);
    for (int state = 0; state < variant_.states(); ++state) {
      const Tensor before = context.input(1 + state);
      bool same = before.data && before.type == kFloat && before.rank == like.rank;
      for (int axis = 0; axis < like.rank && same; ++axis) {
        same = before.shape[axis] == like.shape[axis];
      }
      const char* name = state ? "i" : "v";
      if (!same) {
        return std::string("state ") + name + " is " + text(before) + "; it must be float32 " +
               text(like);
      }
      const Tensor after = context.output(1 + state, kFloat, like.shape, like.rank);
      (state ? all.i : all.v) = static_cast<const float*>(before.data);
      (state ? all.i_out : all.v_out) = static_cast<float*>(after.data);
      if (!after.data) return std::string("state ") + name + " must be taken";
    }
    if (!all.s) return "out of memory";
    walk(all, variant_.sequence ? x.shape[0] : 1, pool);
    return {};
  }

 private:
  static void walk(const FloatNeuron& all, int64_t steps, Pool& pool) {
    const auto count = static_cast<int64_t>(all.count);
    if (steps == 0) {
      std::copy_n(all.v, count, all.v_out);
      if (all.synapse) std::copy_n(all.i, count, all.i_out);
      return;
    }
    each_part(count, kPart, steps, pool, [&](int64_t begin, int64_t end) {
      FloatNeuron part = all;
      part.count = static_cast<size_t>(end - begin);
      part.v += begin;
      part.v_out += begin;
      if (part.synapse) {
        part.i += begin;
        part.i_out += begin;
      }
      for (int64_t step = 0; step < steps; ++step) {
        part.x = all.x + step * count + begin;
        part.s = all.s + step * count + begin;
        chosen_kernels().float_neuron(part);
        part.v = part.v_out;
        part.i = part.i_out;
      }
    });
  }

  Variant variant_;
  FloatNeuron neuron_ = {};
};

template <typename Neuron>
Made made(const Variant& variant, const Info& info, Problem& problem) {
  auto found = std::make_unique<Neuron>(variant);
  problem = found->prepare(info);
  return found;
}

}  // namespace

Made make_integer_neuron(const Variant& variant, const Info& info, Problem& problem) {
  return made<IntegerNeuron>(variant, info, problem);
}

Made make_float_neuron(const Variant& variant, const Info& info, Problem& problem) {
  return made<RealNeuron>(variant, info, problem);
}

}  // namespace snn
