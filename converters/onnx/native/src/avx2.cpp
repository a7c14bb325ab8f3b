// AVX2: sums of products in 16 bits for as long as they fit.

#include "kernels.h"

#if defined(__AVX2__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace snn {
namespace {

#include "loops.h"
#include "x86_each.h"

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }

inline __m256i four_bytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, sizeof four);
  return _mm256_set1_epi32(four);
}

// A panel's weights of a quad are two vectors; a vector of sums belongs to eight outputs.
constexpr int kHalves = 2;
constexpr int kPanelBytes = kLanes * kQuad;

// With accumulators, weights, an input and a product (and ones), they fill the 16 registers.
constexpr int kTallTile = 6;
constexpr int kShortTile = 4;
constexpr int kDensePixels = 24;

// One plane of the windows of some output pixels, and a panel of weights.
struct PanelPlane {
  const Dense& d;
  const uint8_t* const* pixels;
  ptrdiff_t at;           // of the plane
  const int8_t* weights;  // the panel's, of the first quad
  int32_t* sums;          // [pixels][sums_row]; added to
  ptrdiff_t sums_row;

  ptrdiff_t weights_row() const { return static_cast<ptrdiff_t>(d.vectors) * kPanelBytes; }
};

// Adds sums of 16 bits, two for each output, and clears them.
template <int pixels>
[[gnu::always_inline]] inline void widen(const PanelPlane& panel, __m256i* sum) {
  each<pixels * kHalves>([&](auto k) {
    int32_t* sums = panel.sums + k / kHalves * panel.sums_row + k % kHalves * 8;
    const __m256i wide = _mm256_madd_epi16(sum[k], _mm256_set1_epi16(1));
    store(sums, _mm256_add_epi32(load(sums), wide));
    sum[k] = _mm256_setzero_si256();
  });
}

// For inputs so low that the products of `run` quads, two of each for a sum, fit in 16 bits.
template <int pixels>
void add_low(const PanelPlane& panel, int run) {
  const Dense& d = panel.d;
  const uint8_t* window[pixels];
  each<pixels>([&](auto p) { window[p] = panel.pixels[p] + panel.at; });
  __m256i sum[pixels * kHalves];
  each<pixels * kHalves>([&](auto k) { sum[k] = _mm256_setzero_si256(); });
  const int8_t* weights = panel.weights;
  int left = run;
  for (int tap = 0; tap < d.tap_count; ++tap) {
    ptrdiff_t at = d.taps[tap];
    for (int quad = 0; quad < d.quads;) {
      const int now = std::min(left, d.quads - quad);
      for (int k = 0; k < now; ++k, at += kQuad, weights += panel.weights_row()) {
        const __m256i weight[kHalves] = {load(weights), load(weights + 32)};
        each<pixels>([&](auto p) {
          const __m256i x = four_bytes(window[p] + at);
          each<kHalves>([&](auto h) {
            __m256i& s = sum[p * kHalves + h];
            s = _mm256_add_epi16(s, _mm256_maddubs_epi16(x, weight[h]));
          });
        });
      }
      quad += now;
      left -= now;
      if (left == 0) {
        widen<pixels>(panel, sum);
        left = run;
      }
    }
  }
  widen<pixels>(panel, sum);
}

// For any input: those of its bits that `bits` has, the low seven or the highest. No sum of two of
// their products overflows.
template <int pixels>
void add_bits(const PanelPlane& panel, uint8_t bits) {
  const Dense& d = panel.d;
  const uint8_t* window[pixels];
  each<pixels>([&](auto p) { window[p] = panel.pixels[p] + panel.at; });
  __m256i sum[pixels * kHalves];
  each<pixels * kHalves>([&](auto k) {
    sum[k] = load(panel.sums + k / kHalves * panel.sums_row + k % kHalves * 8);
  });
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(bits));
  const int8_t* weights = panel.weights;
  for (int tap = 0; tap < d.tap_count; ++tap) {
    ptrdiff_t at = d.taps[tap];
    for (int quad = 0; quad < d.quads; ++quad, at += kQuad, weights += panel.weights_row()) {
      const __m256i weight[kHalves] = {load(weights), load(weights + 32)};
      each<pixels>([&](auto p) {
        const __m256i x = _mm256_and_si256(four_bytes(window[p] + at), mask);
        each<kHalves>([&](auto h) {
          const __m256i two = _mm256_maddubs_epi16(x, weight[h]);
          __m256i& s = sum[p * kHalves + h];
          s = _mm256_add_epi32(s, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
        });
      });
    }
  }
  each<pixels * kHalves>([&](auto k) {
    store(panel.sums + k / kHalves * panel.sums_row + k % kHalves * 8, sum[k]);
  });
}

// Calls f<count> for the count in 1 .. most that is asked for.
template <int most, class F>
inline void with_count(int count, const F& f) {
  if (count == most) return f(std::integral_constant<int, most>());
  if constexpr (most > 1) with_count<most - 1>(count, f);
}

