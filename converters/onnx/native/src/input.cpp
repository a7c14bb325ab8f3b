#include "input.h"

#include <algorithm>
#include <cstring>

namespace snn {
namespace {

// Elements that one call looks at: enough to be worth a thread's while.
constexpr int64_t kPart = 1 << 17;
constexpr int kMostParts = 64;
// Bytes of a map that are worth spreading over threads.
constexpr int64_t kMuch = 1 << 16;

template <typename Number>
Range extremes(const Number* x, int64_t count) {
  Number low = 0, high = 0;
  for (int64_t k = 0; k < count; ++k) {
    low = x[k] < low ? x[k] : low;
    high = x[k] > high ? x[k] : high;
  }
  return {low, high, 0};
}

Range range_of_part(const Kernels& kernels, Type type, const void* x, int64_t from,
                    int64_t count) {
  if (type == Type::kInt8) return extremes(static_cast<const int8_t*>(x) + from, count);
  if (type == Type::kInt32) return extremes(static_cast<const int32_t*>(x) + from, count);
  const Census found = kernels.census(static_cast<const uint8_t*>(x) + from, count);
  return {0, found.highest, found.spikes};
}

// Calls work(image, row) for all rows of a map.
template <typename Work>
void each_row(const Map& map, int64_t row_bytes, Pool& pool, const Work& work) {
  const int64_t rows = map.count * map.rows;
  const int64_t at_once = std::max<int64_t>(1, kMuch / std::max<int64_t>(1, row_bytes));
  const int64_t parts = std::max<int64_t>(1, rows / at_once);
  pool.each(parts, [&](size_t part) {
    const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
    for (int64_t row = begin; row < end; ++row) work(row / map.rows, row % map.rows);
  });
}

// Copies pixels of bytes; a group's channels are filled up with zeros.
void copy_pixels(const Kernel& k, int64_t padded, const uint8_t* x, int64_t pixels, uint8_t* to) {
  const int64_t inputs = k.group_inputs();
  if (inputs == padded) {
    std::memcpy(to, x, pixels * k.inputs);
    return;
  }
  for (int64_t n = 0; n < pixels * k.groups; ++n, x += inputs, to += padded) {
    std::memcpy(to, x, inputs);
    std::memset(to + inputs, 0, padded - inputs);
  }
}

// Takes byte `plane` of every number less `low`.
template <typename Number>
void split_pixels(const Kernel& k, int64_t padded, int64_t low, int plane, const Number* x,
                  int64_t pixels, uint8_t* to) {
  const int64_t inputs = k.group_inputs();
  const auto least = static_cast<uint32_t>(low);
  for (int64_t n = 0; n < pixels * k.groups; ++n, x += inputs, to += padded) {
    for (int64_t c = 0; c < inputs; ++c) {
      to[c] = static_cast<uint8_t>((static_cast<uint32_t>(x[c]) - least) >> (8 * plane));
    }
    std::memset(to + inputs, 0, padded - inputs);
  }
}

int planes_of(const Range& range) {
  const uint64_t reach = static_cast<uint64_t>(range.high - range.low);
  int planes = 1;
  while (planes < 4 && reach >> (8 * planes)) ++planes;
  return planes;
}

}  // namespace

Range range_of(const Kernels& kernels, Type type, const void* x, int64_t count, Pool& pool) {
  const int64_t parts = std::min<int64_t>(kMostParts, count / kPart + 1);
  Range found[kMostParts];
  pool.each(parts, [&](size_t part) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    found[part] = range_of_part(kernels, type, x, begin, end - begin);
  });
  for (int64_t part = 1; part < parts; ++part) {
    found[0].low = std::min(found[0].low, found[part].low);
    found[0].high = std::max(found[0].high, found[part].high);
    found[0].spikes += found[part].spikes;
  }
  return found[0];
}

