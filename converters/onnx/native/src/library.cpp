// What ONNX Runtime, and whoever asks about the library, calls.

#include <new>
#include <string>
#include <vector>

#include "isa.h"
#include "operators.h"

#define SNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace snn {
namespace {

constexpr int kVersion = 1;
// Names of an operator that has several bodies in a file: ConvInt, ConvInt_2, .. ConvInt_32.
// Those of matrix products depend on less.
constexpr int kConvBodies = 32;
constexpr int kLinearBodies = 8;

OrtStatus* status_of(const OrtApi& api, const std::string& name, const Problem& problem) {
  if (problem.empty()) return nullptr;
  return api.CreateStatus(ORT_INVALID_ARGUMENT, ("ai.snn:" + name + ": " + problem).c_str());
}

struct Bound {
  const OrtApi& api;
  const std::string& name;
  Made operation;
};

// One entry of the domain; ONNX Runtime keeps pointers to it.
struct Entry : OrtCustomOp {
  Variant variant;
  std::string name;

  Entry(const Variant& of, int body);
};

const Entry& entry(const OrtCustomOp* op) { return *static_cast<const Entry*>(op); }

// Nothing may be thrown through ONNX Runtime, and memory can run out.
template <typename Work>
OrtStatus* guarded(const OrtApi& api, const std::string& name, const Work& work) {
  try {
    return status_of(api, name, work());
  } catch (const std::bad_alloc&) {
    return status_of(api, name, "out of memory");
  }
}

OrtStatus* create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info,
                  void** kernel) {
  const Entry& e = entry(op);
  return guarded(*api, e.name, [&] {
    Problem problem;
    const Info described(*api, info);
    Made made = e.variant.product != Variant::Product::kNone
                    ? make_product(e.variant, described, problem)
                : e.variant.integer ? make_integer_neuron(e.variant, described, problem)
                                    : make_float_neuron(e.variant, described, problem);
    if (problem.empty()) *kernel = new Bound{*api, e.name, std::move(made)};
    return problem;
  });
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) {
  const Bound& bound = *static_cast<const Bound*>(kernel);
  return guarded(bound.api, bound.name, [&] {
    Context of_call(bound.api, context);
    SessionPool pool(bound.api, context);
    return bound.operation->run(of_call, pool);
  });
}

// Operands in the order of converters/onnx/README.md: x, [weight, shift, bias,] states,
// [threshold, bias,] [addend].
size_t input_count(const Variant& v) {
  const bool product = v.product != Variant::Product::kNone;
  return 1 + 3 * product + v.states() + 2 * (v.neuron && v.integer) + product;
}

size_t output_count(const Variant& v) {
  return v.neuron + v.states() + 2 * (v.product != Variant::Product::kNone);
}

ONNXTensorElementDataType input_type(const Variant& v, size_t index) {
  if (!v.integer) return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  if (v.product == Variant::Product::kNone || index > 1) return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
  return index == 1 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

ONNXTensorElementDataType output_type(const Variant& v, size_t index) {
  if (!v.integer) return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  return v.neuron && index == 0 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
                                : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
}

OrtCustomOpInputOutputCharacteristic input_kind(const Variant& v, size_t index) {
  const bool product = v.product != Variant::Product::kNone;
  return product && index + 1 == input_count(v) ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
}

// Sums are given to whoever asks; what a sequence's states end with, too.
OrtCustomOpInputOutputCharacteristic output_kind(const Variant& v, size_t index) {
  if (v.neuron && index == 0) return INPUT_OUTPUT_REQUIRED;
  if (v.product == Variant::Product::kNone) return INPUT_OUTPUT_REQUIRED;
  const bool state = index < 1u + v.states() && v.neuron;
  if (state) return v.sequence ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  return INPUT_OUTPUT_OPTIONAL;
}

Entry::Entry(const Variant& of, int body) : OrtCustomOp(), variant(of), name(of.name()) {
  if (body > 1) name += "_" + std::to_string(body);
  version = ORT_API_VERSION;
  CreateKernelV2 = create;
  KernelComputeV2 = compute;
  KernelDestroy = [](void* kernel) { delete static_cast<Bound*>(kernel); };
  GetName = [](const OrtCustomOp* op) { return entry(op).name.c_str(); };
  GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  GetInputType = [](const OrtCustomOp* op, size_t k) { return input_type(entry(op).variant, k); };
  GetInputTypeCount = [](const OrtCustomOp* op) { return input_count(entry(op).variant); };
  GetOutputType = [](const OrtCustomOp* op, size_t k) { return output_type(entry(op).variant, k); };
  GetOutputTypeCount = [](const OrtCustomOp* op) { return output_count(entry(op).variant); };
  GetInputCharacteristic = [](const OrtCustomOp* op, size_t k) {
    return input_kind(entry(op).variant, k);
  };
  GetOutputCharacteristic = [](const OrtCustomOp* op, size_t k) {
    return output_kind(entry(op).variant, k);
  };
  GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
  GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
  GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 0; };
  GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
  GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 0; };
  GetStartVersion = [](const OrtCustomOp*) { return kVersion; };
  GetEndVersion = [](const OrtCustomOp*) { return kVersion; };
}

