// Kernels::dense with AMX. The tiles are a parameter, so that a test runs this where they are not.
//
// Included inside the unnamed namespace of a file that has <immintrin.h>, kernels.h, amx_tiles.h.
//
// To a product of tiles the weights are one matrix, [tap and quad][output][4 channels], and the
// windows another, [pixel][tap and quad][4 channels]. Weights are packed so; windows are gathered,
// 64 bytes of each at a time. Where the quads do not fill the last such chunk, its weights begin
// earlier, at quads that were done before, and the gathered bytes begin with zeros.

constexpr int kTileRows = 16;  // pixels of a tile of sums; quads of a tile of weights
constexpr int kTileBytes = 64;
constexpr int kTilePixels = 2 * kTileRows;

// Chunks gathered at once. Their 32 KB stay in the first cache while all outputs are worked on.
constexpr int kChunks = 16;
constexpr int kChunkBytes = kTilePixels * kTileBytes;

// Tiles 0 to 3 hold sums, [half of the pixels][vector]; 4 and 5 windows, 6 and 7 weights.
inline TileShapes tile_shapes(int pixels, int depth) {
  const int upper = pixels < kTileRows ? pixels : kTileRows;
  const int lower = pixels - upper;
  const int rows[] = {upper, upper, lower, lower, upper, lower, depth, depth};
  TileShapes shapes = {};
  shapes.palette = 1;
  for (int tile = 0; tile < 8; ++tile) {
    const bool windows = tile == 4 || tile == 5;
    shapes.rows[tile] = static_cast<uint8_t>(rows[tile]);
    // A tile that is not used has neither rows nor bytes: anything else is a fault.
    shapes.bytes[tile] = static_cast<uint16_t>(rows[tile] == 0 ? 0
                                               : windows       ? depth * kQuad
                                                               : kTileBytes);
  }
  return shapes;
}

// The next quad of a window.
struct Place {
  int tap;
  int quad;
};

// How many of the next quads, up to `most`, lie side by side in the input; goes past them.
inline int take_run(const Dense& d, Place& place, int most) {
  int run = 0;
  int32_t end;
  do {
    const int left = d.quads - place.quad;
    const int taken = left < most - run ? left : most - run;
    place.quad += taken;
    run += taken;
    end = d.taps[place.tap] + place.quad * kQuad;
    if (place.quad == d.quads) place = {place.tap + 1, 0};
  } while (run < most && d.taps[place.tap] == end);
  return run;
}

// Fills the quads `begin` to `end` of every row with what is next in the windows, the rest before
// them with zeros.
inline void gather_chunk(const Dense& d, ptrdiff_t plane, Place& place, int begin, int end,
                         uint8_t* rows) {
  if (begin > 0) {
    for (int m = 0; m < d.count; ++m) {
      _mm512_store_si512(rows + m * kTileBytes, _mm512_setzero_si512());
    }
  }
  while (begin < end) {
    const ptrdiff_t from = plane + d.taps[place.tap] + place.quad * kQuad;
    const int run = take_run(d, place, end - begin);
    const __mmask16 quads = static_cast<__mmask16>((1u << run) - 1);
    for (int m = 0; m < d.count; ++m) {
      _mm512_mask_storeu_epi32(rows + m * kTileBytes + begin * kQuad, quads,
                               _mm512_maskz_loadu_epi32(quads, d.pixels[m] + from));
    }
    begin += run;
  }
}

// What the sums are before a plane's products: those of the planes above, and in the end `start`.
inline void begin_plane(const Dense& d, int plane) {
  const bool highest = plane == d.planes - 1;
  const int lanes = d.vectors * kLanes;
  const int32_t* start = d.start;
  for (int m = 0; m < d.count; ++m) {
    int32_t* sums = d.sums + m * lanes;
    for (int o = 0; o < lanes; ++o) {
      const uint32_t above = highest ? 0 : static_cast<uint32_t>(sums[o]) << 8;
      sums[o] = wrapped(static_cast<int32_t>(above), plane == 0 ? start[o] : 0);
    }
  }
}

