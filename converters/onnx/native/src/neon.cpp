// NEON: the 64-bit Arm processors. Those of ARMv8.0 multiply 16-bit integers, later ones bytes.

#include "kernels.h"

#if defined(__AARCH64EL__)

#include <arm_neon.h>
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace snn {
namespace {

#include "loops.h"

constexpr int kPixels = 32;
constexpr int kGroup = 4;      // pixels worked on at once: with a vector each, 16 registers of sums
constexpr int kRegisters = 4;  // of a vector of sums, four outputs each

inline uint32_t load_quad(const uint8_t* from) {
  uint32_t quad;
  __builtin_memcpy(&quad, from, sizeof quad);
  return quad;
}

template <class Arithmetic, int pixels>
[[gnu::always_inline]] inline void add_plane(const Dense& d, int first, int vector, int plane,
                                             int32x4_t (*sums)[kRegisters]) {
  const int quads = d.quads;
  const ptrdiff_t step = d.vectors * kLanes * kQuad;
  const int8_t* from = d.weights + vector * kLanes * kQuad;
  for (int tap = 0; tap < d.tap_count; ++tap) {
    const uint8_t* x[pixels];
    for (int m = 0; m < pixels; ++m) {
      x[m] = d.pixels[first + m] + d.taps[tap] + plane * d.plane_stride;
    }
    for (int quad = 0; quad < quads; ++quad, from += step) {
      const typename Arithmetic::Weights weights = Arithmetic::load(from);
      for (int m = 0; m < pixels; ++m) {
        Arithmetic::add(weights, load_quad(x[m] + quad * kQuad), sums[m]);
      }
    }
  }
}

// One vector of some pixels' sums. `missing` is what a plane's products lack.
template <class Arithmetic, int pixels>
[[gnu::always_inline]] inline void dense_group(const Dense& d, int first, int vector,
                                               const int32x4_t* missing) {
  int32x4_t sums[pixels][kRegisters];
  for (int m = 0; m < pixels; ++m) {
    for (int r = 0; r < kRegisters; ++r) sums[m][r] = vdupq_n_s32(0);
  }
  for (int plane = d.planes - 1; plane >= 0; --plane) {
    for (int m = 0; m < pixels; ++m) {
      for (int r = 0; r < kRegisters; ++r) {
        sums[m][r] = vaddq_s32(vshlq_n_s32(sums[m][r], 8), missing[r]);
      }
    }
    add_plane<Arithmetic, pixels>(d, first, vector, plane, sums);
  }
  for (int m = 0; m < pixels; ++m) {
    for (int r = 0; r < kRegisters; ++r) {
      const int at = vector * kLanes + r * 4;
      vst1q_s32(d.sums + (first + m) * d.vectors * kLanes + at,
                vaddq_s32(sums[m][r], vld1q_s32(d.start + at)));
    }
  }
}

// Arithmetic: Weights, load(), add() and find_missing().
template <class Arithmetic>
[[gnu::always_inline]] inline void dense(const Dense& d) {
  for (int vector = 0; vector < d.vectors; ++vector) {
    int32x4_t missing[kRegisters];
    Arithmetic::find_missing(d, vector, missing);
    int first = 0;
    for (; first + kGroup <= d.count; first += kGroup) {
      dense_group<Arithmetic, kGroup>(d, first, vector, missing);
    }
    switch (d.count - first) {
      case 3:
        dense_group<Arithmetic, 3>(d, first, vector, missing);
        break;
      case 2:
        dense_group<Arithmetic, 2>(d, first, vector, missing);
        break;
      case 1:
        dense_group<Arithmetic, 1>(d, first, vector, missing);
        break;
    }
  }
}

// Bytes and weights as 16-bit integers.
struct Widened {
  struct Weights {
    int16x8_t channel[kQuad][2];  // [channel][half of the outputs]
  };

  static Weights load(const int8_t* from) {
    const int8x16x4_t bytes = vld4q_s8(from);
    Weights weights;
    for (int c = 0; c < kQuad; ++c) {
      weights.channel[c][0] = vmovl_s8(vget_low_s8(bytes.val[c]));
      weights.channel[c][1] = vmovl_high_s8(bytes.val[c]);
    }
    return weights;
  }

  static void add(const Weights& weights, uint32_t quad, int32x4_t* sums) {
    const int16x4_t x = vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(quad))));
    add_channel<0>(weights, x, sums);
    add_channel<1>(weights, x, sums);
    add_channel<2>(weights, x, sums);
    add_channel<3>(weights, x, sums);
  }

  template <int c>
  static void add_channel(const Weights& weights, int16x4_t x, int32x4_t* sums) {
    const int16x8_t* w = weights.channel[c];
    sums[0] = vmlal_lane_s16(sums[0], vget_low_s16(w[0]), x, c);
    sums[1] = vmlal_high_lane_s16(sums[1], w[0], x, c);
    sums[2] = vmlal_lane_s16(sums[2], vget_low_s16(w[1]), x, c);
    sums[3] = vmlal_high_lane_s16(sums[3], w[1], x, c);
  }

  static void find_missing(const Dense&, int, int32x4_t* missing) {
    for (int r = 0; r < kRegisters; ++r) missing[r] = vdupq_n_s32(0);
  }
};

