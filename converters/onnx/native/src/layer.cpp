#include "layer.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "tuning.h"

namespace snn {
namespace {

constexpr int kPanel = kLanes * kMostVectors;
constexpr int kSparsePixels = 32;
// A part of this length is worth handing to another thread.
constexpr double kWorthwhile = 15e3;  // ns

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

// Adjacent output positions, some outputs, all steps.
class Part {
 public:
  Part(const Job& job, const Panel& panel) : job_(job), panel_(panel), t_(job.tensors) {
    for (int o = 0; o < panel.lanes && job.low; ++o) {
      start_[o] = static_cast<int32_t>(
          static_cast<uint32_t>(job.low * job.weights.sums()[panel.first + o]));
    }
  }

  // Returns false without memory.
  bool run(int64_t begin, int64_t end) {
    const int64_t tiles = (end - begin + job_.most_pixels() - 1) / job_.most_pixels();
    for (int64_t tile = 0; tile < tiles; ++tile) {
      // Of equal size: inner loops do badly on what is left over.
      const int64_t first = begin + (end - begin) * tile / tiles;
      const int64_t last = begin + (end - begin) * (tile + 1) / tiles;
      if (!run_tile(first, static_cast<int>(last - first))) return false;
    }
    return true;
  }

 private:
  bool run_tile(int64_t first, int count) {
    find_windows(first, count);
    if (t_.neurons && !begin_states(first, count)) return false;
    for (int64_t step = 0; step < t_.steps; ++step) {
      if (step == 0 || !t_.repeated) add_up(step, count);
      finish_images(step, first, count);
    }
    return true;
  }

  // The pixel of the packed input at which each output's window begins, in the first step.
  void find_windows(int64_t first, int count) {
    const Map& out = job_.out;
    int64_t x = first % out.columns;
    int64_t y = first / out.columns % out.rows;
    int64_t image = first / out.columns / out.rows;
    for (int m = 0; m < count; ++m) {
      const int64_t row = image * job_.in.map.rows + y * job_.kernel.stride[0];
      windows_[m] = row * job_.in.map.columns + x * job_.kernel.stride[1];
      if (++x < out.columns) continue;
      x = 0;
      if (++y < out.rows) continue;
      y = 0;
      ++image;
    }
  }

  bool begin_states(int64_t first, int count) {
    v_ = begin_state(t_.neurons->v, first, count, v_scratch());
    if (!t_.neurons->neuron.synapse) return v_;
    u_ = begin_state(t_.neurons->u, first, count, u_scratch());
    return v_ && u_;
  }

  // Returns where the state of this tile is kept, [count][row], filled with what it begins with.
  int32_t* begin_state(const State& state, int64_t first, int count, Scratch& scratch) {
    const int64_t row = job_.kernel.outputs, at = first * row + panel_.first;
    int32_t* kept = state.after
                        ? state.after + at
                        : static_cast<int32_t*>(scratch.take(count * row * sizeof(int32_t)));
    if (!kept) return nullptr;
    const int32_t* before = state.before + at;
    for (int m = 0; m < count; ++m) {
      if (state.one) {
        std::fill_n(kept + m * row, panel_.lanes, *state.before);
      } else if (before != kept) {
        std::memcpy(kept + m * row, before + m * row, panel_.lanes * sizeof(int32_t));
      }
    }
    return kept;
  }

  static Scratch& v_scratch() {
    static thread_local Scratch scratch;
    return scratch;
  }
  static Scratch& u_scratch() {
    static thread_local Scratch scratch;
    return scratch;
  }

  void add_up(int64_t step, int count) {
    const int64_t offset = step * job_.step_pixels();
    if (job_.sparse) return add_sparse(offset, count);
    if (job_.narrow) return add_dense(offset, count, 0, job_.bytes.planes, start_);
    add_wide(offset, count);
  }

  void add_dense(int64_t offset, int count, int plane, int planes, const int32_t* start) {
    const Bytes& in = job_.bytes;
    const uint8_t* pixels[kMostPixels];
    const uint8_t* origin = in.bytes + plane * in.plane_stride + panel_.group * in.group;
    for (int m = 0; m < count; ++m) pixels[m] = origin + (windows_[m] + offset) * in.pixel;
    job_.kernels.dense({pixels, count, job_.taps.data(), static_cast<int>(job_.taps.size()),
                        job_.weights.quads(), planes, in.plane_stride, panel_.dense,
                        panel_.vectors, start, sums_});
  }

  void add_sparse(int64_t offset, int count) {
    const auto groups = static_cast<int32_t>(job_.kernel.groups);
    int32_t pixels[kMostPixels];
    for (int m = 0; m < count; ++m) {
      pixels[m] = static_cast<int32_t>(windows_[m] + offset) * groups + panel_.group;
    }
    job_.kernels.sparse({pixels, count, job_.taps.data(), static_cast<int>(job_.taps.size()),
                         job_.events.events, job_.events.counts, job_.events.capacity,
                         static_cast<int>(job_.kernel.group_inputs()), panel_.rows,
                         panel_.vectors, start_, sums_});
  }

