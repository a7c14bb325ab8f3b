#include <algorithm>

#include "cases.h"

namespace snn {
namespace test {
namespace {

// Products of a case: most cases are small, so that there can be many.
int64_t drawn_effort(Random& random) { return random.one_in(8) ? 8000000 : 500000; }

// Rows of pixels under a window; distances are in pixels.
std::vector<int32_t> drawn_taps(Random& random, int tap_count) {
  const int width = random.between(1, 7);
  const int dilation = random.between(1, 2);
  const int map_width = random.between(width * dilation, 40);
  const bool anywhere = random.one_in(4);
  std::vector<int32_t> taps;
  for (int tap = 0; tap < tap_count; ++tap) {
    taps.push_back(anywhere ? random.between(0, 60)
                            : (tap / width * map_width + tap % width) * dilation);
  }
  return taps;
}

std::vector<int32_t> drawn_windows(Random& random, int count) {
  const int stride = random.between(1, 2);
  const bool anywhere = random.one_in(4);
  std::vector<int32_t> windows;
  for (int m = 0; m < count; ++m) windows.push_back(anywhere ? random.between(0, 80) : m * stride);
  return windows;
}

int32_t highest(const std::vector<int32_t>& numbers) {
  return *std::max_element(numbers.begin(), numbers.end());
}

int32_t wrapped_sum(int64_t sum) { return static_cast<int32_t>(static_cast<uint64_t>(sum)); }

struct DenseCase {
  int count;
  int vectors;
  int tap_count;
  int quads;
  int planes;

  int lanes() const { return vectors * kLanes; }

  int64_t effort() const {
    return int64_t{1} * count * lanes() * tap_count * quads * kQuad * planes;
  }

  std::string text() const {
    return "dense: count " + std::to_string(count) + ", vectors " + std::to_string(vectors) +
           ", taps " + std::to_string(tap_count) + ", quads " + std::to_string(quads) +
           ", planes " + std::to_string(planes);
  }
};

DenseCase drawn_dense(Random& random, int count) {
  const int taps[] = {1, 9, 25, 49, random.between(1, 49)};
  const int quads[] = {1, 2, 16, 32, 128, random.between(1, 128), random.between(1, 128)};
  DenseCase c = {count, random.between(1, 4), random.one_of(taps), random.one_of(quads),
                 random.one_in(2) ? 1 : random.between(2, 4)};
  const int64_t most = drawn_effort(random);
  while (c.effort() > most) {
    int& larger = c.tap_count > c.quads ? c.tap_count : c.quads;
    larger = std::max(1, larger - random.between(1, larger));
  }
  return c;
}

Buffer<int32_t> plain_dense(const Dense& d) {
  const size_t lanes = static_cast<size_t>(d.vectors) * kLanes;
  Buffer<int32_t> sums(static_cast<size_t>(d.count) * lanes);
  for (int m = 0; m < d.count; ++m) {
    for (size_t o = 0; o < lanes; ++o) {
      int64_t sum = d.start[o];
      for (int plane = 0; plane < d.planes; ++plane) {
        int64_t part = 0;
        for (int tap = 0; tap < d.tap_count; ++tap) {
          const uint8_t* x = d.pixels[m] + d.taps[tap] + plane * d.plane_stride;
          for (int c = 0; c < d.quads * kQuad; ++c) {
            const size_t quad = static_cast<size_t>(tap * d.quads + c / kQuad);
            part += x[c] * d.weights[(quad * lanes + o) * kQuad + static_cast<size_t>(c % kQuad)];
          }
        }
        sum += part * (int64_t{1} << (8 * plane));
      }
      sums[static_cast<size_t>(m) * lanes + o] = wrapped_sum(sum);
    }
  }
  return sums;
}

// In calls of as many pixels as the instruction set takes; the last pixels first, so that whoever
// writes more than it should destroys what is there already.
void run_dense(const Kernels& kernels, const Dense& all) {
  for (int first = (all.count - 1) / kernels.pixels * kernels.pixels; first >= 0;
       first -= kernels.pixels) {
    Dense d = all;
    d.pixels += first;
    d.count = std::min(kernels.pixels, all.count - first);
    d.sums += first * all.vectors * kLanes;
    kernels.dense(d);
  }
}

void check_dense_case(Random& random, Tallies& tallies, const DenseCase& c) {
  const size_t lanes = static_cast<size_t>(c.lanes());
  const int pitch = c.quads * kQuad;
  std::vector<int32_t> taps = drawn_taps(random, c.tap_count);
  const std::vector<int32_t> windows = drawn_windows(random, c.count);
  const ptrdiff_t plane_bytes = ptrdiff_t{1} * (highest(taps) + highest(windows) + 1) * pitch;
  const ptrdiff_t plane_stride = plane_bytes + kQuad * random.between(0, 20);
  for (int32_t& tap : taps) tap *= pitch;

  Buffer<uint8_t> input(static_cast<size_t>((c.planes - 1) * plane_stride + plane_bytes),
                        random.one_in(2) ? 0 : kQuad * random.between(0, 15));
  Buffer<int8_t> weights(static_cast<size_t>(c.tap_count * c.quads) * lanes * kQuad);
  Buffer<int32_t> start(lanes, random.between(0, 3));
  Buffer<int32_t> sums(static_cast<size_t>(c.count) * lanes);
  fill_bytes(random, input);
  fill_weights(random, weights);
  fill_integers(random, start);
  std::vector<const uint8_t*> pixels;
  for (int32_t window : windows) pixels.push_back(input.data() + ptrdiff_t{1} * window * pitch);

  const Dense d = {pixels.data(), c.count,        taps.data(), c.tap_count,  c.quads,    c.planes,
                   plane_stride,  weights.data(), c.vectors,   start.data(), sums.data()};
  const Buffer<int32_t> expected = plain_dense(d);
  for (Tally& tally : tallies) {
    sums.wipe();
    run_case(tally, c.text(), [&] { run_dense(*tally.kernels, d); });
    expect_same(tally, c.text(), "sums", expected, sums);
  }
}

struct SparseCase {
  int count;
  int vectors;
  int tap_count;
  int channels;

