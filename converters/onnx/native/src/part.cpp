#include "part.h"

#include <algorithm>
#include <cstring>

namespace snn {
namespace {

constexpr int kPanel = kLanes * kMostVectors;

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

}  // namespace

bool run_part(const Job& job, const Panel& panel, int64_t begin, int64_t end) {
  return Part(job, panel).run(begin, end);
}

}  // namespace snn
