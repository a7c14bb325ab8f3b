// How a kernel slides over a map. A matrix product is a kernel of one position on a map of one.

#pragma once

#include <cstdint>

namespace snn {

struct Kernel {
  int64_t size[2] = {1, 1};  // rows, columns
  int64_t stride[2] = {1, 1};
  int64_t before[2] = {0, 0};  // padding
  int64_t after[2] = {0, 0};
  int64_t dilation[2] = {1, 1};
  int64_t groups = 1;
  int64_t inputs = 0;   // channels, of all groups together
  int64_t outputs = 0;  // of all groups together

  int64_t taps() const { return size[0] * size[1]; }
  int64_t group_inputs() const { return inputs / groups; }
  int64_t group_outputs() const { return outputs / groups; }
};

struct Map {
  int64_t count = 0;  // how many
  int64_t rows = 0;
  int64_t columns = 0;

  int64_t positions() const { return count * rows * columns; }
};

// What the kernel makes of a map; no rows or columns where it does not fit.
inline Map slid(const Kernel& k, const Map& from) {
  const auto along = [&](int axis, int64_t length) {
    const int64_t span = k.dilation[axis] * (k.size[axis] - 1) + 1;
    const int64_t room = length + k.before[axis] + k.after[axis] - span;
    return room < 0 ? 0 : room / k.stride[axis] + 1;
  };
  return {from.count, along(0, from.rows), along(1, from.columns)};
}

}  // namespace snn
