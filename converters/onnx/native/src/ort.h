// ONNX Runtime's tensors, attributes, errors and threads, as the operators use them.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "ort_abi.h"
#include "pool.h"

namespace snn {

// What is wrong, in words; empty if nothing is.
using Problem = std::string;

constexpr int kMostAxes = 8;

struct Tensor {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  int rank = 0;
  int64_t shape[kMostAxes] = {};
  void* data = nullptr;  // null where an optional operand is left out

  int64_t count(int from = 0, int to = kMostAxes) const;
  bool is(std::initializer_list<int64_t> wanted) const;
};

std::string text(const Tensor& tensor);

// An operator's node, when its kernel is made.
class Info {
 public:
  Info(const OrtApi& api, const OrtKernelInfo* info) : api_(api), info_(info) {}

  // False where the node has no such attribute.
  bool get(const char* name, int64_t& value) const;
  bool get(const char* name, float& value) const;
  bool get(const char* name, std::vector<int64_t>& values) const;
  // An operand that never changes; `data` is null where it does.
  Tensor constant(size_t input) const;
  size_t inputs() const;

 private:
  bool took(OrtStatus* status) const;

  const OrtApi& api_;
  const OrtKernelInfo* info_;
};

// One call of a kernel.
class Context {
 public:
  Context(const OrtApi& api, OrtKernelContext* context) : api_(api), context_(context) {}

  Tensor input(size_t index) const;
  // `data` is null where nobody reads it.
  Tensor output(size_t index, ONNXTensorElementDataType type, const int64_t* shape, int rank);

 private:
  const OrtApi& api_;
  OrtKernelContext* context_;
};

// The threads of the session.
class SessionPool final : public Pool {
 public:
  SessionPool(const OrtApi& api, OrtKernelContext* context) : api_(api), context_(context) {}

 private:
  void run(size_t total, void (*work)(void*, size_t), void* data) override;

  const OrtApi& api_;
  OrtKernelContext* context_;
};

// What a node of one of our operators does.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual Problem run(Context& context, Pool& pool) const = 0;
};

}  // namespace snn
