#include "layer.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "part.h"
#include "tuning.h"

namespace snn {
namespace {

// A part of this length is worth handing to another thread.
constexpr double kWorthwhile = 15e3;  // ns

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

// Enough to keep every processor busy to the end; more would only make them share panels, whose
// weights each of them would have to fetch.
double most_parts() {
  constexpr int kPartsOfEach = 4;
  static const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  return kPartsOfEach * processors - 1;
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
  const Range range = range_of(kernels_, t.type, t.x, from.positions() * kernel_.inputs, pool);
  Job job = {kernels_, kernel_, weights_, t,
             shift_.empty() ? nullptr : shift_.data(), bias_.empty() ? nullptr : bias_.data(),
             slid(kernel_, t.map), bordered(kernel_, from), false, is_narrow(range), range.low,
             {}, {}, {}};
  // Events are listed from bytes; integers of 32 bits may be 0 or 1, too.
  job.sparse = job.narrow && t.type == Type::kUint8 && sparse_is_faster(range, from, to);
  if (!take_input(job, range, from, pool)) return false;
  const double pixel_cost =
      job.sparse ? sparse_cost(tuning(kernels_), weights_, kernel_, spikes_of_pixel(range, from))
                 : dense_cost(tuning(kernels_), weights_, kernel_, job.bytes.planes);
  return deal(job, pixel_cost * to.positions(), pool);
}

// Lists the events, or packs the bytes. False without memory.
bool Layer::take_input(Job& job, const Range& range, const Map& from, Pool& pool) const {
  // Kept by the calling thread: its next layer overwrites it.
  static thread_local Scratch scratch;
  const Tensors& t = job.tensors;
  if (job.sparse) {
    const auto* spikes = static_cast<const uint8_t*>(t.x);
    job.events = list_events(kernels_, kernel_, job.in, spikes, from, scratch, pool);
    job.taps = taps_of(kernel_, job.in.map, kernel_.groups);
    return job.events.events;
  }
  job.bytes = pack_bytes(kernel_, job.in, range, t.type, t.x, from, scratch, pool);
  job.taps = taps_of(kernel_, job.in.map, job.bytes.pixel);
  return job.bytes.bytes;
}

// Deals panels, and pieces of the map, to the threads: as many parts as are worth it.
bool Layer::deal(const Job& job, double cost, Pool& pool) const {
  const auto panels = static_cast<int64_t>(weights_.panels().size());
  const int64_t tiles = (job.positions() + job.most_pixels() - 1) / job.most_pixels();
  const double worth = std::min(cost / kWorthwhile, most_parts());
  const int64_t pieces = std::min(tiles, static_cast<int64_t>(worth) / panels + 1);
  const int64_t together = worth < 2 ? panels : 1;
  std::atomic<bool> failed{false};
  pool.each(panels * pieces / together, [&](size_t task) {
    for (int64_t k = 0; k < together; ++k) {
      const int64_t part = static_cast<int64_t>(task) * together + k;
      const int64_t piece = part % pieces;
      const int64_t begin = tiles * piece / pieces * job.most_pixels();
      const int64_t end = tiles * (piece + 1) / pieces * job.most_pixels();
      const Panel& panel = weights_.panels()[part / pieces];
      if (!run_part(job, panel, begin, std::min(end, job.positions()))) failed = true;
    }
  });
  return !failed;
}

}  // namespace snn