  int lanes() const { return vectors * kLanes; }

  int64_t effort() const { return int64_t{1} * count * lanes() * tap_count * channels; }

  std::string text() const {
    return "sparse: count " + std::to_string(count) + ", vectors " + std::to_string(vectors) +
           ", taps " + std::to_string(tap_count) + ", channels " + std::to_string(channels);
  }
};

SparseCase drawn_sparse(Random& random, int count) {
  const int taps[] = {1, 9, 25, random.between(1, 49)};
  const int channels[] = {64, 257, 258, 1024, random.between(1, 1024), random.between(1, 300)};
  SparseCase c = {count, random.between(1, 4), random.one_of(taps), random.one_of(channels)};
  const int64_t most = 2 * drawn_effort(random);
  while (c.effort() > most) {
    int& larger = random.one_in(4) && c.channels > 1 ? c.channels : c.tap_count;
    int& shrunk = larger > 1 ? larger : c.channels;
    shrunk = std::max(1, shrunk - random.between(1, shrunk));
  }
  return c;
}

// The channels that spike, in order: none, all, or those that a rate gives.
std::vector<uint16_t> drawn_events(Random& random, int channels, int kind) {
  const int rate = random.between(2, 20);
  std::vector<uint16_t> events;
  for (int channel = 0; channel < channels; ++channel) {
    if (kind == 0 || (kind > 1 && random.one_in(rate))) {
      events.push_back(static_cast<uint16_t>(channel));
    }
  }
  return events;
}

Buffer<int32_t> plain_sparse(const Sparse& s) {
  const size_t lanes = static_cast<size_t>(s.vectors) * kLanes;
  Buffer<int32_t> sums(static_cast<size_t>(s.count) * lanes);
  for (int m = 0; m < s.count; ++m) {
    for (size_t o = 0; o < lanes; ++o) {
      int64_t sum = s.start[o];
      for (int tap = 0; tap < s.tap_count; ++tap) {
        const size_t pixel = static_cast<size_t>(s.pixels[m] + s.taps[tap]);
        for (size_t k = 0; k < s.counts[pixel]; ++k) {
          const size_t channel = s.events[pixel * static_cast<size_t>(s.capacity) + k];
          const size_t row = static_cast<size_t>(tap * s.channels) + channel;
          sum += s.rows[row * lanes + o] - 128;
        }
      }
      sums[static_cast<size_t>(m) * lanes + o] = wrapped_sum(sum);
    }
  }
  return sums;
}

void check_sparse_case(Random& random, Tallies& tallies, const SparseCase& c) {
  const size_t lanes = static_cast<size_t>(c.lanes());
  const std::vector<int32_t> taps = drawn_taps(random, c.tap_count);
  const std::vector<int32_t> windows = drawn_windows(random, c.count);
  const size_t pixel_count = static_cast<size_t>(highest(taps) + highest(windows) + 1);

  std::vector<std::vector<uint16_t>> spikes;
  const int kind = random.between(0, 4);
  for (size_t pixel = 0; pixel < pixel_count; ++pixel) {
    spikes.push_back(drawn_events(random, c.channels, kind < 4 ? kind : random.between(0, 3)));
  }
  const size_t capacity = static_cast<size_t>(c.channels + kListRoom + random.between(0, 9));
  Buffer<uint16_t> events(pixel_count * capacity, random.between(0, 3));
  Buffer<uint16_t> counts(pixel_count, random.between(0, 3));
  events.wipe();
  for (size_t pixel = 0; pixel < pixel_count; ++pixel) {
    counts[pixel] = static_cast<uint16_t>(spikes[pixel].size());
    std::copy(spikes[pixel].begin(), spikes[pixel].end(), events.data() + pixel * capacity);
  }
  Buffer<uint8_t> rows(static_cast<size_t>(c.tap_count * c.channels) * lanes);
  Buffer<int32_t> start(lanes, random.between(0, 3));
  Buffer<int32_t> sums(static_cast<size_t>(c.count) * lanes);
  fill_bytes(random, rows);
  fill_integers(random, start);

  const Sparse s = {windows.data(),
                    c.count,
                    taps.data(),
                    c.tap_count,
                    events.data(),
                    counts.data(),
                    static_cast<int>(capacity),
                    c.channels,
                    rows.data(),
                    c.vectors,
                    start.data(),
                    sums.data()};
  const Buffer<int32_t> expected = plain_sparse(s);
  for (Tally& tally : tallies) {
    sums.wipe();
    run_case(tally, c.text(), [&] { tally.kernels->sparse(s); });
    expect_same(tally, c.text(), "sums", expected, sums);
  }
}

}  // namespace

void check_dense(Random& random, Tallies& tallies) {
  for (int count = 1; count <= kMostPixels; ++count) {
    check_dense_case(random, tallies, drawn_dense(random, count));
  }
}

void check_sparse(Random& random, Tallies& tallies) {
  for (int count = 1; count <= kMostPixels; ++count) {
    check_sparse_case(random, tallies, drawn_sparse(random, count));
  }
}

}  // namespace test
}  // namespace snn
