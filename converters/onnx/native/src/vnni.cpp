// AVX-512 with VNNI: sixteen sums of four products in an instruction.

#include "kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__AVX512VNNI__) && defined(__AVX512VBMI__) && \
    defined(__AVX512VBMI2__)

// GCC 12 takes what its own header leaves undefined on purpose for a mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace snn {
namespace {

#include "loops.h"
#include "x86_each.h"

// Output pixels whose sums are kept in registers, for so many vectors of outputs: with one input
// and a pixel's worth of weights they fill the 32 registers, or all that can hide the latency.
constexpr int tile_pixels(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }

constexpr int kDensePixels = 24;

// Adds one plane's products to the sums.
template <int pixels, int vectors>
[[gnu::always_inline]] inline void dense_plane(const Dense& d, const uint8_t* const* window,
                                               ptrdiff_t plane_at, __m512i* sum) {
  const ptrdiff_t length = static_cast<ptrdiff_t>(d.quads) * kQuad;
  const int8_t* weights = d.weights;
  for (const int32_t *tap = d.taps, *last = d.taps + d.tap_count; tap != last; ++tap) {
    ptrdiff_t at = plane_at + *tap;
    const ptrdiff_t end = at + length;
    do {
      __m512i weight[vectors];
      each<vectors>([&](auto o) { weight[o] = _mm512_load_si512(weights + o * 64); });
      each<pixels>([&](auto p) {
        int32_t four;
        std::memcpy(&four, window[p] + at, sizeof four);
        const __m512i x = _mm512_set1_epi32(four);
        each<vectors>([&](auto o) {
          __m512i& s = sum[p * vectors + o];
          s = _mm512_dpbusd_epi32(s, x, weight[o]);
        });
      });
      weights += vectors * kLanes * kQuad;
      at += kQuad;
    } while (at != end);
  }
}

template <int pixels, int vectors>
void dense_tile(const Dense& d, int first) {
  const uint8_t* window[pixels];
  each<pixels>([&](auto p) { window[p] = d.pixels[first + p]; });
  __m512i sum[pixels * vectors];
  each<pixels * vectors>([&](auto k) { sum[k] = _mm512_setzero_si512(); });
  for (int plane = d.planes - 1;; --plane) {
    dense_plane<pixels, vectors>(d, window, plane * d.plane_stride, sum);
    if (plane == 0) break;
    each<pixels * vectors>([&](auto k) { sum[k] = _mm512_slli_epi32(sum[k], 8); });
  }
  int32_t* sums = d.sums + static_cast<ptrdiff_t>(first) * vectors * kLanes;
  each<vectors>([&](auto o) {
    const __m512i start = _mm512_loadu_si512(d.start + o * kLanes);
    each<pixels>([&](auto p) {
      const int k = p * vectors + o;
      _mm512_store_si512(sums + k * kLanes, _mm512_add_epi32(sum[k], start));
    });
  });
}

template <int pixels, int vectors>
void dense_tile_of(const Dense& d, int first, int count) {
  if (count == pixels) return dense_tile<pixels, vectors>(d, first);
  if constexpr (pixels > 1) dense_tile_of<pixels - 1, vectors>(d, first, count);
}

// Tiles of nearly the same height: a pass over the weights costs the more the fewer share it.
template <int vectors>
void dense_tiles(const Dense& d) {
  constexpr int most = tile_pixels(vectors);
  const int tiles = (d.count + most - 1) / most;
  for (int tile = 0, first = 0; tile < tiles; ++tile) {
    const int count = (d.count - first) / (tiles - tile);
    dense_tile_of<most, vectors>(d, first, count);
    first += count;
  }
}

void dense(const Dense& d) {
  switch (d.vectors) {
    case 1:
      return dense_tiles<1>(d);
    case 2:
      return dense_tiles<2>(d);
    case 3:
      return dense_tiles<3>(d);
    default:
      return dense_tiles<4>(d);
  }
}

constexpr int kWidest = 64;

inline void store_part(__m256i words, const int32_t* from, int32_t* to) {
  const __m512i sum = _mm512_cvtepi16_epi32(words);
  _mm512_store_si512(to, _mm512_add_epi32(sum, _mm512_loadu_si512(from)));
}

// Words 0, n, 1, n + 1 .. of two vectors of n words, and what follows them.
alignas(64) constexpr uint16_t kFirst[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                             37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                             11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
alignas(64) constexpr uint16_t kSecond[32] = {16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21,
                                              53, 22, 54, 23, 55, 24, 56, 25, 57, 26, 58,
                                              27, 59, 28, 60, 29, 61, 30, 62, 31, 63};

inline void store_sums(__m512i even, __m512i odd, const int32_t* from, int32_t* to) {
  const __m512i a = _mm512_permutex2var_epi16(even, _mm512_load_si512(kFirst), odd);
  const __m512i b = _mm512_permutex2var_epi16(even, _mm512_load_si512(kSecond), odd);
  store_part(_mm512_castsi512_si256(a), from, to);
  store_part(_mm512_extracti64x4_epi64(a, 1), from + 16, to + 16);
  store_part(_mm512_castsi512_si256(b), from + 32, to + 32);
  store_part(_mm512_extracti64x4_epi64(b, 1), from + 48, to + 48);
}

inline void store_sums(__m256i even, __m256i odd, const int32_t* from, int32_t* to) {
  const __m256i a = _mm256_unpacklo_epi16(even, odd);
  const __m256i b = _mm256_unpackhi_epi16(even, odd);
  store_part(_mm256_permute2x128_si256(a, b, 0x20), from, to);
  store_part(_mm256_permute2x128_si256(a, b, 0x31), from + 16, to + 16);
}

inline void store_sums(__m128i even, __m128i odd, const int32_t* from, int32_t* to) {
  const __m128i a = _mm_unpacklo_epi16(even, odd);
  const __m128i b = _mm_unpackhi_epi16(even, odd);
  store_part(_mm256_set_m128i(b, a), from, to);
}

using Offsets = __m512i;
constexpr int kOffsets = 16;

inline Offsets offsets(int32_t value) { return _mm512_set1_epi32(value); }
inline Offsets offset_sum(Offsets a, Offsets b) { return _mm512_add_epi32(a, b); }

template <int factor>
inline void store_offsets(const uint16_t* events, Offsets base, uint32_t* list) {
  const __m256i event = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(events));
  const __m512i row = _mm512_cvtepu16_epi32(event);
  constexpr int shift = factor == 64 ? 6 : factor == 32 ? 5 : 4;
  const __m512i offset = factor == 48 ? _mm512_mullo_epi32(row, offsets(factor))
                                      : _mm512_slli_epi32(row, shift);
  _mm512_storeu_si512(list, _mm512_add_epi32(offset, base));
}

#include "x86_sparse.h"

int list(const uint8_t* bytes, int channels, uint16_t* events) {
  __m512i channel = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                     15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  int count = 0;
  for (int c = 0; c < channels; c += 32) {
    const __mmask32 some = channels - c < 32 ? _bzhi_u32(~0u, channels - c) : ~0u;
    const __m256i x = _mm256_maskz_loadu_epi8(some, bytes + c);
    const __mmask32 spikes = _mm256_test_epi8_mask(x, x);
    _mm512_storeu_si512(events + count, _mm512_maskz_compress_epi16(spikes, channel));
    count += _mm_popcnt_u32(spikes);
    channel = _mm512_add_epi16(channel, _mm512_set1_epi16(32));
  }
  return count;
}

Census census(const uint8_t* bytes, size_t count) {
  uint64_t spikes = 0;
  __m512i highest = _mm512_setzero_si512();
  for (size_t k = 0; k < count; k += 64) {
    const __mmask64 some = count - k < 64 ? _bzhi_u64(~0ull, count - k) : ~0ull;
    const __m512i x = _mm512_maskz_loadu_epi8(some, bytes + k);
    spikes += _mm_popcnt_u64(_mm512_test_epi8_mask(x, x));
    highest = _mm512_max_epu8(highest, x);
  }
  alignas(64) uint8_t most[64];
  _mm512_store_si512(most, highest);
  return {spikes, *std::max_element(most, most + 64)};
}

using Ints = __m512i;
using Flags = __mmask16;
constexpr int kInts = 16;

inline Ints ints(int32_t value) { return _mm512_set1_epi32(value); }
inline Ints plus(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints minus(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
inline Ints times(Ints a, Ints b) { return _mm512_mullo_epi32(a, b); }
inline Ints lowest(Ints a, Ints b) { return _mm512_min_epi32(a, b); }
inline Ints highest(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
inline Ints magnitude(Ints a) { return _mm512_abs_epi32(a); }
inline Ints masked(Ints a, Ints b) { return _mm512_and_si512(a, b); }
inline Ints left(Ints a, Ints by) { return _mm512_sllv_epi32(a, by); }
inline Ints right(Ints a, Ints by) { return _mm512_srlv_epi32(a, by); }
inline Ints left(Ints a, int by) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(by)); }
inline Ints right(Ints a, int by) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(by)); }
inline Flags above(Ints a, Ints b) { return _mm512_cmpgt_epi32_mask(a, b); }
inline Ints either(Flags f, Ints a, Ints b) { return _mm512_mask_blend_epi32(f, b, a); }
inline Ints zero_if(Flags f, Ints a) { return _mm512_maskz_mov_epi32(_knot_mask16(f), a); }
inline Ints signed_like(Ints a, Ints b) {
  return _mm512_mask_sub_epi32(a, _mm512_movepi32_mask(b), ints(0), a);
}

