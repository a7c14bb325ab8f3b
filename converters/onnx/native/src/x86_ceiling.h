// What a thread could do at most: products of bytes with nothing but registers involved.

#pragma once

#if defined(__x86_64__)

#include <algorithm>
#include <chrono>

namespace snn {

// Fourteen sums that do not wait for each other, `steps` times.
inline void vnni_steps(long steps) {
  asm volatile(
      ".p2align 6\n"
      "1:\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm0\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm1\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm2\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm3\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm4\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm5\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm6\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm7\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm8\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm9\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm10\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm11\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm12\n"
      "vpdpbusd %%zmm14, %%zmm15, %%zmm13\n"
      "dec %0\n"
      "jnz 1b\n"
      "vzeroupper\n"
      : "+r"(steps)
      :
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

// Billions of products with sums a second, of one thread; takes 5 ms. Only where the processor has
// AVX-512 VNNI.
inline double vnni_ceiling_gmacs() {
  using Clock = std::chrono::steady_clock;
  constexpr long kSteps = 5000;
  constexpr double kMacs = 14.0 * 64 * kSteps;
  double shortest = 1.0;
  for (const auto end = Clock::now() + std::chrono::milliseconds(5); Clock::now() < end;) {
    const auto begin = Clock::now();
    vnni_steps(kSteps);
    const std::chrono::duration<double> taken = Clock::now() - begin;
    shortest = std::min(shortest, taken.count());
  }
  return kMacs / shortest * 1e-9;
}

}  // namespace snn

#endif
