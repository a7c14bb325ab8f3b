// Kernels::finish, a vector of channels at a time.
//
// Included, as loops.h is, inside the unnamed namespace of an instruction set's file. Before it the
// file defines
//   Ints, a vector of kInts int32_t, and Flags, what comparing them gives;
//   ints(value): that many copies;
//   plus, minus, times, lowest, highest, masked: a + b, a - b, a * b, min, max, a & b;
//   magnitude(a): |a|, and signed_like(a, b): b < 0 ? -a : a, where b is not 0 unless a is;
//   left and right: logical shifts, by Ints or by one int;
//   above(a, b): a > b, either(flags, a, b): flags ? a : b, and zero_if(flags, a), and
//   Whole and Some: how to load and store all or the first lanes of a vector, and flags as bytes.

// v * keep / 4096, rounded towards zero.
class AnyDecay {
 public:
  explicit AnyDecay(int32_t keep) : keep_(ints(keep)) {}
  [[gnu::always_inline]] Ints operator()(Ints v) const {
    const Ints size = magnitude(v);
    const Ints low = masked(size, ints(4095));
    const Ints kept = plus(times(right(size, 12), keep_), right(times(low, keep_), 12));
    return signed_like(kept, v);
  }

 private:
  Ints keep_;
};

// The same where `keep` is a power of two.
class ShiftDecay {
 public:
  explicit ShiftDecay(int32_t keep) : shift_(12 - __builtin_ctz(static_cast<uint32_t>(keep))) {}
  [[gnu::always_inline]] Ints operator()(Ints v) const {
    return signed_like(right(magnitude(v), shift_), v);
  }

 private:
  int shift_;
};

inline bool is_power_of_two(int32_t x) { return x > 0 && (x & (x - 1)) == 0; }

// x * 2^shift, halves away from zero.
[[gnu::always_inline]] inline Ints shifted_ints(Ints x, Ints shift) {
  const Ints none = ints(0);
  const Ints to_right = highest(minus(none, shift), none);
  const Ints half = right(left(ints(1), to_right), 1);
  const Ints size = plus(left(magnitude(x), highest(shift, none)), half);
  return signed_like(right(size, to_right), x);
}

// What the neurons of some channels of a pixel receive.
template <class Part>
[[gnu::always_inline]] inline Ints received(const Finish& f, int m, int c, Part part) {
  const ptrdiff_t at = m * f.row + c;
  Ints x = part.load(f.sums + m * f.sums_row + c);
  if (f.shift) x = shifted_ints(x, part.load(f.shift + c));
  if (f.bias) x = plus(x, part.load(f.bias + c));
  if (f.product) part.store(f.product + at, x);
  if (f.addend) x = plus(x, part.load(f.addend + at));
  if (f.current) part.store(f.current + at, x);
  return x;
}

struct NoNeurons {
  template <class Part>
  void operator()(Ints, int, int, Part) const {}
};

template <Reset reset, bool synapse, class Decay>
class Neurons {
 public:
  Neurons(const Neuron& n, ptrdiff_t row)
      : n_(n), row_(row), decay_v_(n.keep_v), decay_u_(n.keep_u) {}

  template <class Part>
  [[gnu::always_inline]] void operator()(Ints x, int m, int c, Part part) const {
    const ptrdiff_t at = m * row_ + c;
    Ints given = left(x, 6);
    if (synapse) {
      given = plus(decay_u_(part.load(n_.u + at)), given);
      part.store(n_.u + at, given);
    }
    const Ints limit = part.load(n_.threshold + c);
    Ints h = plus(decay_v_(part.load(n_.v + at)), given);
    h = plus(h, part.load(n_.bias + m * n_.bias_row + c));
    h = highest(lowest(h, ints(kHighest)), ints(-kHighest));
    const Flags fires = above(h, limit);
    part.store_flags(n_.spikes + at, fires);
    if (reset == Reset::kHard) h = zero_if(fires, h);
    if (reset == Reset::kSoft) h = either(fires, minus(h, plus(limit, ints(n_.at_equality))), h);
    part.store(n_.v + at, h);
  }

 private:
  const Neuron n_;
  const ptrdiff_t row_;
  const Decay decay_v_;
  const AnyDecay decay_u_;
};

template <class Receiver>
inline void finish_with(const Finish f, const Receiver receiver) {
  for (int m = 0; m < f.count; ++m) {
    int c = 0;
    for (; c + kInts <= f.lanes; c += kInts) {
      receiver(received(f, m, c, Whole()), m, c, Whole());
    }
    if (c < f.lanes) {
      const Some some(f.lanes - c);
      receiver(received(f, m, c, some), m, c, some);
    }
  }
}

template <Reset reset, bool synapse>
inline void finish_neurons(const Finish& f) {
  const Neuron& n = *f.neuron;
  if (is_power_of_two(n.keep_v)) {
    finish_with(f, Neurons<reset, synapse, ShiftDecay>(n, f.row));
  } else {
    finish_with(f, Neurons<reset, synapse, AnyDecay>(n, f.row));
  }
}

template <Reset reset>
inline void finish_reset(const Finish& f) {
  f.neuron->synapse ? finish_neurons<reset, true>(f) : finish_neurons<reset, false>(f);
}

void finish(const Finish& f) {
  if (!f.neuron) return finish_with(f, NoNeurons());
  switch (f.neuron->reset) {
    case Reset::kHard:
      return finish_reset<Reset::kHard>(f);
    case Reset::kSoft:
      return finish_reset<Reset::kSoft>(f);
    default:
      return finish_reset<Reset::kNone>(f);
  }
}
