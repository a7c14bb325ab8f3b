// Stores of a part of a vector, in pieces: masked stores took twice as long, for AVX-512 and AVX2.
//
// Included, as loops.h is, inside the unnamed namespace of an instruction set's file.

template <class Piece>
[[gnu::always_inline]] inline uint8_t* store_piece(uint8_t* p, Piece piece) {
  std::memcpy(p, &piece, sizeof piece);
  return p + sizeof piece;
}

// The first bytes, less than 16.
[[gnu::always_inline]] inline void store_first(uint8_t* p, __m128i x, int bytes) {
  uint64_t rest = static_cast<uint64_t>(_mm_cvtsi128_si64(x));
  if (bytes & 8) {
    p = store_piece(p, rest);
    rest = static_cast<uint64_t>(_mm_extract_epi64(x, 1));
  }
  if (bytes & 4) {
    p = store_piece(p, static_cast<uint32_t>(rest));
    rest >>= 32;
  }
  if (bytes & 2) {
    p = store_piece(p, static_cast<uint16_t>(rest));
    rest >>= 16;
  }
  if (bytes & 1) store_piece(p, static_cast<uint8_t>(rest));
}

// Less than 32.
[[gnu::always_inline]] inline void store_first(uint8_t* p, __m256i x, int bytes) {
  __m128i rest = _mm256_castsi256_si128(x);
  if (bytes & 16) {
    p = store_piece(p, rest);
    rest = _mm256_extracti128_si256(x, 1);
  }
  store_first(p, rest, bytes);
}
