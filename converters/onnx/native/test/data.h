// What a test of kernels works with: random numbers, data, comparisons.

#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "../src/kernels.h"
#include "memory.h"

namespace snn {
namespace test {

// SplitMix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  int between(int low, int high) {
    const uint64_t choices = static_cast<uint64_t>(static_cast<int64_t>(high) - low) + 1;
    return static_cast<int>(low + static_cast<int64_t>(next() % choices));
  }

  bool one_in(int n) { return between(1, n) == 1; }

  template <class T, size_t n>
  T one_of(const T (&choices)[n]) {
    return choices[between(0, n - 1)];
  }

 private:
  uint64_t state_;
};

// What `list` may write beyond the channels; so much longer are the lists that `sparse` gets.
constexpr int kListRoom = 32;

// Bytes of one kind: any, spikes at some rate, the extremes.
inline void fill_bytes(Random& random, Buffer<uint8_t>& bytes) {
  const int kind = random.between(0, 5);
  const int rate = random.between(1, 10);
  for (uint8_t& byte : bytes) {
    switch (kind) {
      case 0:
        byte = 255;
        break;
      case 1:
        byte = random.one_in(rate);
        break;
      case 2:
        byte = random.one_in(2) ? 255 : 0;
        break;
      case 3:
        byte = static_cast<uint8_t>(random.between(127, 128));
        break;
      default:
        byte = static_cast<uint8_t>(random.next());
    }
  }
}

inline void fill_weights(Random& random, Buffer<int8_t>& weights) {
  const int kind = random.between(0, 4);
  for (int8_t& weight : weights) {
    switch (kind) {
      case 0:
        weight = -128;
        break;
      case 1:
        weight = 127;
        break;
      case 2:
        weight = random.one_in(2) ? -128 : 127;
        break;
      default:
        weight = static_cast<int8_t>(random.next());
    }
  }
}

// Small integers, any, or those at the ends of ranges.
inline void fill_integers(Random& random, Buffer<int32_t>& integers) {
  constexpr int32_t kLow = std::numeric_limits<int32_t>::min();
  constexpr int32_t kHigh = std::numeric_limits<int32_t>::max();
  const int32_t ends[] = {kLow,          kLow + 1,      kHigh,    kHigh - 1,
                          1 << 30,       -(1 << 30),    kHighest, -kHighest,
                          kHighest - 1,  kHighest + 1,  1 << 17,  -(1 << 17),
                          -kHighest - 1, (1 << 17) - 1, 0,        -1};
  const int kind = random.between(0, 3);
  for (int32_t& integer : integers) {
    switch (kind) {
      case 0:
        integer = random.between(-3, 3);
        break;
      case 1:
        integer = random.one_of(ends);
        break;
      case 2:
        integer = random.between(-100000, 100000);
        break;
      default:
        integer = static_cast<int32_t>(random.next());
    }
  }
}

// How many values an instruction set got right.
struct Tally {
  const char* name;
  const Kernels* kernels;
  int64_t cases;
  int64_t values;
};

// What runs just now, for whoever has to say where the program ended.
inline std::string running;

template <class Call>
void run_case(Tally& tally, const std::string& where, const Call& call) {
  running = std::string(tally.name) + ", " + where;
  call();
  running.clear();
  ++tally.cases;
}

class Difference : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline std::string described(int64_t value) { return std::to_string(value); }

inline std::string described(uint64_t value) { return std::to_string(value); }

inline std::string described(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  char text[64];
  snprintf(text, sizeof text, "%.9g (0x%08" PRIx32 ")", static_cast<double>(value), bits);
  return text;
}

template <class T>
std::string described(T value) {
  return described(static_cast<int64_t>(value));
}

// Bit for bit; `where` is the case, `what` the array.
template <class T>
void expect_same(Tally& tally, const std::string& where, const char* what, const T* expected,
                 const T* got, size_t size) {
  for (size_t k = 0; k < size; ++k) {
    if (memcmp(expected + k, got + k, sizeof(T)) == 0) continue;
    throw Difference(std::string(tally.name) + ", " + where + ": " + what + "[" +
                     std::to_string(k) + "] is " + described(got[k]) + ", expected " +
                     described(expected[k]));
  }
  tally.values += static_cast<int64_t>(size);
}

template <class T>
void expect_same(Tally& tally, const std::string& where, const char* what,
                 const Buffer<T>& expected, const Buffer<T>& got) {
  expect_same(tally, where, what, expected.data(), got.data(), expected.size());
}

}  // namespace test
}  // namespace snn