  // Sums that may leave 32 bits before they are shifted: plane after plane, joined in 64 bits.
  void add_wide(int64_t offset, int count) {
    static const int32_t nothing[kPanel] = {};
    const int width = panel_.vectors * kLanes;
    int64_t wide[kMostPixels * kPanel];
    for (int m = 0; m < count; ++m) {
      for (int o = 0; o < panel_.lanes; ++o) {
        wide[m * width + o] = job_.low * job_.weights.sums()[panel_.first + o];
      }
    }
    for (int plane = 0; plane < job_.bytes.planes; ++plane) {
      add_dense(offset, count, plane, 1, nothing);
      for (int m = 0; m < count; ++m) {
        for (int o = 0; o < panel_.lanes; ++o) {
          wide[m * width + o] += static_cast<int64_t>(sums_[m * width + o]) * (1ll << (8 * plane));
        }
      }
    }
    for (int m = 0; m < count; ++m) {
      for (int o = 0; o < panel_.lanes; ++o) {
        const int shift = job_.shift ? job_.shift[panel_.first + o] : 0;
        sums_[m * width + o] = shifted_wide(wide[m * width + o], shift);
      }
    }
  }

  static int32_t shifted_wide(int64_t x, int shift) {
    if (shift >= 0) return static_cast<int32_t>(static_cast<uint64_t>(x) << shift);
    const int64_t half = 1ll << (-shift - 1);
    return static_cast<int32_t>(x < 0 ? -((-x + half) >> -shift) : (x + half) >> -shift);
  }

  // A bias of positions begins anew with every map, so no call crosses from one to the next.
  void finish_images(int64_t step, int64_t first, int count) {
    const int64_t map = job_.out.rows * job_.out.columns;
    const bool whole = !t_.neurons || !t_.neurons->bias_of_positions;
    for (int done = 0; done < count;) {
      const int64_t left = whole ? count : map - (first + done) % map;
      const int now = static_cast<int>(std::min<int64_t>(left, count - done));
      finish(step, first, done, now);
      done += now;
    }
  }

  void finish(int64_t step, int64_t first, int done, int count) {
    const int64_t row = job_.kernel.outputs;
    const int64_t at = (first + done) * row + panel_.first;
    const int64_t later = at + step * job_.positions() * row;
    const bool steady = t_.repeated && (!t_.addend || t_.addend_repeated);
    Finish f = {};
    f.sums = sums_ + done * panel_.vectors * kLanes;
    f.sums_row = panel_.vectors * kLanes;
    f.count = count;
    f.lanes = panel_.lanes;
    f.row = row;
    f.shift = job_.shift && job_.narrow ? job_.shift + panel_.first : nullptr;
    f.bias = job_.bias ? job_.bias + panel_.first : nullptr;
    f.addend = t_.addend ? t_.addend + (t_.addend_repeated ? at : later) : nullptr;
    f.product = t_.product ? t_.product + (t_.repeated ? at : later) : nullptr;
    f.current = t_.current ? t_.current + (steady ? at : later) : nullptr;
    if (!t_.neurons) return job_.kernels.finish(f);
    const Neurons& all = *t_.neurons;
    Neuron neuron = all.neuron;
    neuron.v = v_ + done * row;
    neuron.u = u_ ? u_ + done * row : nullptr;
    neuron.spikes = all.spikes + later;
    neuron.threshold = all.threshold + panel_.first;
    neuron.bias = all.bias + panel_.first;
    neuron.bias_row = 0;
    if (all.bias_of_positions) {
      const int64_t map = job_.out.rows * job_.out.columns;
      neuron.bias += (first + done) % map * row;
      neuron.bias_row = row;
    }
    f.neuron = &neuron;
    job_.kernels.finish(f);
  }

