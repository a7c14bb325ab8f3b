// Loops that are unrolled before anything else is done, so that arrays of vectors which they index
// become registers. (Loops that the optimizer unrolls leave such arrays in memory.)
//
// Included, as loops.h is, inside the unnamed namespace of an instruction set's file.

template <class Body, int... k>
[[gnu::always_inline]] inline void each_of(std::integer_sequence<int, k...>, const Body& body) {
  (body(std::integral_constant<int, k>()), ...);
}

// body(0), body(1) .. body(count - 1), each with a constant.
template <int count, class Body>
[[gnu::always_inline]] inline void each(const Body& body) {
  each_of(std::make_integer_sequence<int, count>(), body);
}
