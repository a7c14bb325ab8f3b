// The loops behind Kernels::finish and Kernels::float_neuron.
//
// Every instruction set's file includes this inside its own unnamed namespace, compiled with its
// own flags, so no two files share a symbol. Choices are made outside the loops.

// No element depends on another one: what a loop reads and writes is apart, or the same element.
#if defined(__clang__)
#define SNN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define SNN_INDEPENDENT _Pragma("GCC ivdep")
#endif

// One pixel's channels, at most so many at a time, so that sums stay in registers or close by.
constexpr int kPart = kLanes * kMostVectors;

template <Reset reset, bool synapse>
inline void neuron_part(const Neuron& n, const int32_t* current, int lanes, ptrdiff_t at,
                        const int32_t* threshold, const int32_t* bias) {
  int32_t* v = n.v + at;
  int32_t* u = synapse ? n.u + at : nullptr;
  uint8_t* spikes = n.spikes + at;
  SNN_INDEPENDENT
  for (int c = 0; c < lanes; ++c) {
    int32_t given = static_cast<int32_t>(static_cast<uint32_t>(current[c]) << 6);
    if (synapse) {
      given = wrapped(decayed(u[c], n.keep_u), given);
      u[c] = given;
    }
    const int32_t limit = threshold[c];
    const int32_t charged = wrapped(decayed(v[c], n.keep_v), given);
    int32_t h = wrapped(charged, bias[c]);
    h = h > kHighest ? kHighest : h;
    h = h < -kHighest ? -kHighest : h;
    const bool fires = h > limit;
    spikes[c] = fires;
    if (reset == Reset::kHard) v[c] = fires ? 0 : h;
    if (reset == Reset::kSoft) v[c] = fires ? wrapped(h, negated(wrapped(limit, n.at_equality))) : h;
    if (reset == Reset::kNone) v[c] = h;
  }
}

using NeuronPart = void (*)(const Neuron&, const int32_t*, int, ptrdiff_t, const int32_t*,
                            const int32_t*);

inline NeuronPart neuron_part_of(const Neuron& n) {
  switch (n.reset) {
    case Reset::kHard:
      return n.synapse ? neuron_part<Reset::kHard, true> : neuron_part<Reset::kHard, false>;
    case Reset::kSoft:
      return n.synapse ? neuron_part<Reset::kSoft, true> : neuron_part<Reset::kSoft, false>;
    default:
      return n.synapse ? neuron_part<Reset::kNone, true> : neuron_part<Reset::kNone, false>;
  }
}

// What the neuron receives: sums, shifted, with bias and addend; kept where somebody wants it.
inline void current_part(const Finish& f, int m, int c0, int lanes, int32_t* x) {
  const int32_t* sums = f.sums + m * f.sums_row + c0;
  const ptrdiff_t at = m * f.row + c0;
  SNN_INDEPENDENT
  for (int c = 0; c < lanes; ++c) x[c] = sums[c];
  if (f.shift) {
    SNN_INDEPENDENT
    for (int c = 0; c < lanes; ++c) x[c] = shifted(x[c], f.shift[c0 + c]);
  }
  if (f.bias) {
    SNN_INDEPENDENT
    for (int c = 0; c < lanes; ++c) x[c] = wrapped(x[c], f.bias[c0 + c]);
  }
  if (f.product) {
    SNN_INDEPENDENT
    for (int c = 0; c < lanes; ++c) f.product[at + c] = x[c];
  }
  if (f.addend) {
    SNN_INDEPENDENT
    for (int c = 0; c < lanes; ++c) x[c] = wrapped(x[c], f.addend[at + c]);
  }
  if (f.current) {
    SNN_INDEPENDENT
    for (int c = 0; c < lanes; ++c) f.current[at + c] = x[c];
  }
}

inline void finish_loops(const Finish& f) {
  const NeuronPart neuron = f.neuron ? neuron_part_of(*f.neuron) : nullptr;
  alignas(64) int32_t x[kPart];
  for (int m = 0; m < f.count; ++m) {
    for (int c0 = 0; c0 < f.lanes; c0 += kPart) {
      const int lanes = f.lanes - c0 < kPart ? f.lanes - c0 : kPart;
      current_part(f, m, c0, lanes, x);
      if (!neuron) continue;
      const Neuron& n = *f.neuron;
      neuron(n, x, lanes, m * f.row + c0, n.threshold + c0, n.bias + m * n.bias_row + c0);
    }
  }
}

template <Reset reset, bool synapse, bool delayed, bool strict>
inline void float_loop(const FloatNeuron& n) {
  SNN_INDEPENDENT
  for (size_t k = 0; k < n.count; ++k) {
    float given = n.x[k];
    const float v = n.v[k];
    if (synapse) {
      const float kept = n.synapse_keep * n.i[k];
      given = kept + given;
      n.i_out[k] = given;
    }
    const float gained = n.membrane_gain * given;
    const float kept = n.membrane_keep * v;
    const float charged = kept + gained;
    float h = charged + n.bias;
    if (delayed) h = h - n.threshold * ((strict ? v > n.threshold : v >= n.threshold) ? 1.0f : 0.0f);
    const float s = (strict ? h > n.threshold : h >= n.threshold) ? 1.0f : 0.0f;
    n.s[k] = s;
    if (reset == Reset::kHard) h = h - s * (h - n.v_reset);
    if (reset == Reset::kSoft && !delayed) h = h - n.threshold * s;
    n.v_out[k] = h;
  }
}

template <Reset reset, bool synapse, bool delayed>
inline void float_loop_strict(const FloatNeuron& n) {
  n.strict ? float_loop<reset, synapse, delayed, true>(n)
           : float_loop<reset, synapse, delayed, false>(n);
}

template <Reset reset, bool delayed>
inline void float_loop_synapse(const FloatNeuron& n) {
  n.synapse ? float_loop_strict<reset, true, delayed>(n)
            : float_loop_strict<reset, false, delayed>(n);
}

inline void float_neuron_loops(const FloatNeuron& n) {
  switch (n.reset) {
    case Reset::kHard:
      return float_loop_synapse<Reset::kHard, false>(n);
    case Reset::kSoft:
      return n.delayed ? float_loop_synapse<Reset::kSoft, true>(n)
                       : float_loop_synapse<Reset::kSoft, false>(n);
    default:
      return float_loop_synapse<Reset::kNone, false>(n);
  }
}