// Tiles of nearly the same height.
template <int most, class F>
inline void tiles(int total, const F& f) {
  const int count = (total + most - 1) / most;
  for (int k = 0, first = 0; k < count; ++k) {
    const int now = (total - first) / (count - k);
    with_count<most>(now, [&](auto pixels) { f(pixels, first); });
    first += now;
  }
}

// The bits that any byte of a plane of the windows has.
uint8_t bits_of(const Dense& d, ptrdiff_t plane_at) {
  const int bytes = d.quads * kQuad;
  __m256i bits = _mm256_setzero_si256();
  for (int m = 0; m < d.count; ++m) {
    for (int tap = 0; tap < d.tap_count; ++tap) {
      const uint8_t* x = d.pixels[m] + plane_at + d.taps[tap];
      int k = 0;
      for (; k + 32 <= bytes; k += 32) bits = _mm256_or_si256(bits, load(x + k));
      for (; k + 16 <= bytes; k += 16) {
        const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + k));
        bits = _mm256_or_si256(bits, _mm256_broadcastsi128_si256(part));
      }
      for (; k < bytes; k += kQuad) bits = _mm256_or_si256(bits, four_bytes(x + k));
    }
  }
  uint8_t all[32];
  store(all, bits);
  uint8_t any = 0;
  for (uint8_t b : all) any |= b;
  return any;
}

void dense_plane(const Dense& d, int plane) {
  const ptrdiff_t at = plane * d.plane_stride;
  const ptrdiff_t row = d.vectors * kLanes;
  const int highest = bits_of(d, at);
  // Two products of at most 128 * highest for each of the quads.
  const int run = highest == 0 ? 0 : 32767 / (2 * 128 * highest);
  const auto panel_of = [&](int first, int o) {
    return PanelPlane{d, d.pixels + first, at, d.weights + o * kPanelBytes,
                      d.sums + first * row + o * kLanes, row};
  };
  if (highest == 0) return;
  if (run >= 4) {
    tiles<kTallTile>(d.count, [&](auto pixels, int first) {
      for (int o = 0; o < d.vectors; ++o) add_low<pixels>(panel_of(first, o), run);
    });
    return;
  }
  tiles<kShortTile>(d.count, [&](auto pixels, int first) {
    for (int o = 0; o < d.vectors; ++o) {
      add_bits<pixels>(panel_of(first, o), 127);
      if (highest > 127) add_bits<pixels>(panel_of(first, o), 128);
    }
  });
}

void dense(const Dense& d) {
  const int lanes = d.vectors * kLanes;
  std::fill(d.sums, d.sums + d.count * lanes, 0);
  for (int plane = d.planes - 1; plane > 0; --plane) {
    dense_plane(d, plane);
    for (int k = 0; k < d.count * lanes; k += 8) {
      store(d.sums + k, _mm256_slli_epi32(load(d.sums + k), 8));
    }
  }
  int32_t* sums = d.sums;
  for (int m = 0; m < d.count; ++m, sums += lanes) {
    for (int o = 0; o < lanes; o += 8) {
      store(sums + o, _mm256_add_epi32(load(sums + o), load(d.start + o)));
    }
  }
  dense_plane(d, 0);
}

constexpr int kWidest = 32;

inline void store_part(__m128i words, const int32_t* from, int32_t* to) {
  store(to, _mm256_add_epi32(_mm256_cvtepi16_epi32(words), load(from)));
}

inline void store_sums(__m128i even, __m128i odd, const int32_t* from, int32_t* to) {
  store_part(_mm_unpacklo_epi16(even, odd), from, to);
  store_part(_mm_unpackhi_epi16(even, odd), from + 8, to + 8);
}

inline void store_sums(__m256i even, __m256i odd, const int32_t* from, int32_t* to) {
  store_sums(_mm256_castsi256_si128(even), _mm256_castsi256_si128(odd), from, to);
  store_sums(_mm256_extracti128_si256(even, 1), _mm256_extracti128_si256(odd, 1), from + 16,
             to + 16);
}

using Offsets = __m256i;
constexpr int kOffsets = 8;

inline Offsets offsets(int32_t value) { return _mm256_set1_epi32(value); }
inline Offsets offset_sum(Offsets a, Offsets b) { return _mm256_add_epi32(a, b); }

template <int factor>
inline void store_offsets(const uint16_t* events, Offsets base, uint32_t* list) {
  const __m128i event = _mm_loadu_si128(reinterpret_cast<const __m128i*>(events));
  const __m256i row = _mm256_cvtepu16_epi32(event);
  store(list, _mm256_add_epi32(_mm256_mullo_epi32(row, offsets(factor)), base));
}

#include "x86_sparse.h"