// Some chunks: gathered windows, and where the weights of each begin.
struct Chunks {
  const uint8_t* windows;
  const int8_t* weights[kChunks];
  int count;
};

template <class Tiles, int halves, int columns>
inline void multiply_tiles(const Chunks& chunks, ptrdiff_t row, int vector, int32_t* sums) {
  int32_t* upper = sums + vector * kLanes;
  int32_t* lower = upper + kTileRows * row / static_cast<ptrdiff_t>(sizeof(int32_t));
  Tiles::template load<0>(upper, row);
  if (columns == 2) Tiles::template load<1>(upper + kLanes, row);
  if (halves == 2) Tiles::template load<2>(lower, row);
  if (halves == 2 && columns == 2) Tiles::template load<3>(lower + kLanes, row);
  for (int chunk = 0; chunk < chunks.count; ++chunk) {
    const uint8_t* windows = chunks.windows + chunk * kChunkBytes;
    const int8_t* weights = chunks.weights[chunk] + vector * kTileBytes;
    Tiles::template load<4>(windows, kTileBytes);
    Tiles::template load<6>(weights, row);
    Tiles::template multiply<0, 4, 6>();
    if (columns == 2) Tiles::template load<7>(weights + kTileBytes, row);
    if (columns == 2) Tiles::template multiply<1, 4, 7>();
    if (halves == 2) Tiles::template load<5>(windows + kTileRows * kTileBytes, kTileBytes);
    if (halves == 2) Tiles::template multiply<2, 5, 6>();
    if (halves == 2 && columns == 2) Tiles::template multiply<3, 5, 7>();
  }
  Tiles::template store<0>(upper, row);
  if (columns == 2) Tiles::template store<1>(upper + kLanes, row);
  if (halves == 2) Tiles::template store<2>(lower, row);
  if (halves == 2 && columns == 2) Tiles::template store<3>(lower + kLanes, row);
}

template <class Tiles, int halves>
inline void multiply_chunks(const Dense& d, const Chunks& chunks) {
  // Of sums and of weights alike: 64 bytes a vector.
  const ptrdiff_t row = d.vectors * kTileBytes;
  int vector = 0;
  for (; vector + 2 <= d.vectors; vector += 2) {
    multiply_tiles<Tiles, halves, 2>(chunks, row, vector, d.sums);
  }
  if (vector < d.vectors) multiply_tiles<Tiles, halves, 1>(chunks, row, vector, d.sums);
}

template <class Tiles>
void dense(const Dense& d) {
  const int total = d.tap_count * d.quads;
  const int depth = total < kTileRows ? total : kTileRows;
  const int chunk_count = (total + depth - 1) / depth;
  const int last_begin = chunk_count * depth - total;
  alignas(64) uint8_t windows[kChunks * kChunkBytes];
  Chunks chunks = {windows, {}, 0};
  Tiles::configure(tile_shapes(d.count, depth));
  for (int plane = d.planes - 1; plane >= 0; --plane) {
    begin_plane(d, plane);
    Place place = {0, 0};
    for (int chunk = 0; chunk < chunk_count; ++chunk) {
      const bool last = chunk == chunk_count - 1;
      const int first_quad = last ? total - depth : chunk * depth;
      chunks.weights[chunks.count] =
          d.weights + static_cast<ptrdiff_t>(first_quad) * d.vectors * kTileBytes;
      gather_chunk(d, plane * d.plane_stride, place, last ? last_begin : 0, depth,
                   windows + chunks.count * kChunkBytes);
      if (++chunks.count < kChunks && !last) continue;
      d.count > kTileRows ? multiply_chunks<Tiles, 2>(d, chunks)
                          : multiply_chunks<Tiles, 1>(d, chunks);
      chunks.count = 0;
    }
  }
  // Others in this process use tiles too, and a thread that holds none is cheaper to switch.
  Tiles::release();
}
