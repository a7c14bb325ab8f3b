#include "isa.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "amx.h"

namespace snn {
namespace {

bool always() { return true; }

#if defined(__x86_64__)
bool runs_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt");
}

bool runs_vnni() {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
         __builtin_cpu_supports("avx512vnni");
}

// Leaf 7: bit 24 of EDX says that there are tiles, bit 25 that they multiply bytes.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kTilesAndBytes = 3u << 24;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kTilesAndBytes) == kTilesAndBytes;
}

bool runs_amx() { return runs_vnni() && has_tiles() && amx_permitted(); }
#else
bool runs_avx2() { return false; }
bool runs_vnni() { return false; }
bool runs_amx() { return false; }
#endif

const Kernels* chosen() {
  const char* wanted = std::getenv("SNN_OPS_ISA");
  const Kernels* found = nullptr;
  for (int k = 0; k < kInstructionSets; ++k) {
    const InstructionSet& set = instruction_sets()[k];
    if (!set.runs() || !set.kernels()) continue;
    if (!found) found = set.kernels();
    if (wanted && std::strcmp(wanted, set.name) == 0) return set.kernels();
  }
  return found;
}

}  // namespace

const InstructionSet* instruction_sets() {
  static const InstructionSet sets[kInstructionSets] = {
      {"amx", amx_kernels, runs_amx},
      {"avx512vnni", vnni_kernels, runs_vnni},
      {"avx2", avx2_kernels, runs_avx2},
      {"neon", neon_kernels, always},
      {"portable", portable_kernels, always},
  };
  return sets;
}

const Kernels& chosen_kernels() {
  static const Kernels* kernels = chosen();
  return *kernels;
}

}  // namespace snn
