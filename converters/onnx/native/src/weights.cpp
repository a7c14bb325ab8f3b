#include "weights.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace snn {
namespace {

constexpr size_t kLine = 64;

void* lines(size_t bytes) { return std::aligned_alloc(kLine, (bytes + kLine - 1) / kLine * kLine); }

}  // namespace

Weights::~Weights() {
  std::free(dense_);
  std::free(rows_);
}

bool Weights::pack(const Kernel& k, const int8_t* matrix) {
  const int inputs = static_cast<int>(k.group_inputs());
  const int outputs = static_cast<int>(k.group_outputs());
  quads_ = (inputs + kQuad - 1) / kQuad;
  size_t dense_bytes = 0, rows_bytes = 0;
  const size_t dense_lane = static_cast<size_t>(k.taps()) * quads_ * kQuad;
  const size_t rows_lane = static_cast<size_t>(k.taps()) * inputs;
  constexpr int kBlock = kLanes * kMostVectors;
  for (int group = 0; group < k.groups; ++group) {
    for (int first = 0; first < outputs; first += kBlock) {
      const int lanes = std::min(kBlock, outputs - first);
      const int vectors = (lanes + kLanes - 1) / kLanes;
      panels_.push_back({group, group * outputs + first, lanes, vectors, nullptr, nullptr});
      dense_bytes += dense_lane * vectors * kLanes;
      // Each panel begins on a cache line; vectors of one panel are multiples of 16 bytes only.
      rows_bytes += (rows_lane * vectors * kLanes + kLine - 1) / kLine * kLine;
    }
  }
  dense_ = static_cast<int8_t*>(lines(dense_bytes));
  rows_ = static_cast<uint8_t*>(lines(rows_bytes));
  if (!dense_ || !rows_) return false;
  std::memset(dense_, 0, dense_bytes);
  std::memset(rows_, 128, rows_bytes);
  size_t dense_at = 0, rows_at = 0;
  for (Panel& panel : panels_) {
    panel.dense = dense_ + dense_at;
    panel.rows = rows_ + rows_at;
    pack_panel(k, matrix, panel);
    dense_at += dense_lane * panel.vectors * kLanes;
    rows_at += (rows_lane * panel.vectors * kLanes + kLine - 1) / kLine * kLine;
  }
  sums_.assign(k.outputs, 0);
  std::vector<int64_t> magnitudes(k.outputs, 0);
  for (int64_t row = 0; row < k.taps() * inputs; ++row) {
    for (int64_t o = 0; o < k.outputs; ++o) {
      const int weight = matrix[row * k.outputs + o];
      sums_[o] += weight;
      magnitudes[o] += std::abs(weight);
    }
  }
  largest_ = *std::max_element(magnitudes.begin(), magnitudes.end());
  return true;
}

void Weights::pack_panel(const Kernel& k, const int8_t* matrix, const Panel& panel) {
  const int64_t inputs = k.group_inputs();
  const int width = panel.vectors * kLanes;
  int8_t* dense = dense_ + (panel.dense - dense_);
  uint8_t* rows = rows_ + (panel.rows - rows_);
  for (int64_t tap = 0; tap < k.taps(); ++tap) {
    for (int64_t c = 0; c < inputs; ++c) {
      const int8_t* from = matrix + (tap * inputs + c) * k.outputs + panel.first;
      uint8_t* row = rows + (tap * inputs + c) * width;
      int8_t* quad = dense + (tap * quads_ + c / kQuad) * width * kQuad + c % kQuad;
      for (int o = 0; o < panel.lanes; ++o) {
        row[o] = static_cast<uint8_t>(from[o] + 128);
        quad[o * kQuad] = from[o];
      }
    }
  }
}

}  // namespace snn
