#include "ort.h"

namespace snn {
namespace {

Tensor described(const OrtApi& api, const OrtValue* value) {
  Tensor found;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  if (OrtStatus* status = api.GetTensorTypeAndShape(value, &info)) {
    api.ReleaseStatus(status);
    return found;
  }
  size_t rank = 0;
  OrtStatus* status = api.GetTensorElementType(info, &found.type);
  if (!status) status = api.GetDimensionsCount(info, &rank);
  if (!status && rank <= kMostAxes) status = api.GetDimensions(info, found.shape, rank);
  api.ReleaseTensorTypeAndShapeInfo(info);
  found.rank = static_cast<int>(rank);
  if (!status && rank <= kMostAxes) {
    status = api.GetTensorMutableData(const_cast<OrtValue*>(value), &found.data);
  }
  if (status) api.ReleaseStatus(status);
  // An empty tensor may have no memory; it is there all the same.
  static char nothing[64];
  if (!status && !found.data && found.count() == 0) found.data = nothing;
  return found;
}

}  // namespace

int64_t Tensor::count(int from, int to) const {
  int64_t product = 1;
  for (int axis = from; axis < rank && axis < to; ++axis) product *= shape[axis];
  return product;
}

bool Tensor::is(std::initializer_list<int64_t> wanted) const {
  if (rank != static_cast<int>(wanted.size())) return false;
  int axis = 0;
  for (const int64_t length : wanted) {
    if (shape[axis++] != length) return false;
  }
  return true;
}

std::string text(const Tensor& tensor) {
  std::string found = "[";
  for (int axis = 0; axis < tensor.rank && axis < kMostAxes; ++axis) {
    found += (axis ? ", " : "") + std::to_string(tensor.shape[axis]);
  }
  return found + "]";
}

bool Info::took(OrtStatus* status) const {
  if (!status) return true;
  api_.ReleaseStatus(status);
  return false;
}

bool Info::get(const char* name, int64_t& value) const {
  return took(api_.KernelInfoGetAttribute_int64(info_, name, &value));
}

bool Info::get(const char* name, float& value) const {
  return took(api_.KernelInfoGetAttribute_float(info_, name, &value));
}

bool Info::get(const char* name, std::vector<int64_t>& values) const {
  size_t size = 0;
  if (!took(api_.KernelInfoGetAttributeArray_int64(info_, name, nullptr, &size))) return false;
  values.resize(size);
  return size == 0 ||
         took(api_.KernelInfoGetAttributeArray_int64(info_, name, values.data(), &size));
}

Tensor Info::constant(size_t input) const {
  int is_constant = 0;
  const OrtValue* value = nullptr;
  if (!took(api_.KernelInfoGetConstantInput_tensor(info_, input, &is_constant, &value))) return {};
  return is_constant && value ? described(api_, value) : Tensor();
}

size_t Info::inputs() const {
  size_t count = 0;
  return took(api_.KernelInfo_GetInputCount(info_, &count)) ? count : 0;
}

Tensor Context::input(size_t index) const {
  const OrtValue* value = nullptr;
  if (OrtStatus* status = api_.KernelContext_GetInput(context_, index, &value)) {
    api_.ReleaseStatus(status);
    return {};
  }
  return value ? described(api_, value) : Tensor();
}

Tensor Context::output(size_t index, ONNXTensorElementDataType type, const int64_t* shape,
                       int rank) {
  OrtValue* value = nullptr;
  if (OrtStatus* status = api_.KernelContext_GetOutput(context_, index, shape, rank, &value)) {
    api_.ReleaseStatus(status);
    return {};
  }
  Tensor found;
  if (!value) return found;
  found = described(api_, value);
  if (found.type != type) found.data = nullptr;
  return found;
}

void SessionPool::run(size_t total, void (*work)(void*, size_t), void* data) {
  OrtStatus* status = api_.KernelContext_ParallelFor(context_, work, total, 0, data);
  if (!status) return;
  // Without threads the work is still to be done.
  api_.ReleaseStatus(status);
  for (size_t index = 0; index < total; ++index) work(data, index);
}

}  // namespace snn
