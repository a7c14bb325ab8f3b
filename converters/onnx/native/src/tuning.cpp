#include "tuning.h"

#include <chrono>
#include <vector>

namespace snn {
namespace {

// A layer of 64 channels and 3 x 3 taps: its weights lie in the second cache, as most do.
constexpr int kChannels = 64;
constexpr int kTaps = 9;
constexpr int kCount = 48;
constexpr int kRepeats = 7;

using Clock = std::chrono::steady_clock;

// The fastest of a few runs: whatever else the machine does makes them slower, never faster.
template <typename Work>
double nanoseconds(const Work& work) {
  double best = 0;
  for (int k = 0; k < kRepeats; ++k) {
    const auto begin = Clock::now();
    work();
    const double took = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    if (k == 0 || took < best) best = took;
  }
  return best;
}

struct alignas(64) Line {
  uint8_t bytes[64];
};

class Trial {
 public:
  explicit Trial(const Kernels& kernels)
      : kernels_(kernels),
        pixels_(kCount * kTaps * kChannels / 64),
        weights_(kTaps * kChannels * kMostVectors * kLanes / 64),
        sums_(kMostPixels * kMostVectors * kLanes * 4 / 64),
        events_(kCount * kTaps * (kChannels + 32)),
        counts_(kCount * kTaps) {}

  double dense(int vectors) {
    const uint8_t* first = pixels_[0].bytes;
    std::vector<const uint8_t*> pixels;
    for (int m = 0; m < kCount; ++m) pixels.push_back(first + m * kTaps * kChannels);
    std::vector<int32_t> taps;
    for (int tap = 0; tap < kTaps; ++tap) taps.push_back(tap * kChannels);
    const auto* weights = reinterpret_cast<const int8_t*>(weights_[0].bytes);
    return nanoseconds([&] {
      for (int m = 0; m < kCount; m += kernels_.pixels) {
        const int count = kCount - m < kernels_.pixels ? kCount - m : kernels_.pixels;
        kernels_.dense({pixels.data() + m, count, taps.data(), kTaps, kChannels / kQuad, 1, 0,
                        weights, vectors, start_, sums()});
      }
    });
  }

  // One spike in `every` channels.
  double sparse(int vectors, int every) {
    constexpr int kCapacity = kChannels + 32;
    for (int pixel = 0; pixel < kCount * kTaps; ++pixel) {
      int count = 0;
      for (int c = pixel % every; c < kChannels; c += every) {
        events_[pixel * kCapacity + count++] = static_cast<uint16_t>(c);
      }
      counts_[pixel] = static_cast<uint16_t>(count);
    }
    std::vector<int32_t> pixels, taps;
    for (int m = 0; m < kCount; ++m) pixels.push_back(m * kTaps);
    for (int tap = 0; tap < kTaps; ++tap) taps.push_back(tap);
    return nanoseconds([&] {
      kernels_.sparse({pixels.data(), kCount, taps.data(), kTaps, events_.data(), counts_.data(),
                       kCapacity, kChannels, weights_[0].bytes, vectors, start_, sums()});
    });
  }

  double listing() {
    uint16_t events[kChannels + 32];
    return nanoseconds([&] {
      for (int m = 0; m < kCount * kTaps; ++m) {
        kernels_.list(pixels_[0].bytes + m * kChannels, kChannels, events);
      }
    });
  }

 private:
  int32_t* sums() { return reinterpret_cast<int32_t*>(sums_[0].bytes); }

  const Kernels& kernels_;
  std::vector<Line> pixels_, weights_, sums_;
  std::vector<uint16_t> events_, counts_;
  int32_t start_[kMostVectors * kLanes] = {};
};

Tuning measured(const Kernels& kernels) {
  Trial trial(kernels);
  Tuning found = {};
  for (int vectors = 1; vectors <= kMostVectors; ++vectors) {
    constexpr int kFew = 32, kMany = 4;
    constexpr double kTapsInAll = kCount * kTaps;
    constexpr double kFewEvents = kTapsInAll * kChannels / kFew;
    constexpr double kManyEvents = kTapsInAll * kChannels / kMany;
    const double few = trial.sparse(vectors, kFew), many = trial.sparse(vectors, kMany);
    const double slope = (many - few) / (kManyEvents - kFewEvents);
    found.quad[vectors] = trial.dense(vectors) / (kTapsInAll * kChannels / kQuad);
    found.event[vectors] = slope > 0 ? slope : many / kManyEvents;
    const double rest = few - found.event[vectors] * kFewEvents;
    found.tap[vectors] = rest > 0 ? rest / kTapsInAll : 0;
  }
  found.listed = trial.listing() / (kCount * kTaps * kChannels);
  return found;
}

}  // namespace

const Tuning& tuning(const Kernels& kernels) {
  // One table is chosen for a process, so one measurement will do.
  static const Tuning found = measured(kernels);
  return found;
}

}  // namespace snn
