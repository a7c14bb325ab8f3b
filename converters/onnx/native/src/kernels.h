// What an instruction set provides: the inner loops of a layer of products and its neurons.
//
// All of them give the same integers. Sums wrap modulo 2^32, as two's complement does; whoever
// writes a file proves that the true sum fits.

#pragma once

#include <cstddef>
#include <cstdint>

#include "neurons.h"

namespace snn {

constexpr int kLanes = 16;       // outputs of a vector: weights are packed in panels of so many
constexpr int kMostVectors = 4;  // panels of a block: at most 64 outputs are worked on at once
constexpr int kQuad = 4;         // input channels that lie side by side in packed weights
constexpr int kMostPixels = 64;  // rows of a buffer of sums

// Products of some output pixels with a block of outputs: every weight times every input.
//
// The input is packed as bytes [plane][row of pixels][pixel][channel], channels padded to a
// multiple of four with zeros, the map's border included: a window is `taps` at fixed distances.
struct Dense {
  const uint8_t* const* pixels;  // [count]: where the window of each output pixel begins
  int count;                     // 1 .. Kernels::pixels
  const int32_t* taps;           // [tap_count]: bytes from the window's beginning to each tap
  int tap_count;
  int quads;               // channels of a tap / 4
  int planes;              // an input is the sum over planes p of byte[p] * 256^p
  ptrdiff_t plane_stride;  // bytes from a plane to the next higher one
  const int8_t* weights;   // [tap][quad][vectors][16 outputs][4 channels], 64-byte aligned
  int vectors;             // 1 .. 4
  const int32_t* start;    // [vectors * 16]: what is added to the sums
  int32_t* sums;           // [count][vectors * 16], 64-byte aligned; written
};

// The same sums where the input is spikes: rows of weights are added, one for each spike.
struct Sparse {
  const int32_t* pixels;  // [count]: number of the input pixel where each window begins
  int count;              // 1 .. kMostPixels
  const int32_t* taps;    // [tap_count]: input pixels from the window's beginning to each tap
  int tap_count;
  const uint16_t* events;  // [input pixel][capacity]: the channels that spike
  const uint16_t* counts;  // [input pixel]: how many do
  int capacity;            // room of an input pixel's list, >= channels + 32; all of it may be read
  int channels;            // rows of a tap
  const uint8_t* rows;     // [tap][channel][vectors * 16]: weight + 128, 64-byte aligned
  int vectors;             // 1 .. 4
  const int32_t* start;    // [vectors * 16]
  int32_t* sums;           // [count][vectors * 16], 64-byte aligned; written
};

struct Census {
  uint64_t spikes;  // bytes that are not 0
  uint8_t highest;  // the largest byte
};

struct Kernels {
  const char* name;
  int pixels;  // how many a call of `dense` takes at most, <= kMostPixels
  void (*dense)(const Dense&);
  void (*sparse)(const Sparse&);
  // Lists the bytes that are not 0 of [channels]; writes up to channels + 32 elements.
  int (*list)(const uint8_t* bytes, int channels, uint16_t* events);
  Census (*census)(const uint8_t* bytes, size_t count);
  void (*finish)(const Finish&);
  void (*float_neuron)(const FloatNeuron&);
};

// One table an instruction set; null where it was not compiled, or the processor lacks it.
const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* vnni_kernels();  // AVX-512 F, BW, VL, VNNI, VBMI2
const Kernels* amx_kernels();   // AMX int8, and what vnni_kernels needs for the rest
const Kernels* neon_kernels();

}  // namespace snn
