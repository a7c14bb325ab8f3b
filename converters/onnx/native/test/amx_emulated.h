#pragma once

#include "../src/kernels.h"

namespace snn {

// All but `dense` is the portable table's: the rest has no tiles.
const Kernels* emulated_amx_kernels();

}  // namespace snn