void add(const Variant& variant, std::vector<Entry>& to) {
  const int bodies = variant.product == Variant::Product::kNone   ? 1
                     : variant.product == Variant::Product::kConv ? kConvBodies
                                                                  : kLinearBodies;
  for (int body = 1; body <= bodies; ++body) to.emplace_back(variant, body);
}

void add_integers(Variant variant, std::vector<Entry>& to) {
  variant.integer = variant.strict = true;
  for (const bool synapse : {false, true}) {
    for (const Reset reset : {Reset::kHard, Reset::kSoft, Reset::kNone}) {
      if (variant.product != Variant::Product::kNone && reset != Reset::kHard) continue;
      for (const bool sequence : {false, true}) {
        variant.synapse = synapse;
        variant.reset = reset;
        variant.sequence = sequence;
        add(variant, to);
      }
    }
  }
}

void add_reals(std::vector<Entry>& to) {
  for (const bool synapse : {false, true}) {
    for (const Reset reset : {Reset::kHard, Reset::kSoft, Reset::kNone}) {
      for (const bool delayed : {false, true}) {
        if (delayed && reset != Reset::kSoft) continue;
        for (const bool strict : {false, true}) {
          for (const bool sequence : {false, true}) {
            add({Variant::Product::kNone, true, false, synapse, reset, delayed, strict, sequence},
                to);
          }
        }
      }
    }
  }
}

// Every operator of the domain, for as long as the library is loaded.
const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = [] {
    std::vector<Entry> found;
    for (const auto product :
         {Variant::Product::kNone, Variant::Product::kConv, Variant::Product::kLinear}) {
      add_integers({product, true, true, false, Reset::kHard, false, true, false}, found);
      if (product == Variant::Product::kNone) continue;
      add({product, false, true, false, Reset::kHard, false, true, false}, found);
    }
    add_reals(found);
    return found;
  }();
  return all;
}

OrtStatus* domain_of(const OrtApi& api, OrtCustomOpDomain*& domain) {
  OrtStatus* status = api.CreateCustomOpDomain("ai.snn", &domain);
  for (const Entry& e : entries()) {
    if (status) break;
    status = api.CustomOpDomain_Add(domain, &e);
  }
  return status;
}

}  // namespace

std::string Variant::name() const {
  std::string found = product == Product::kConv ? "Conv" : product == Product::kLinear ? "Linear" : "";
  if (!neuron) return found + "Int";
  if (synapse) found += "Cuba";
  found += "LIF";
  if (integer) found += "Int";
  if (reset == Reset::kSoft) found += "Soft";
  if (reset == Reset::kNone) found += "NoReset";
  if (delayed) found += "Delayed";
  if (!strict) found += "Ge";
  if (sequence) found += "Seq";
  return found;
}

}  // namespace snn

SNN_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (!api) return nullptr;
  // Sessions share one domain, which lives as long as the library.
  static OrtCustomOpDomain* domain = nullptr;
  static OrtStatus* failed = snn::domain_of(*api, domain);
  if (failed) return api->CreateStatus(ORT_FAIL, api->GetErrorMessage(failed));
  return api->AddCustomOpDomain(options, domain);
}

// Name of the kernels that this process uses.
SNN_EXPORT const char* snn_ops_instruction_set() { return snn::chosen_kernels().name; }

// Names of all kernels that were compiled, separated by commas.
SNN_EXPORT const char* snn_ops_compiled() {
  static const std::string names = [] {
    std::string found;
    for (int k = 0; k < snn::kInstructionSets; ++k) {
      const snn::InstructionSet& set = snn::instruction_sets()[k];
      if (set.kernels()) found += (found.empty() ? "" : ",") + std::string(set.name);
    }
    return found;
  }();
  return names.c_str();
}
