// The loops of AMX on emulated tiles. Everything around the tiles is as in the library, so this
// too needs a processor with AVX-512.

#include "amx_emulated.h"

#if defined(__AVX512F__)

#include <immintrin.h>

#include "emulated_tiles.h"

namespace snn {
namespace {

#include "../src/amx_dense.h"

void dense_and_released(const Dense& d) {
  dense<EmulatedTiles>(d);
  if (EmulatedTiles::released()) return;
  fprintf(stderr, "emulated tiles: not released\n");
  abort();
}

Kernels make_kernels() {
  Kernels kernels = *portable_kernels();
  kernels.name = "amx, emulated";
  kernels.pixels = kTilePixels;
  kernels.dense = dense_and_released;
  return kernels;
}

}  // namespace

const Kernels* emulated_amx_kernels() {
  static const Kernels kernels = make_kernels();
  return &kernels;
}

}  // namespace snn

#else

namespace snn {

const Kernels* emulated_amx_kernels() { return nullptr; }

}  // namespace snn

#endif
