#include <algorithm>

#include "cases.h"

namespace snn {
namespace test {
namespace {

int32_t wrapped_sum(int64_t sum) { return static_cast<int32_t>(static_cast<uint64_t>(sum)); }

int32_t plain_decayed(int64_t v, int64_t keep) { return static_cast<int32_t>(v * keep / 4096); }

int32_t plain_shifted(int64_t x, int shift) {
  if (shift >= 0) return wrapped_sum(x * (int64_t{1} << shift));
  const int64_t divisor = int64_t{1} << -shift;
  const int64_t size = ((x < 0 ? -x : x) + divisor / 2) / divisor;
  return static_cast<int32_t>(x < 0 ? -size : size);
}

const char* name_of(Reset reset) {
  return reset == Reset::kHard ? "hard" : reset == Reset::kSoft ? "soft" : "no reset";
}

// Everything a call of `finish` reads and writes. Optional parts are drawn, and used or not.
struct FinishCase {
  int count;
  int lanes;
  ptrdiff_t row;
  ptrdiff_t sums_row;
  bool has_shift, has_bias, has_addend, has_product, has_current, has_neuron;
  Reset reset;
  bool synapse;
  bool bias_per_pixel;
  int32_t keep_v, keep_u, at_equality;
  Buffer<int32_t> sums, shift, bias, addend, product, current, v, u, threshold, neuron_bias;
  Buffer<uint8_t> spikes;

  FinishCase(Random& random, int lane_count)
      : count(random.between(1, 4)),
        lanes(lane_count),
        row(lanes + (random.one_in(2) ? 0 : random.between(1, 70))),
        sums_row(lanes + (random.one_in(2) ? 0 : random.between(1, 70))),
        bias_per_pixel(random.one_in(2)),
        sums(extent(sums_row), random.between(0, 3)),
        shift(lane_extent(), random.between(0, 3)),
        bias(lane_extent(), random.between(0, 3)),
        addend(extent(row), random.between(0, 3)),
        product(extent(row), random.between(0, 3)),
        current(extent(row), random.between(0, 3)),
        v(extent(row), random.between(0, 3)),
        u(extent(row), random.between(0, 3)),
        threshold(lane_extent(), random.between(0, 3)),
        neuron_bias(bias_per_pixel ? extent(row) : lane_extent(), random.between(0, 3)),
        spikes(extent(row), random.between(0, 15)) {}

  size_t lane_extent() const { return static_cast<size_t>(lanes); }

  // The last pixel ends with its last channel.
  size_t extent(ptrdiff_t pixel_row) const {
    return static_cast<size_t>((count - 1) * pixel_row + lanes);
  }

  Neuron neuron() {
    return {reset,
            synapse,
            keep_v,
            keep_u,
            at_equality,
            v.data(),
            synapse ? u.data() : nullptr,
            spikes.data(),
            threshold.data(),
            neuron_bias.data(),
            bias_per_pixel ? row : 0};
  }

  Finish finish(const Neuron& neuron) {
    return {sums.data(),
            sums_row,
            count,
            lanes,
            row,
            has_shift ? shift.data() : nullptr,
            has_bias ? bias.data() : nullptr,
            has_addend ? addend.data() : nullptr,
            has_product ? product.data() : nullptr,
            has_current ? current.data() : nullptr,
            has_neuron ? &neuron : nullptr};
  }

