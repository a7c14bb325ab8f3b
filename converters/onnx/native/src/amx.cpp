// AMX: dense products by tiles of int8; everything else as VNNI does it.
//
// The tile instructions have not run yet: no machine with AMX was at hand. What was tested is
// amx_dense.h with test/emulated_tiles.h in their place.

#include "amx.h"

#include "kernels.h"

#if defined(__AMX_INT8__) && defined(__AVX512VNNI__) && defined(__linux__)

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "amx_tiles.h"

namespace snn {
namespace {

#include "amx_dense.h"

// Calls and no copy of that table: whoever asks for ours may do so on any processor, and to copy is
// work for which the compiler takes AVX-512.
void sparse(const Sparse& s) { vnni_kernels()->sparse(s); }

int list(const uint8_t* bytes, int channels, uint16_t* events) {
  return vnni_kernels()->list(bytes, channels, events);
}

Census census(const uint8_t* bytes, size_t count) { return vnni_kernels()->census(bytes, count); }

void finish(const Finish& f) { vnni_kernels()->finish(f); }

void float_neuron(const FloatNeuron& n) { vnni_kernels()->float_neuron(n); }

}  // namespace

const Kernels* amx_kernels() {
  static const Kernels kernels = {"amx",  kTilePixels, dense<ProcessorTiles>, sparse, list,
                                  census, finish,      float_neuron};
  return vnni_kernels() ? &kernels : nullptr;
}

bool amx_permitted() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
}

}  // namespace snn

#else

namespace snn {

const Kernels* amx_kernels() { return nullptr; }

bool amx_permitted() { return false; }

}  // namespace snn

#endif
