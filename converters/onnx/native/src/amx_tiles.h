// The tile instructions, one function each; their twins in test/emulated_tiles.h are plain C++.
//
// Not the compiler's intrinsics: those of GCC before 14 do not say that a tile is loaded from
// memory, so what was stored just before may arrive late.

#pragma once

#include <cstddef>
#include <cstdint>

namespace snn {

// What `ldtilecfg` reads.
struct TileShapes {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t bytes[16];  // of a row, for each tile
  uint8_t rows[16];
};
static_assert(sizeof(TileShapes) == 64, "ldtilecfg reads 64 bytes");

struct ProcessorTiles {
  static void configure(const TileShapes& shapes) { asm volatile("ldtilecfg %0" : : "m"(shapes)); }

  static void release() { asm volatile("tilerelease"); }

  template <int tile>
  static void load(const void* from, ptrdiff_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
  }

  template <int tile>
  static void store(void* to, ptrdiff_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(tile) : "memory");
  }

  // sums[m][n] += the sum over k and c of unsigned bytes[m][k][c] * signed bytes[k][n][c].
  template <int sums, int unsigned_bytes, int signed_bytes>
  static void multiply() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0"
                 :
                 : "i"(sums), "i"(unsigned_bytes), "i"(signed_bytes));
  }
};

}  // namespace snn
