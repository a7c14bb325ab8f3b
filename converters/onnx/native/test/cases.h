// One round each: cases of every size, all else drawn at random. Every instruction set is compared
// with plain arithmetic that shares nothing with the library, the portable one like the others.
// A Difference is thrown at the first.

#pragma once

#include <vector>

#include "data.h"

namespace snn {
namespace test {

using Tallies = std::vector<Tally>;

void check_dense(Random& random, Tallies& tallies);
void check_sparse(Random& random, Tallies& tallies);
void check_list(Random& random, Tallies& tallies);
void check_census(Random& random, Tallies& tallies);
void check_finish(Random& random, Tallies& tallies);
void check_float_neuron(Random& random, Tallies& tallies);

}  // namespace test
}  // namespace snn