// For each set of eight: its elements, in the low bytes.
constexpr std::array<uint64_t, 256> elements_of_sets() {
  std::array<uint64_t, 256> all = {};
  for (int set = 0; set < 256; ++set) {
    int count = 0;
    for (uint64_t k = 0; k < 8; ++k) {
      if (set >> k & 1) all[set] |= k << (8 * count++);
    }
  }
  return all;
}
constexpr std::array<uint64_t, 256> kElements = elements_of_sets();

int list(const uint8_t* bytes, int channels, uint16_t* events) {
  int count = 0;
  for (int c = 0; c < channels; c += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes + c, std::min(8, channels - c));
    const __m128i x = _mm_cvtsi64_si128(static_cast<long long>(eight));
    const int silent = _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_setzero_si128()));
    const int spikes = ~silent & 255;
    const __m128i elements = _mm_cvtsi64_si128(static_cast<long long>(kElements[spikes]));
    const __m128i found = _mm_add_epi16(_mm_cvtepu8_epi16(elements), _mm_set1_epi16(c));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(events + count), found);
    count += _mm_popcnt_u32(spikes);
  }
  return count;
}

Census census(const uint8_t* bytes, size_t count) {
  const __m256i one = _mm256_set1_epi8(1);
  __m256i spikes = _mm256_setzero_si256();
  __m256i highest = _mm256_setzero_si256();
  size_t k = 0;
  for (; k + 32 <= count; k += 32) {
    const __m256i x = load(bytes + k);
    const __m256i some = _mm256_min_epu8(x, one);
    spikes = _mm256_add_epi64(spikes, _mm256_sad_epu8(some, _mm256_setzero_si256()));
    highest = _mm256_max_epu8(highest, x);
  }
  uint64_t sums[4];
  uint8_t most[32];
  store(sums, spikes);
  store(most, highest);
  Census found = {sums[0] + sums[1] + sums[2] + sums[3], *std::max_element(most, most + 32)};
  for (; k < count; ++k) {
    found.spikes += bytes[k] != 0;
    found.highest = std::max(found.highest, bytes[k]);
  }
  return found;
}

using Ints = __m256i;
using Flags = __m256i;
constexpr int kInts = 8;

inline Ints ints(int32_t value) { return _mm256_set1_epi32(value); }
inline Ints plus(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints minus(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
inline Ints times(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
inline Ints lowest(Ints a, Ints b) { return _mm256_min_epi32(a, b); }
inline Ints highest(Ints a, Ints b) { return _mm256_max_epi32(a, b); }
inline Ints magnitude(Ints a) { return _mm256_abs_epi32(a); }
inline Ints masked(Ints a, Ints b) { return _mm256_and_si256(a, b); }
inline Ints left(Ints a, Ints by) { return _mm256_sllv_epi32(a, by); }
inline Ints right(Ints a, Ints by) { return _mm256_srlv_epi32(a, by); }
inline Ints left(Ints a, int by) { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(by)); }
inline Ints right(Ints a, int by) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(by)); }
inline Flags above(Ints a, Ints b) { return _mm256_cmpgt_epi32(a, b); }
inline Ints either(Flags f, Ints a, Ints b) { return _mm256_blendv_epi8(b, a, f); }
inline Ints zero_if(Flags f, Ints a) { return _mm256_andnot_si256(f, a); }
// Where b is 0, so is a.
inline Ints signed_like(Ints a, Ints b) { return _mm256_sign_epi32(a, b); }

inline uint64_t flag_bytes(Flags f) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(f), _mm256_extracti128_si256(f, 1));
  const __m128i bytes = _mm_packs_epi16(words, words);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(bytes)) & 0x0101010101010101u;
}

struct Whole {
  Ints load(const int32_t* p) const { return snn::load(p); }
  void store(int32_t* p, Ints x) const { snn::store(p, x); }
  void store_flags(uint8_t* p, Flags f) const {
    const uint64_t bytes = flag_bytes(f);
    std::memcpy(p, &bytes, sizeof bytes);
  }
};

#include "x86_store.h"

struct Some {
  explicit Some(int some)
      : count(some),
        lanes(_mm256_cmpgt_epi32(ints(some), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
  Ints load(const int32_t* p) const { return _mm256_maskload_epi32(p, lanes); }
  void store(int32_t* p, Ints x) const {
    store_first(reinterpret_cast<uint8_t*>(p), x, count * 4);
  }
  void store_flags(uint8_t* p, Flags f) const {
    store_first(p, _mm_cvtsi64_si128(static_cast<long long>(flag_bytes(f))), count);
  }
  int count;
  __m256i lanes;
};

#include "x86_finish.h"

}  // namespace

const Kernels* avx2_kernels() {
  static const Kernels kernels = {"avx2", kDensePixels, dense,  sparse,
                                  list,   census,       finish, float_neuron_loops};
  return &kernels;
}

}  // namespace snn

#else

namespace snn {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace snn

#endif