  const Job& job_;
  const Panel& panel_;
  const Tensors& t_;
  int32_t* v_ = nullptr;
  int32_t* u_ = nullptr;
  int64_t windows_[kMostPixels];
  alignas(64) int32_t start_[kPanel] = {};
  alignas(64) int32_t sums_[kMostPixels * kPanel];
};

// Of a map of nothing but border there are no pixels.
double spikes_of_pixel(const Range& range, const Map& from) {
  return static_cast<double>(range.spikes) / std::max<int64_t>(1, from.positions());
}

// Of all panels, one pixel: every input multiplied.
double dense_cost(const Tuning& tuning, const Weights& weights, const Kernel& k, int planes) {
  double cost = 0;
  for (const Panel& panel : weights.panels()) cost += tuning.quad[panel.vectors];
  return cost * k.taps() * weights.quads() * planes;
}

// Of all panels, one pixel whose taps have so many spikes each.
double sparse_cost(const Tuning& tuning, const Weights& weights, const Kernel& k, double spikes) {
  double cost = 0;
  for (const Panel& panel : weights.panels()) {
    cost += tuning.tap[panel.vectors] + tuning.event[panel.vectors] * spikes / k.groups;
  }
  return cost * k.taps();
}

std::vector<int32_t> taps_of(const Kernel& k, const Map& in, int64_t unit) {
  std::vector<int32_t> taps;
  for (int64_t y = 0; y < k.size[0]; ++y) {
    for (int64_t x = 0; x < k.size[1]; ++x) {
      const int64_t pixels = y * k.dilation[0] * in.columns + x * k.dilation[1];
      taps.push_back(static_cast<int32_t>(pixels * unit));
    }
  }
  return taps;
}

Scratch& input_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

}  // namespace

bool Layer::prepare(const int8_t* matrix, std::vector<int32_t> shift, std::vector<int32_t> bias) {
  shift_ = std::move(shift);
  bias_ = std::move(bias);
  return weights_.pack(kernel_, matrix);
}

bool Layer::sparse_is_faster(const Range& range, const Map& from, const Map& to) const {
  if (!range.is_spikes() || when_ == WhenSparse::kNever) return false;
  if (when_ == WhenSparse::kAlways) return true;
  const Tuning& costs = tuning(kernels_);
  const double spikes = spikes_of_pixel(range, from);
  const double listing = costs.listed * kernel_.inputs * from.positions() / to.positions();
  return sparse_cost(costs, weights_, kernel_, spikes) + listing <
         dense_cost(costs, weights_, kernel_, 1);
}

// Whether no sum leaves 32 bits, on its way through the shift neither.
bool Layer::is_narrow(const Range& range) const {
  const int64_t most = weights_.largest_magnitude() * range.largest();
  int left = 0, right = 0;
  for (const int32_t shift : shift_) {
    left = std::max<int>(left, shift);
    right = std::max<int>(right, -shift);
  }
  return most + (1ll << right) / 2 <= INT32_MAX >> left;
}

bool Layer::run(const Tensors& t, Pool& pool) const {
  Map from = t.map;
  from.count *= t.repeated ? 1 : t.steps;
  const Map to = slid(kernel_, from);
  if (to.positions() == 0 || t.steps == 0) return true;
  const Range range =
      range_of(kernels_, t.type, t.x, from.positions() * kernel_.inputs, pool);
  Job job = {kernels_, kernel_, weights_, t,
             shift_.empty() ? nullptr : shift_.data(), bias_.empty() ? nullptr : bias_.data(),
             slid(kernel_, t.map), bordered(kernel_, from), false, is_narrow(range), range.low,
             {}, {}, {}};
  // Events are listed from bytes; integers of 32 bits may be 0 or 1, too.
  job.sparse = job.narrow && t.type == Type::kUint8 && sparse_is_faster(range, from, to);
  if (job.sparse) {
    job.events = list_events(kernels_, kernel_, job.in, static_cast<const uint8_t*>(t.x), from,
                             input_scratch(), pool);
    if (!job.events.events) return false;
    job.taps = taps_of(kernel_, job.in.map, kernel_.groups);
  } else {
    job.bytes =
        pack_bytes(kernel_, job.in, range, t.type, t.x, from, input_scratch(), pool);
    if (!job.bytes.bytes) return false;
    job.taps = taps_of(kernel_, job.in.map, job.bytes.pixel);
  }
  const Tuning& costs = tuning(kernels_);
  const double spikes = spikes_of_pixel(range, from);
  const double pixel_cost = job.sparse
                                ? sparse_cost(costs, weights_, kernel_, spikes)
                                : dense_cost(costs, weights_, kernel_, job.bytes.planes);
  const int64_t panels = static_cast<int64_t>(weights_.panels().size());
  const int64_t tiles = (job.positions() + job.most_pixels() - 1) / job.most_pixels();
  const double worth = pixel_cost * to.positions() / kWorthwhile;
  const int64_t wanted = static_cast<int64_t>(worth) / panels + 1;
  const int64_t chunks = std::min(tiles, wanted);
  const int64_t at_once = worth < 2 ? panels : 1;
  std::atomic<bool> failed{false};
  pool.each(panels * chunks / at_once, [&](size_t task) {
    for (int64_t k = 0; k < at_once; ++k) {
      const int64_t index = static_cast<int64_t>(task) * at_once + k;
      Part part(job, weights_.panels()[index / chunks]);
      const int64_t chunk = index % chunks;
      const int64_t begin = tiles * chunk / chunks * job.most_pixels();
      const int64_t end = tiles * (chunk + 1) / chunks * job.most_pixels();
      if (!part.run(begin, std::min(end, job.positions()))) failed = true;
    }
  });
  return !failed;
}

}  // namespace snn