struct Whole {
  Ints load(const int32_t* p) const { return _mm512_loadu_si512(p); }
  void store(int32_t* p, Ints x) const { _mm512_storeu_si512(p, x); }
  void store_flags(uint8_t* p, Flags f) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_maskz_set1_epi8(f, 1));
  }
};

#include "x86_store.h"

struct Some {
  explicit Some(int some) : count(some), lanes(static_cast<__mmask16>((1u << some) - 1)) {}
  Ints load(const int32_t* p) const { return _mm512_maskz_loadu_epi32(lanes, p); }
  void store(int32_t* p, Ints x) const {
    __m256i rest = _mm512_castsi512_si256(x);
    auto* to = reinterpret_cast<uint8_t*>(p);
    if (count & 8) {
      to = store_piece(to, rest);
      rest = _mm512_extracti64x4_epi64(x, 1);
    }
    store_first(to, rest, count % 8 * 4);
  }
  void store_flags(uint8_t* p, Flags f) const {
    store_first(p, _mm_maskz_set1_epi8(f, 1), count);
  }
  int count;
  __mmask16 lanes;
};

#include "x86_finish.h"

}  // namespace

const Kernels* vnni_kernels() {
  static const Kernels kernels = {"avx512vnni", kDensePixels, dense, sparse, list,
                                  census, finish, float_neuron_loops};
  return &kernels;
}

}  // namespace snn

#else

namespace snn {
const Kernels* vnni_kernels() { return nullptr; }
}  // namespace snn

#endif