// Functions marked so are compiled for processors with dot products (ARMv8.2 and later); what they
// call is compiled into them. Clang before 16 cannot do so for single functions.
#if defined(__ARM_FEATURE_DOTPROD)
#define SNN_DOT_PRODUCTS
#elif !defined(__clang__) || __clang_major__ >= 16
#define SNN_DOT_PRODUCTS [[gnu::target("arch=armv8.2-a+dotprod")]]
#endif

#if defined(SNN_DOT_PRODUCTS)

// Dot products of four signed bytes: 128 is taken off each input, and what the weights make of
// these is added again.
struct DotProducts {
  struct Weights {
    int8x16_t outputs[kRegisters];
  };

  SNN_DOT_PRODUCTS static Weights load(const int8_t* from) {
    return {{vld1q_s8(from), vld1q_s8(from + 16), vld1q_s8(from + 32), vld1q_s8(from + 48)}};
  }

  SNN_DOT_PRODUCTS static void add(const Weights& weights, uint32_t quad, int32x4_t* sums) {
    add_signed(weights, vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u)), sums);
  }

  SNN_DOT_PRODUCTS static void find_missing(const Dense& d, int vector, int32x4_t* missing) {
    for (int r = 0; r < kRegisters; ++r) missing[r] = vdupq_n_s32(0);
    const int8_t* from = d.weights + vector * kLanes * kQuad;
    for (int k = 0; k < d.tap_count * d.quads; ++k, from += d.vectors * kLanes * kQuad) {
      add_signed(load(from), vdupq_n_s8(1), missing);
    }
    for (int r = 0; r < kRegisters; ++r) missing[r] = vshlq_n_s32(missing[r], 7);
  }

  SNN_DOT_PRODUCTS static void add_signed(const Weights& weights, int8x16_t x, int32x4_t* sums) {
    for (int r = 0; r < kRegisters; ++r) sums[r] = vdotq_s32(sums[r], weights.outputs[r], x);
  }
};

SNN_DOT_PRODUCTS void dense_dot_products(const Dense& d) { dense<DotProducts>(d); }

