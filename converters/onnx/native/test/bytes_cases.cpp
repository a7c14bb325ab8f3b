#include <algorithm>

#include "cases.h"

namespace snn {
namespace test {
namespace {

void check_list_case(Random& random, Tallies& tallies, int channels) {
  Buffer<uint8_t> bytes(static_cast<size_t>(channels), random.between(0, 63));
  Buffer<uint16_t> events(static_cast<size_t>(channels + kListRoom), random.between(0, 31));
  fill_bytes(random, bytes);
  std::vector<uint16_t> expected;
  for (int c = 0; c < channels; ++c) {
    if (bytes[static_cast<size_t>(c)] != 0) expected.push_back(static_cast<uint16_t>(c));
  }
  const std::string where = "list: channels " + std::to_string(channels);
  const int expected_count = static_cast<int>(expected.size());
  for (Tally& tally : tallies) {
    events.wipe();
    int count = 0;
    run_case(tally, where,
             [&] { count = tally.kernels->list(bytes.data(), channels, events.data()); });
    expect_same(tally, where, "count", &expected_count, &count, 1);
    expect_same(tally, where, "events", expected.data(), events.data(), expected.size());
  }
}

void check_census_case(Random& random, Tallies& tallies, size_t size) {
  Buffer<uint8_t> bytes(size, random.between(0, 63));
  fill_bytes(random, bytes);
  if (random.one_in(4) && size > 0) {
    // One byte alone, anywhere: every position counts.
    std::fill(bytes.begin(), bytes.end(), uint8_t{0});
    bytes[random.next() % size] = static_cast<uint8_t>(random.between(1, 255));
  }
  uint64_t spikes = 0;
  uint8_t highest = 0;
  for (uint8_t byte : bytes) {
    spikes += byte != 0;
    highest = std::max(highest, byte);
  }
  const std::string where = "census: size " + std::to_string(size);
  for (Tally& tally : tallies) {
    Census found = {};
    run_case(tally, where, [&] { found = tally.kernels->census(bytes.data(), size); });
    expect_same(tally, where, "spikes", &spikes, &found.spikes, 1);
    expect_same(tally, where, "highest", &highest, &found.highest, 1);
  }
}

}  // namespace

void check_list(Random& random, Tallies& tallies) {
  for (int channels = 1; channels <= 130; ++channels) check_list_case(random, tallies, channels);
  for (int k = 0; k < 40; ++k) check_list_case(random, tallies, random.between(131, 1100));
  check_list_case(random, tallies, 65536);
}

void check_census(Random& random, Tallies& tallies) {
  for (size_t size = 0; size <= 300; ++size) check_census_case(random, tallies, size);
  // Enough to let counters of 8 and of 16 bits overflow in each of 64 lanes.
  const size_t large[] = {64 * 256, 64 * 256 + 77, 64 * 65536 / 8 + 5, 64 * 65536 + 13};
  for (size_t size : large) check_census_case(random, tallies, size);
}

}  // namespace test
}  // namespace snn