  std::string text() const {
    std::string words = "finish: count " + std::to_string(count) + ", lanes " +
                        std::to_string(lanes) + ", row " + std::to_string(row);
    if (has_shift) words += ", shift";
    if (has_bias) words += ", bias";
    if (has_addend) words += ", addend";
    if (has_product) words += ", product";
    if (has_current) words += ", current";
    if (!has_neuron) return words;
    words += std::string(", ") + name_of(reset) + ", keep_v " + std::to_string(keep_v);
    if (synapse) words += ", keep_u " + std::to_string(keep_u);
    return words + (bias_per_pixel ? ", bias per pixel" : "");
  }
};

void fill_shifts(Random& random, Buffer<int32_t>& shifts) {
  const int kind = random.between(0, 2);
  const int same = random.between(-31, 31);
  for (int32_t& shift : shifts) {
    shift = kind == 0 ? same : kind == 1 ? random.between(-12, 4) : random.between(-31, 31);
  }
}

// What lies between two calls: mostly |v| < 2^23; what a reset or the current makes may be more.
void fill_potentials(Random& random, Buffer<int32_t>& potentials) {
  const int32_t ends[] = {kHighest, -kHighest, kHighest - 1, -kHighest + 1, 4095, -4095, 1, -1, 0};
  const int32_t most[] = {kHighest, kHighest, 5000, std::numeric_limits<int32_t>::max()};
  const int32_t bound = random.one_of(most);
  const bool only_ends = random.one_in(4);
  for (int32_t& potential : potentials) {
    potential = only_ends ? random.one_of(ends) : random.between(-bound, bound);
  }
}

int32_t drawn_keep(Random& random) {
  const int32_t keeps[] = {0, 1, 4095, 4096, 1 << random.between(0, 12), random.between(0, 4096)};
  return random.one_of(keeps);
}

void draw(Random& random, FinishCase& c) {
  c.has_shift = random.one_in(2);
  c.has_bias = random.one_in(2);
  c.has_addend = random.one_in(2);
  c.has_product = random.one_in(2);
  c.has_current = random.one_in(2);
  c.keep_v = drawn_keep(random);
  c.keep_u = drawn_keep(random);
  c.at_equality = random.between(0, 1);
  for (Buffer<int32_t>* integers :
       {&c.sums, &c.bias, &c.addend, &c.product, &c.current, &c.threshold, &c.neuron_bias}) {
    fill_integers(random, *integers);
  }
  fill_shifts(random, c.shift);
  fill_potentials(random, c.v);
  fill_potentials(random, c.u);
  fill_bytes(random, c.spikes);
  if (random.one_in(3)) {
    // Potentials and thresholds of one size, so that some are equal.
    for (int32_t& threshold : c.threshold)
      threshold = wrapped_sum(int64_t{c.neuron_bias[0]} + random.between(-2, 2));
    for (int32_t& v : c.v) v = random.between(-2, 2);
    std::fill(c.sums.begin(), c.sums.end(), 0);
    std::fill(c.neuron_bias.begin(), c.neuron_bias.end(), int32_t{c.neuron_bias[0]});
  }
}

void plain_neuron(FinishCase& c, size_t at, size_t lane, size_t bias_at, int64_t current) {
  int32_t given = wrapped_sum(current * 64);
  if (c.synapse) {
    given = wrapped_sum(int64_t{plain_decayed(c.u[at], c.keep_u)} + given);
    c.u[at] = given;
  }
  const int64_t limit = c.threshold[lane];
  const int32_t charged =
      wrapped_sum(int64_t{plain_decayed(c.v[at], c.keep_v)} + given + c.neuron_bias[bias_at]);
  const int64_t h = std::min(std::max(charged, -kHighest), kHighest);
  const bool fires = h > limit;
  c.spikes[at] = fires ? 1 : 0;
  int64_t kept = h;
  if (fires && c.reset == Reset::kHard) kept = 0;
  if (fires && c.reset == Reset::kSoft) kept = h - (limit + c.at_equality);
  c.v[at] = wrapped_sum(kept);
}

void plain_finish(FinishCase& c) {
  for (int m = 0; m < c.count; ++m) {
    for (int o = 0; o < c.lanes; ++o) {
      const size_t lane = static_cast<size_t>(o);
      const size_t at = static_cast<size_t>(m * c.row + o);
      int64_t x = c.sums[static_cast<size_t>(m * c.sums_row + o)];
      if (c.has_shift) x = plain_shifted(x, c.shift[lane]);
      if (c.has_bias) x = wrapped_sum(x + c.bias[lane]);
      if (c.has_product) c.product[at] = static_cast<int32_t>(x);
      if (c.has_addend) x = wrapped_sum(x + c.addend[at]);
      if (c.has_current) c.current[at] = static_cast<int32_t>(x);
      if (c.has_neuron) plain_neuron(c, at, lane, c.bias_per_pixel ? at : lane, x);
    }
  }
}

void check_finish_case(Tallies& tallies, const FinishCase& before) {
  FinishCase expected = before;
  plain_finish(expected);
  const std::string where = before.text();
  for (Tally& tally : tallies) {
    FinishCase got = before;
    const Neuron neuron = got.neuron();
    run_case(tally, where, [&] { tally.kernels->finish(got.finish(neuron)); });
    expect_same(tally, where, "product", expected.product, got.product);
    expect_same(tally, where, "current", expected.current, got.current);
    expect_same(tally, where, "u", expected.u, got.u);
    expect_same(tally, where, "spikes", expected.spikes, got.spikes);
    expect_same(tally, where, "v", expected.v, got.v);
  }
}

// float32 arithmetic by way of float64, whose rounding to float32 is that of the operation itself.
// Through memory, so that no compiler joins two operations to one.
float rounded(double x) {
  volatile float result = static_cast<float>(x);
  return result;
}

float sum(float a, float b) { return rounded(double{a} + double{b}); }
float difference(float a, float b) { return rounded(double{a} - double{b}); }
float product(float a, float b) { return rounded(double{a} * double{b}); }

struct FloatCase {
  FloatNeuron neuron;
  Buffer<float> x, v, i, s, v_out, i_out;

  FloatCase(Random& random, size_t size)
      : neuron(),
        x(size, random.between(0, 15)),
        v(size, random.between(0, 15)),
        i(size, random.between(0, 15)),
        s(size, random.between(0, 15)),
        v_out(size, random.between(0, 15)),
        i_out(size, random.between(0, 15)) {
    neuron.count = size;
  }

