// What a layer multiplies, brought into the order in which the inner loops read it.

#pragma once

#include "geometry.h"
#include "kernels.h"
#include "pool.h"
#include "scratch.h"

namespace snn {

enum class Type { kUint8, kInt8, kInt32 };

// The numbers that enter: how far they reach, and if they are spikes, how many.
struct Range {
  int64_t low = 0;   // of all and 0
  int64_t high = 0;  // of all and 0
  uint64_t spikes = 0;

  bool is_spikes() const { return low == 0 && high <= 1; }
  int64_t largest() const { return high > -low ? high : -low; }
};

Range range_of(const Kernels& kernels, Type type, const void* x, int64_t count, Pool& pool);

// A map with its border: [count][rows][columns] pixels.
struct Bordered {
  Map map;
  int64_t top = 0;
  int64_t left = 0;
};
Bordered bordered(const Kernel& kernel, const Map& from);

// As Dense reads it.
struct Bytes {
  const uint8_t* bytes = nullptr;
  int planes = 1;
  ptrdiff_t plane_stride = 0;
  int64_t pixel = 0;  // bytes from a pixel to the next
  int64_t group = 0;  // bytes from a group's channels to the next group's
};

// Packs x, or takes it as it is; bytes is null without memory. Integers are stored less `low`.
Bytes pack_bytes(const Kernel& kernel, const Bordered& to, const Range& range, Type type,
                 const void* x, const Map& from, Scratch& scratch, Pool& pool);

// As Sparse reads it: a list for each pixel and group.
struct Events {
  uint16_t* events = nullptr;
  uint16_t* counts = nullptr;
  int capacity = 0;
};
Events list_events(const Kernels& kernels, const Kernel& kernel, const Bordered& to,
                   const uint8_t* x, const Map& from, Scratch& scratch, Pool& pool);

}  // namespace snn
