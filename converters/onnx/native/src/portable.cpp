// Plain C++: what every other instruction set must equal, and what runs where none of them does.

#include "kernels.h"

namespace snn {
namespace {

#include "loops.h"

void dense(const Dense& d) {
  const int lanes = d.vectors * kLanes;
  for (int m = 0; m < d.count; ++m) {
    uint32_t sums[kLanes * kMostVectors] = {};
    for (int plane = d.planes - 1; plane >= 0; --plane) {
      for (int o = 0; o < lanes; ++o) sums[o] <<= 8;
      const int8_t* weight = d.weights;
      for (int tap = 0; tap < d.tap_count; ++tap) {
        const uint8_t* x = d.pixels[m] + d.taps[tap] + plane * d.plane_stride;
        for (int quad = 0; quad < d.quads; ++quad, x += kQuad, weight += lanes * kQuad) {
          for (int o = 0; o < lanes; ++o) {
            int32_t sum = 0;
            for (int c = 0; c < kQuad; ++c) sum += x[c] * weight[o * kQuad + c];
            sums[o] += static_cast<uint32_t>(sum);
          }
        }
      }
    }
    for (int o = 0; o < lanes; ++o) {
      d.sums[m * lanes + o] = wrapped(static_cast<int32_t>(sums[o]), d.start[o]);
    }
  }
}

void sparse(const Sparse& s) {
  const int lanes = s.vectors * kLanes;
  for (int m = 0; m < s.count; ++m) {
    uint32_t sums[kLanes * kMostVectors] = {};
    for (int tap = 0; tap < s.tap_count; ++tap) {
      const ptrdiff_t pixel = s.pixels[m] + s.taps[tap];
      const uint16_t* events = s.events + pixel * s.capacity;
      const uint8_t* rows = s.rows + static_cast<ptrdiff_t>(tap) * s.channels * lanes;
      for (int k = 0; k < s.counts[pixel]; ++k) {
        const uint8_t* row = rows + static_cast<ptrdiff_t>(events[k]) * lanes;
        for (int o = 0; o < lanes; ++o) sums[o] += static_cast<uint32_t>(row[o] - 128);
      }
    }
    for (int o = 0; o < lanes; ++o) {
      s.sums[m * lanes + o] = wrapped(static_cast<int32_t>(sums[o]), s.start[o]);
    }
  }
}

int list(const uint8_t* bytes, int channels, uint16_t* events) {
  int count = 0;
  for (int c = 0; c < channels; ++c) {
    events[count] = static_cast<uint16_t>(c);
    count += bytes[c] != 0;
  }
  return count;
}

Census census(const uint8_t* bytes, size_t count) {
  Census found = {0, 0};
  for (size_t k = 0; k < count; ++k) {
    found.spikes += bytes[k] != 0;
    if (bytes[k] > found.highest) found.highest = bytes[k];
  }
  return found;
}

}  // namespace

const Kernels* portable_kernels() {
  static const Kernels kernels = {"portable", 8,    dense,        sparse, list,
                                  census,     finish_loops, float_neuron_loops};
  return &kernels;
}

}  // namespace snn