  FloatNeuron pointed(bool in_place) {
    FloatNeuron n = neuron;
    n.x = x.data();
    n.v = v.data();
    n.i = n.synapse ? i.data() : nullptr;
    n.s = in_place ? x.data() : s.data();
    n.v_out = in_place ? v.data() : v_out.data();
    n.i_out = !n.synapse ? nullptr : in_place ? i.data() : i_out.data();
    return n;
  }

  std::string text(bool in_place) const {
    std::string words = "float_neuron: size " + std::to_string(neuron.count) + ", ";
    words += name_of(neuron.reset);
    if (neuron.synapse) words += ", synapse";
    if (neuron.delayed) words += ", delayed";
    if (neuron.strict) words += ", strict";
    return words + (in_place ? ", in place" : "");
  }
};

float drawn_real(Random& random) {
  const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 1.5f, -2.0f, 1e-40f, -1e-45f, 1e10f};
  if (random.one_in(4)) return random.one_of(special);
  const float real = static_cast<float>(random.between(-(1 << 24), 1 << 24));
  return real / static_cast<float>(1 << random.between(18, 26));
}

void draw(Random& random, FloatCase& c) {
  FloatNeuron& n = c.neuron;
  for (float* real :
       {&n.membrane_keep, &n.membrane_gain, &n.bias, &n.threshold, &n.v_reset, &n.synapse_keep}) {
    *real = drawn_real(random);
  }
  if (random.one_in(2)) {
    // An ordinary neuron, which now and then is at its threshold exactly.
    n.membrane_keep = 0.5f;
    n.membrane_gain = 1.0f;
    n.bias = 0.0f;
    n.threshold = 1.0f;
    n.v_reset = random.one_in(2) ? 0.0f : -0.25f;
  }
  for (Buffer<float>* reals : {&c.x, &c.v, &c.i}) {
    for (float& real : *reals) real = drawn_real(random);
  }
}

void plain_float_neuron(FloatCase& c) {
  const FloatNeuron& n = c.neuron;
  const auto over = [&n](float h) { return n.strict ? h > n.threshold : h >= n.threshold; };
  for (size_t k = 0; k < n.count; ++k) {
    float given = c.x[k];
    if (n.synapse) given = sum(product(n.synapse_keep, c.i[k]), given);
    if (n.synapse) c.i_out[k] = given;
    float h = sum(product(n.membrane_keep, c.v[k]), product(n.membrane_gain, given));
    h = sum(h, n.bias);
    if (n.delayed) h = difference(h, product(n.threshold, over(c.v[k]) ? 1.0f : 0.0f));
    const float s = over(h) ? 1.0f : 0.0f;
    c.s[k] = s;
    if (n.reset == Reset::kHard) h = difference(h, product(s, difference(h, n.v_reset)));
    if (n.reset == Reset::kSoft && !n.delayed) h = difference(h, product(n.threshold, s));
    c.v_out[k] = h;
  }
}

void check_float_case(Tallies& tallies, const FloatCase& before) {
  FloatCase expected = before;
  plain_float_neuron(expected);
  for (Tally& tally : tallies) {
    for (bool in_place : {false, true}) {
      FloatCase got = before;
      const FloatNeuron n = got.pointed(in_place);
      const std::string where = before.text(in_place);
      run_case(tally, where, [&] { tally.kernels->float_neuron(n); });
      expect_same(tally, where, "s", expected.s.data(), n.s, n.count);
      expect_same(tally, where, "v_out", expected.v_out.data(), n.v_out, n.count);
      if (n.synapse) expect_same(tally, where, "i_out", expected.i_out.data(), n.i_out, n.count);
    }
  }
}

}  // namespace

void check_finish(Random& random, Tallies& tallies) {
  for (int lanes = 1; lanes <= 130; ++lanes) {
    for (Reset reset : {Reset::kHard, Reset::kSoft, Reset::kNone}) {
      for (bool synapse : {false, true}) {
        FinishCase c(random, lanes);
        c.reset = reset;
        c.synapse = synapse;
        c.has_neuron = !random.one_in(8);
        draw(random, c);
        check_finish_case(tallies, c);
      }
    }
  }
}

void check_float_neuron(Random& random, Tallies& tallies) {
  for (size_t size = 0; size <= 200; ++size) {
    for (int variant = 0; variant < 16; ++variant) {
      FloatCase c(random, size);
      const Reset resets[] = {Reset::kHard, Reset::kSoft, Reset::kSoft, Reset::kNone};
      c.neuron.reset = resets[variant % 4];
      c.neuron.delayed = variant % 4 == 2;
      c.neuron.strict = variant / 4 % 2 == 1;
      c.neuron.synapse = variant / 8 == 1;
      draw(random, c);
      check_float_case(tallies, c);
    }
  }
}

}  // namespace test
}  // namespace snn
