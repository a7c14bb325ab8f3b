// Compares what every instruction set computes with plain arithmetic.
//
//     kernels_test [seed] [rounds]
//
// Exit code 1 and one line at the first difference, or where memory is read or written beyond its
// end.

#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "../src/isa.h"
#include "amx_emulated.h"
#include "cases.h"

namespace snn {
namespace test {
namespace {

// The library's instruction sets, and the emulated one, which runs where AVX-512 does.
std::vector<InstructionSet> candidates() {
  std::vector<InstructionSet> all;
  for (int k = 0; k < kInstructionSets; ++k) {
    const InstructionSet& set = instruction_sets()[k];
    all.push_back(set);
    if (set.kernels == vnni_kernels) {
      all.push_back({"amx, emulated", emulated_amx_kernels, set.runs});
    }
  }
  return all;
}

Tallies usable_kernels() {
  Tallies tallies;
  for (const InstructionSet& set : candidates()) {
    // First whether it runs: the table's function is compiled with its instructions too.
    if (!set.runs()) {
      printf("%s: skipped, this processor does not run it\n", set.name);
    } else if (!set.kernels()) {
      printf("%s: skipped, not compiled\n", set.name);
    } else {
      tallies.push_back({set.name, set.kernels(), 0, 0});
    }
  }
  return tallies;
}

void check_round(uint64_t seed, Tallies& tallies) {
  constexpr void (*kChecks[])(Random&, Tallies&) = {check_dense,  check_sparse, check_list,
                                                    check_census, check_finish, check_float_neuron};
  for (auto check : kChecks) {
    Random random(seed);
    check(random, tallies);
  }
}

int check_rounds(uint64_t seed, int rounds) {
  Tallies tallies = usable_kernels();
  for (int round = 0; round < rounds; ++round) {
    const uint64_t round_seed = seed + static_cast<uint64_t>(round);
    try {
      check_round(round_seed, tallies);
    } catch (const Difference& difference) {
      printf("seed %" PRIu64 ": %s\n", round_seed, difference.what());
      return EXIT_FAILURE;
    }
  }
  for (const Tally& tally : tallies) {
    printf("%s: %" PRId64 " calls gave %" PRId64 " values, all as expected\n", tally.name,
           tally.cases, tally.values);
  }
  return EXIT_SUCCESS;
}

#if !defined(__SANITIZE_ADDRESS__)

// Memory that is not there, or an instruction that is not.
void say_where(int signal) {
  fprintf(stderr, "signal %d in %s\n", signal, running.c_str());
  _exit(EXIT_FAILURE);
}

void catch_signals() {
  for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) signal(number, say_where);
}

#else

void catch_signals() {}

#endif

}  // namespace
}  // namespace test
}  // namespace snn

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? strtoull(argv[1], nullptr, 10) : 1;
  const int rounds = argc > 2 ? atoi(argv[2]) : 1;
  printf("seed %" PRIu64 ", rounds %d\n", seed, rounds);
  fflush(stdout);
  snn::test::catch_signals();
  return snn::test::check_rounds(seed, rounds);
}
