// Which instruction set this processor runs.

#pragma once

#include "kernels.h"

namespace snn {

constexpr int kInstructionSets = 5;

// All tables, the fastest first; null where the compiler had none to give.
struct InstructionSet {
  const char* name;
  const Kernels* (*kernels)();
  bool (*runs)();  // whether this processor and its operating system do
};
const InstructionSet* instruction_sets();

// The fastest that was compiled and runs here; SNN_OPS_ISA=name asks for another one.
const Kernels& chosen_kernels();

}  // namespace snn
