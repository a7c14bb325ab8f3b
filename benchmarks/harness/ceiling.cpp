// What threads could do at most: products of bytes with nothing but registers involved.
//
//     ceiling THREADS    prints billions of products with sums a second, of all threads together

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

// Fourteen sums that do not wait for each other, `steps` times.
void vnni_steps(long steps) {
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

// Of one thread, in seconds: the fastest of as many rounds as fit into a moment.
void measure(double* round) {
  using Clock = std::chrono::steady_clock;
  constexpr long kSteps = 5000;
  *round = 1.0;
  for (const auto end = Clock::now() + std::chrono::milliseconds(50); Clock::now() < end;) {
    const auto begin = Clock::now();
    vnni_steps(kSteps);
    const std::chrono::duration<double> taken = Clock::now() - begin;
    *round = std::min(*round, taken.count() / (14.0 * 64 * kSteps));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count == 2 ? std::atoi(arguments[1]) : 0;
  if (threads < 1) return 2;
  std::vector<double> seconds(threads);
  std::vector<std::thread> running;
  for (double& one : seconds) running.emplace_back(measure, &one);
  for (std::thread& thread : running) thread.join();
  double rate = 0;
  for (const double one : seconds) rate += 1e-9 / one;
  std::printf("%f\n", rate);
}