bool has_dot_products() {
#if defined(__ARM_FEATURE_DOTPROD)
  return true;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

#endif

void dense_widened(const Dense& d) { dense<Widened>(d); }

void (*chosen_dense())(const Dense&) {
#if defined(SNN_DOT_PRODUCTS)
  if (has_dot_products()) return dense_dot_products;
#endif
  return dense_widened;
}

// Rows are added up as 16-bit integers, which hold the sum of so many bytes.
constexpr int kMostRows = 65535 / 255;

template <int vectors>
inline void add_row(const uint8_t* row, uint16x8_t (*part)[2]) {
  for (int v = 0; v < vectors; ++v) {
    const uint8x16_t bytes = vld1q_u8(row + v * kLanes);
    part[v][0] = vaddw_u8(part[v][0], vget_low_u8(bytes));
    part[v][1] = vaddw_high_u8(part[v][1], bytes);
  }
}

// Adds the parts to the sums; the parts begin anew.
template <int vectors>
inline void add_parts(uint16x8_t (*part)[2], uint32x4_t (*sums)[kRegisters]) {
  for (int v = 0; v < vectors; ++v) {
    for (int half = 0; half < 2; ++half) {
      uint32x4_t* pair = sums[v] + 2 * half;
      pair[0] = vaddw_u16(pair[0], vget_low_u16(part[v][half]));
      pair[1] = vaddw_high_u16(pair[1], part[v][half]);
      part[v][half] = vdupq_n_u16(0);
    }
  }
}

template <int vectors>
inline void sparse_pixel(const Sparse& s, int m) {
  constexpr int kRow = vectors * kLanes;
  uint32x4_t sums[vectors][kRegisters] = {};
  uint16x8_t part[vectors][2] = {};
  uint32_t spikes = 0;
  int room = kMostRows;
  for (int tap = 0; tap < s.tap_count; ++tap) {
    const ptrdiff_t pixel = s.pixels[m] + s.taps[tap];
    const uint16_t* events = s.events + pixel * s.capacity;
    const uint8_t* rows = s.rows + static_cast<ptrdiff_t>(tap) * s.channels * kRow;
    int left = s.counts[pixel];
    spikes += static_cast<uint32_t>(left);
    while (left > 0) {
      const int now = left < room ? left : room;
      for (int k = 0; k < now; ++k) add_row<vectors>(rows + events[k] * kRow, part);
      events += now;
      left -= now;
      room -= now;
      if (room > 0) continue;
      add_parts<vectors>(part, sums);
      room = kMostRows;
    }
  }
  add_parts<vectors>(part, sums);
  const uint32x4_t offset = vdupq_n_u32(spikes * 128u);
  for (int v = 0; v < vectors; ++v) {
    for (int r = 0; r < kRegisters; ++r) {
      const int at = v * kLanes + r * 4;
      const int32x4_t products = vreinterpretq_s32_u32(vsubq_u32(sums[v][r], offset));
      vst1q_s32(s.sums + m * kRow + at, vaddq_s32(products, vld1q_s32(s.start + at)));
    }
  }
}

template <int vectors>
void sparse_pixels(const Sparse& s) {
  for (int m = 0; m < s.count; ++m) sparse_pixel<vectors>(s, m);
}

void sparse(const Sparse& s) {
  constexpr void (*kOf[])(const Sparse&) = {sparse_pixels<1>, sparse_pixels<2>, sparse_pixels<3>,
                                            sparse_pixels<4>};
  kOf[s.vectors - 1](s);
}

int list(const uint8_t* bytes, int channels, uint16_t* events) {
  int count = 0;
  int c = 0;
  for (; c + 16 <= channels; c += 16) {
    const uint8x16_t x = vld1q_u8(bytes + c);
    // Four bits for each byte, all set where it is not 0.
    const uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(vtstq_u8(x, x)), 4);
    uint64_t left = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
    while (left != 0) {
      const int at = __builtin_ctzll(left);
      events[count++] = static_cast<uint16_t>(c + at / 4);
      left &= ~(uint64_t{15} << at);
    }
  }
  for (; c < channels; ++c) {
    events[count] = static_cast<uint16_t>(c);
    count += bytes[c] != 0;
  }
  return count;
}

Census census(const uint8_t* bytes, size_t count) {
  Census found = {0, 0};
  uint8x16_t highest = vdupq_n_u8(0);
  size_t k = 0;
  for (; k + 16 <= count; k += 16) {
    const uint8x16_t x = vld1q_u8(bytes + k);
    highest = vmaxq_u8(highest, x);
    found.spikes += vaddvq_u8(vshrq_n_u8(vtstq_u8(x, x), 7));
  }
  found.highest = vmaxvq_u8(highest);
  for (; k < count; ++k) {
    found.spikes += bytes[k] != 0;
    if (bytes[k] > found.highest) found.highest = bytes[k];
  }
  return found;
}

}  // namespace

const Kernels* neon_kernels() {
  static const Kernels kernels = {"neon", kPixels, chosen_dense(), sparse,
                                  list,   census,  finish_loops,   float_neuron_loops};
  return &kernels;
}

}  // namespace snn

#else

namespace snn {

const Kernels* neon_kernels() { return nullptr; }

}  // namespace snn

#endif