Bordered bordered(const Kernel& k, const Map& from) {
  const Map map = {from.count, from.rows + k.before[0] + k.after[0],
                   from.columns + k.before[1] + k.after[1]};
  return {map, k.before[0], k.before[1]};
}

Bytes pack_bytes(const Kernel& k, const Bordered& to, const Range& range, Type type,
                 const void* x, const Map& from, Scratch& scratch, Pool& pool) {
  const int64_t padded = (k.group_inputs() + kQuad - 1) / kQuad * kQuad;
  const bool borderless = to.map.rows == from.rows && to.map.columns == from.columns;
  if (type == Type::kUint8 && borderless && padded == k.group_inputs()) {
    return {static_cast<const uint8_t*>(x), 1, 0, k.inputs, padded};
  }
  const int planes = type == Type::kUint8 ? 1 : planes_of(range);
  const int64_t pixel = padded * k.groups;
  const ptrdiff_t plane_bytes = to.map.positions() * pixel;
  auto* bytes = static_cast<uint8_t*>(scratch.take(plane_bytes * planes));
  if (!bytes) return {};
  const auto least = static_cast<uint32_t>(range.low);
  each_row(to.map, to.map.columns * pixel, pool, [&](int64_t image, int64_t row) {
    const int64_t y = row - to.top;
    const bool inside = 0 <= y && y < from.rows;
    const int64_t before = inside ? to.left : to.map.columns;
    const int64_t after = inside ? to.map.columns - to.left - from.columns : 0;
    const int64_t at = (image * from.rows + y) * from.columns * k.inputs;
    for (int plane = 0; plane < planes; ++plane) {
      uint8_t* line =
          bytes + plane * plane_bytes + (image * to.map.rows + row) * to.map.columns * pixel;
      const int zero = static_cast<uint8_t>((0u - least) >> (8 * plane));
      std::memset(line, zero, before * pixel);
      line += before * pixel;
      if (!inside) continue;
      if (type == Type::kUint8) {
        copy_pixels(k, padded, static_cast<const uint8_t*>(x) + at, from.columns, line);
      } else if (type == Type::kInt8) {
        split_pixels(k, padded, range.low, plane, static_cast<const int8_t*>(x) + at,
                     from.columns, line);
      } else {
        split_pixels(k, padded, range.low, plane, static_cast<const int32_t*>(x) + at,
                     from.columns, line);
      }
      std::memset(line + from.columns * pixel, zero, after * pixel);
    }
  });
  return {bytes, planes, plane_bytes, pixel, padded};
}

Events list_events(const Kernels& kernels, const Kernel& k, const Bordered& to, const uint8_t* x,
                   const Map& from, Scratch& scratch, Pool& pool) {
  const int inputs = static_cast<int>(k.group_inputs());
  constexpr int kOverwritten = 32;  // as Kernels::list may
  const int capacity = inputs + kOverwritten;
  const int64_t lists = to.map.positions() * k.groups;
  auto* events =
      static_cast<uint16_t*>(scratch.take(lists * (capacity + 1) * sizeof(uint16_t)));
  if (!events) return {};
  uint16_t* counts = events + lists * capacity;
  each_row(to.map, to.map.columns * k.inputs, pool, [&](int64_t image, int64_t row) {
    const int64_t y = row - to.top;
    const int64_t first = (image * to.map.rows + row) * to.map.columns * k.groups;
    std::memset(counts + first, 0, to.map.columns * k.groups * sizeof(uint16_t));
    if (y < 0 || y >= from.rows) return;
    const uint8_t* bytes = x + (image * from.rows + y) * from.columns * k.inputs;
    const int64_t begin = first + to.left * k.groups;
    for (int64_t n = 0; n < from.columns * k.groups; ++n, bytes += inputs) {
      counts[begin + n] = static_cast<uint16_t>(
          kernels.list(bytes, inputs, events + (begin + n) * capacity));
    }
  });
  return {events, counts, capacity};
}

}  // namespace snn
