// Kernels::sparse: for every spike, a row of weights is added.
//
// Included, as loops.h is, inside the unnamed namespace of an instruction set's file. Before it the
// file defines
//   kWidest, the bytes of its vectors;
//   store_sums(even, odd, from, to), for vectors of 16 bytes up to those, of signed words:
//   to[2k] = from[2k] + even[k] and to[2k + 1] = from[2k + 1] + odd[k];
//   Offsets, a vector of kOffsets uint32_t, offsets(value): that many copies, and offset_sum(a, b);
//   store_offsets<factor>(events, base, list): kOffsets events, times factor, plus base.

template <class Element, int bytes>
struct VectorOf {
  typedef Element type __attribute__((vector_size(bytes)));
};
template <int bytes>
using Words = typename VectorOf<uint16_t, bytes>::type;

// Rows that can be added before sums of 16 bits overflow: 255 * 128 < 2^15.
constexpr int kMostRows = 255;

// Offsets of rows that are gathered before they are added.
constexpr int kListed = 4608;

// Pixels whose lists are made at once, where they are shorter than kLong.
constexpr int kBatch = 8;
constexpr int kLong = 128;

// Rows that fit well in the first-level cache, next to sums and lists.
constexpr int kNearBytes = 24 << 10;

// Spikes of a pixel whose rows, once near, earn what another pass over the pixels costs.
constexpr int kEarning = 64;

constexpr int part_bytes(int bytes) {
  return bytes >= kWidest ? kWidest : bytes >= 32 ? 32 : 16;
}

// The sum of rows of so many bytes. A row is read as words, each of which holds the byte of an even
// output and 256 times that of an odd one. Words are summed, and the odd bytes alone; both modulo
// 2^16, which is enough to tell the even ones: no byte is ever widened.
template <int bytes>
struct RowSum {
  static constexpr int kPartBytes = part_bytes(bytes);
  using Part = Words<kPartBytes>;
  using Raw = typename VectorOf<long long, kPartBytes>::type;

  // Bits that are not in the mask count as 0.
  [[gnu::always_inline]] void add(const uint8_t* row, uint16_t mask = 0xffff) {
    Part part;
    std::memcpy(&part, row, sizeof part);
    part &= mask;
    both += part;
    odd += part >> 8;
    rest.add(row + kPartBytes, mask);
  }

  [[gnu::always_inline]] void add(const RowSum& other) {
    both += other.both;
    odd += other.odd;
    rest.add(other.rest);
  }

  // to = from + sum of the weights; a byte is a weight + 128.
  [[gnu::always_inline]] void store(int count, const int32_t* from, int32_t* to) const {
    const uint16_t excess = static_cast<uint16_t>(count * 128);
    store_sums(reinterpret_cast<Raw>(both - (odd << 8) - excess),
               reinterpret_cast<Raw>(odd - excess), from, to);
    rest.store(count, from + kPartBytes, to + kPartBytes);
  }

  Part both = {};
  Part odd = {};
  RowSum<bytes - kPartBytes> rest;
};

template <>
struct RowSum<0> {
  void add(const uint8_t*, uint16_t) {}
  void add(const RowSum&) {}
  void store(int, const int32_t*, int32_t*) const {}
};

// to = from + the sum of `count` rows, at most kMostRows, which are two at a time.
template <int vectors>
inline void add_rows(const uint8_t* rows, const uint32_t* list, int count, const int32_t* from,
                     int32_t* to) {
  RowSum<vectors * kLanes> sum, other;
  // The row that is left over, if any, without a branch.
  const uint32_t left = 0u - static_cast<uint32_t>(count & 1);
  sum.add(rows + (list[0] & left), static_cast<uint16_t>(left));
  const uint32_t* const last = list + count;
  for (list += count & 1; list != last; list += 2) {
    sum.add(rows + list[0]);
    other.add(rows + list[1]);
  }
  sum.add(other);
  sum.store(count, from, to);
}

template <int vectors>
inline void add_listed(const uint8_t* rows, const uint32_t* list, int count, const int32_t* from,
                       int32_t* to) {
  for (; count > kMostRows; count -= kMostRows, list += kMostRows, from = to) {
    add_rows<vectors>(rows, list, kMostRows, from, to);
  }
  add_rows<vectors>(rows, list, count, from, to);
}

// Appends where the rows of a tap's events begin; writes up to a vector more.
template <int vectors>
[[gnu::always_inline]] inline uint32_t* append(const uint16_t* events, ptrdiff_t count,
                                               Offsets base, uint32_t* list) {
  // At least once, whatever the count: whether there are any events is hard to predict.
  ptrdiff_t k = 0;
  do {
    store_offsets<vectors * kLanes>(events + k, base, list + k);
    k += kOffsets;
  } while (__builtin_expect(k < count, 0));
  return list + count;
}

