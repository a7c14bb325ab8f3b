// A layer's weights, packed once in the order in which the inner loops read them.

#pragma once

#include <vector>

#include "geometry.h"
#include "kernels.h"

namespace snn {

// A block of at most 64 outputs of one group.
struct Panel {
  int group;
  int first;            // of its outputs, among all
  int lanes;            // outputs
  int vectors;          // of 16 outputs, the last filled up with zeros
  const int8_t* dense;  // as Dense::weights
  const uint8_t* rows;  // as Sparse::rows
};

class Weights {
 public:
  // matrix: [taps * inputs of a group][outputs], channels innermost. False without memory.
  bool pack(const Kernel& kernel, const int8_t* matrix);

  const std::vector<Panel>& panels() const { return panels_; }
  int quads() const { return quads_; }
  // Sum of an output's weights, and of their magnitudes.
  const std::vector<int64_t>& sums() const { return sums_; }
  int64_t largest_magnitude() const { return largest_; }
  ~Weights();

 private:
  void pack_panel(const Kernel& kernel, const int8_t* matrix, const Panel& panel);

  std::vector<Panel> panels_;
  std::vector<int64_t> sums_;
  int64_t largest_ = 0;
  int quads_ = 0;
  int8_t* dense_ = nullptr;
  uint8_t* rows_ = nullptr;
};

}  // namespace snn
