// Tiles in plain C++, as Intel's manual describes them; what would be a fault ends the program.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../src/amx_tiles.h"

namespace snn {

class EmulatedTiles {
 public:
  static void configure(const TileShapes& shapes) {
    demand(shapes.palette == 1 && shapes.start_row == 0, "ldtilecfg: palette");
    for (uint8_t byte : shapes.reserved) demand(byte == 0, "ldtilecfg: reserved bytes");
    for (int tile = 0; tile < 16; ++tile) {
      const int rows = shapes.rows[tile];
      const int bytes = shapes.bytes[tile];
      demand(rows <= (tile < kTiles ? kMostRows : 0), "ldtilecfg: rows");
      demand(bytes <= (tile < kTiles ? kMostBytes : 0), "ldtilecfg: bytes");
      demand((rows == 0) == (bytes == 0), "ldtilecfg: rows without bytes");
    }
    for (int tile = 0; tile < kTiles; ++tile) {
      tiles_[tile] = {};
      tiles_[tile].rows = shapes.rows[tile];
      tiles_[tile].bytes = shapes.bytes[tile];
    }
  }

  static void release() {
    for (Tile& tile : tiles_) tile = {};
  }

  // Whether nobody has left a configuration behind.
  static bool released() {
    for (const Tile& tile : tiles_) {
      if (tile.rows != 0) return false;
    }
    return true;
  }

  template <int tile>
  static void load(const void* from, ptrdiff_t stride) {
    Tile& to = configured(tile);
    memset(to.data, 0, sizeof to.data);
    for (int row = 0; row < to.rows; ++row) {
      memcpy(to.data[row], static_cast<const uint8_t*>(from) + row * stride, to.bytes);
    }
  }

  template <int tile>
  static void store(void* to, ptrdiff_t stride) {
    const Tile& from = configured(tile);
    for (int row = 0; row < from.rows; ++row) {
      memcpy(static_cast<uint8_t*>(to) + row * stride, from.data[row], from.bytes);
    }
  }

  template <int sums, int unsigned_bytes, int signed_bytes>
  static void multiply() {
    static_assert(sums != unsigned_bytes && sums != signed_bytes && unsigned_bytes != signed_bytes,
                  "tdpbusd: three different tiles");
    Tile& c = configured(sums);
    const Tile& a = configured(unsigned_bytes);
    const Tile& b = configured(signed_bytes);
    demand(c.rows == a.rows && c.bytes == b.bytes && a.bytes == 4 * b.rows, "tdpbusd: shapes");
    demand(c.bytes % 4 == 0, "tdpbusd: bytes");
    for (int m = 0; m < c.rows; ++m) {
      for (int n = 0; n < c.bytes / 4; ++n) {
        uint32_t sum;
        memcpy(&sum, c.data[m] + 4 * n, sizeof sum);
        for (int k = 0; k < b.rows; ++k) {
          for (int byte = 0; byte < 4; ++byte) {
            const int weight = static_cast<int8_t>(b.data[k][4 * n + byte]);
            sum += static_cast<uint32_t>(a.data[m][4 * k + byte] * weight);
          }
        }
        memcpy(c.data[m] + 4 * n, &sum, sizeof sum);
      }
    }
  }

 private:
  static constexpr int kTiles = 8;
  static constexpr int kMostRows = 16;
  static constexpr int kMostBytes = 64;

  struct Tile {
    int rows;
    int bytes;
    uint8_t data[kMostRows][kMostBytes];
  };

  static void demand(bool fulfilled, const char* what) {
    if (fulfilled) return;
    fprintf(stderr, "emulated tiles, a fault: %s\n", what);
    abort();
  }

  static Tile& configured(int tile) {
    demand(tiles_[tile].rows > 0, "a tile that is not configured");
    return tiles_[tile];
  }

  static inline thread_local Tile tiles_[kTiles] = {};
};

}  // namespace snn