template <int vectors>
[[gnu::always_inline]] inline uint32_t* append_taps(const Sparse& s, int pixel, int tap_begin,
                                                    int tap_end, uint32_t* list) {
  const ptrdiff_t capacity = s.capacity;
  const uint16_t* counts = s.counts + pixel;
  const uint16_t* events = s.events + pixel * capacity;
  const Offsets step = offsets(s.channels * vectors * kLanes);
  Offsets base = offsets(0);
  for (const int32_t *tap = s.taps + tap_begin, *last = s.taps + tap_end; tap != last; ++tap) {
    list = append<vectors>(events + *tap * capacity, counts[*tap], base, list);
    base = offset_sum(base, step);
  }
  return list;
}

// How a layer's rows are added.
struct Plan {
  int taps;   // of a window in a pass over the pixels, with at most kListed rows
  int batch;  // pixels whose lists are made before the first of them is read
};

// Passes let rows stay in the first-level cache while one pixel after the other adds some of them.
// Each has a price for every pixel, which few spikes do not earn.
//
// Batches are for short lists: what has just been stored is slow to read while it is on its way.
template <int vectors>
inline Plan plan_of(const Sparse& s) {
  const int32_t middle = s.taps[s.tap_count / 2];
  int64_t sum = 0;
  for (int m = 0; m < s.count; ++m) sum += s.counts[s.pixels[m] + middle];
  const int64_t spikes = sum * s.tap_count / s.count;  // of a pixel's window, roughly
  int taps = std::min(s.tap_count, kListed / s.channels);
  const int near = std::max(1, kNearBytes / (s.channels * vectors * kLanes));
  const int passes = (s.tap_count + near - 1) / near;
  if (spikes > (passes + 1) * kEarning) taps = std::min(taps, (s.tap_count + passes - 1) / passes);
  return {taps, spikes * taps > int64_t{kLong} * s.tap_count ? 1 : kBatch};
}

// A part of the taps of all pixels.
template <int vectors>
inline void sparse_taps(const Sparse& s, int tap_begin, int tap_end, int batch) {
  constexpr int lanes = vectors * kLanes;
  alignas(64) uint32_t list[kBatch * kLong + kListed + kOffsets];
  const uint8_t* rows = s.rows + static_cast<ptrdiff_t>(tap_begin) * s.channels * lanes;
  for (int done = 0; done < s.count;) {
    const uint32_t* ends[kBatch];
    const int most = std::min(batch, s.count - done);
    int now = 0;
    for (uint32_t* end = list; now < most && end <= list + kBatch * kLong; ++now) {
      end = append_taps<vectors>(s, s.pixels[done + now], tap_begin, tap_end, end);
      ends[now] = end;
    }
    const uint32_t* begin = list;
    for (int k = 0; k < now; ++k, ++done, begin = ends[k - 1]) {
      int32_t* sums = s.sums + done * lanes;
      add_listed<vectors>(rows, begin, static_cast<int>(ends[k] - begin),
                          tap_begin == 0 ? s.start : sums, sums);
    }
  }
}

// All pixels, where a single tap may have more events than a list has room for.
template <int vectors>
inline void sparse_wide(const Sparse& s) {
  constexpr int lanes = vectors * kLanes;
  alignas(64) uint32_t list[kListed + kOffsets];
  for (int m = 0; m < s.count; ++m) {
    int32_t* sums = s.sums + m * lanes;
    const int32_t* from = s.start;
    for (int tap = 0; tap < s.tap_count; ++tap) {
      const ptrdiff_t pixel = s.pixels[m] + s.taps[tap];
      const uint16_t* events = s.events + pixel * s.capacity;
      const uint8_t* rows = s.rows + static_cast<ptrdiff_t>(tap) * s.channels * lanes;
      for (int done = 0; done == 0 || done < s.counts[pixel]; done += kListed) {
        const int now = std::min(kListed, s.counts[pixel] - done);
        append<vectors>(events + done, now, offsets(0), list);
        add_listed<vectors>(rows, list, now, from, sums);
        from = sums;
      }
    }
  }
}

template <int vectors>
void sparse_pixels(const Sparse& s) {
  if (s.channels > kListed) return sparse_wide<vectors>(s);
  const Plan plan = plan_of<vectors>(s);
  for (int tap = 0; tap < s.tap_count; tap += plan.taps) {
    sparse_taps<vectors>(s, tap, std::min(tap + plan.taps, s.tap_count), plan.batch);
  }
}

void sparse(const Sparse& s) {
  switch (s.vectors) {
    case 1:
      return sparse_pixels<1>(s);
    case 2:
      return sparse_pixels<2>(s);
    case 3:
      return sparse_pixels<3>(s);
    default:
      return sparse_pixels<4>(s);
  }
}
