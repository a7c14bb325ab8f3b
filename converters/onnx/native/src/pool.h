// Who runs the parts of a loop: ONNX Runtime's own threads, or the calling thread alone.

#pragma once

#include <cstddef>

namespace snn {

class Pool {
 public:
  virtual ~Pool() = default;

  // Calls work(0) .. work(total - 1), in any order, some at the same time.
  template <typename Work>
  void each(size_t total, const Work& work) {
    if (total == 1) return work(0);
    run(
        total, [](void* data, size_t index) { (*static_cast<const Work*>(data))(index); },
        const_cast<Work*>(&work));
  }

 private:
  virtual void run(size_t total, void (*work)(void*, size_t), void* data) = 0;
};

}  // namespace snn
