// Memory that a thread keeps from call to call, so that a step allocates nothing.

#pragma once

#include <cstddef>
#include <cstdlib>

namespace snn {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::free(data_); }

  // Returns `bytes` of memory on a cache line's border, or null; what was there is lost.
  void* take(size_t bytes) {
    if (bytes <= size_) return data_;
    std::free(data_);
    size_ = (bytes + kLine - 1) / kLine * kLine;
    data_ = std::aligned_alloc(kLine, size_);
    if (!data_) size_ = 0;
    return data_;
  }

 private:
  static constexpr size_t kLine = 64;
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace snn
