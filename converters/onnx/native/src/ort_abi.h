/* The part of ONNX Runtime's C API that this project uses, declared by its places in the table.
 *
 * No package that is installed with ONNX Runtime brings its headers, and the table is promised to
 * grow at its end only. So the functions are declared here by their number, with their public
 * names: code that is written against this header compiles against onnxruntime_c_api.h as well.
 * The lowest level that has all of them is 18 (ONNX Runtime 1.18).
 */

#ifndef SNN_DEPLOY_ORT_ABI_H
#define SNN_DEPLOY_ORT_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ORT_API_VERSION 18

typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtIoBinding OrtIoBinding;
typedef struct OrtModelMetadata OrtModelMetadata;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtCustomOpDomain OrtCustomOpDomain;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtCustomOp OrtCustomOp;

typedef enum OrtErrorCode { ORT_OK, ORT_FAIL, ORT_INVALID_ARGUMENT } OrtErrorCode;
typedef enum OrtLoggingLevel {
  ORT_LOGGING_LEVEL_VERBOSE,
  ORT_LOGGING_LEVEL_INFO,
  ORT_LOGGING_LEVEL_WARNING,
  ORT_LOGGING_LEVEL_ERROR,
  ORT_LOGGING_LEVEL_FATAL
} OrtLoggingLevel;
typedef enum ONNXTensorElementDataType {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7
} ONNXTensorElementDataType;
typedef enum GraphOptimizationLevel {
  ORT_DISABLE_ALL = 0,
  ORT_ENABLE_BASIC = 1,
  ORT_ENABLE_EXTENDED = 2,
  ORT_ENABLE_ALL = 99
} GraphOptimizationLevel;
typedef enum OrtAllocatorType { OrtDeviceAllocator = 0, OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum OrtMemType { OrtMemTypeDefault = 0 } OrtMemType;
typedef enum OrtCustomOpInputOutputCharacteristic {
  INPUT_OUTPUT_REQUIRED = 0,
  INPUT_OUTPUT_OPTIONAL = 1,
  INPUT_OUTPUT_VARIADIC = 2
} OrtCustomOpInputOutputCharacteristic;

#define SNN_GAP(first, last) void* unused_##first[(last) - (first) + 1]

typedef struct OrtApi {
  OrtStatus* (*CreateStatus)(OrtErrorCode code, const char* message); /* 0 */
  OrtErrorCode (*GetErrorCode)(const OrtStatus* status);
  const char* (*GetErrorMessage)(const OrtStatus* status);
  OrtStatus* (*CreateEnv)(OrtLoggingLevel level, const char* name, OrtEnv** out); /* 3 */
  SNN_GAP(4, 6);
  OrtStatus* (*CreateSession)(const OrtEnv* env, const char* path,
                              const OrtSessionOptions* options, OrtSession** out); /* 7 */
  SNN_GAP(8, 8);
  OrtStatus* (*Run)(OrtSession* session, const OrtRunOptions* options,
                    const char* const* input_names, const OrtValue* const* inputs,
                    size_t input_count, const char* const* output_names, size_t output_count,
                    OrtValue** outputs); /* 9 */
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions** out); /* 10 */
  SNN_GAP(11, 22);
  OrtStatus* (*SetSessionGraphOptimizationLevel)(OrtSessionOptions* options,
                                                 GraphOptimizationLevel level); /* 23 */
  OrtStatus* (*SetIntraOpNumThreads)(OrtSessionOptions* options, int threads);
  SNN_GAP(25, 25);
  OrtStatus* (*CreateCustomOpDomain)(const char* domain, OrtCustomOpDomain** out); /* 26 */
  OrtStatus* (*CustomOpDomain_Add)(OrtCustomOpDomain* domain, const OrtCustomOp* op);
  OrtStatus* (*AddCustomOpDomain)(OrtSessionOptions* options, OrtCustomOpDomain* domain);
  SNN_GAP(29, 29);
  OrtStatus* (*SessionGetInputCount)(const OrtSession* session, size_t* out); /* 30 */
  OrtStatus* (*SessionGetOutputCount)(const OrtSession* session, size_t* out);
  SNN_GAP(32, 32);
  OrtStatus* (*SessionGetInputTypeInfo)(const OrtSession* session, size_t index,
                                        OrtTypeInfo** out); /* 33 */
  OrtStatus* (*SessionGetOutputTypeInfo)(const OrtSession* session, size_t index,
                                         OrtTypeInfo** out);
  SNN_GAP(35, 35);
  OrtStatus* (*SessionGetInputName)(const OrtSession* session, size_t index,
                                    OrtAllocator* allocator, char** out); /* 36 */
  OrtStatus* (*SessionGetOutputName)(const OrtSession* session, size_t index,
                                     OrtAllocator* allocator, char** out);
  SNN_GAP(38, 47);
  OrtStatus* (*CreateTensorAsOrtValue)(OrtAllocator* allocator, const int64_t* shape, size_t rank,
                                       ONNXTensorElementDataType type, OrtValue** out); /* 48 */
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo* info, void* data,
                                               size_t bytes, const int64_t* shape, size_t rank,
                                               ONNXTensorElementDataType type,
                                               OrtValue** out);
  SNN_GAP(50, 50);
  OrtStatus* (*GetTensorMutableData)(OrtValue* value, void** out); /* 51 */
  SNN_GAP(52, 54);
  OrtStatus* (*CastTypeInfoToTensorInfo)(const OrtTypeInfo* info,
                                         const OrtTensorTypeAndShapeInfo** out); /* 55 */
  SNN_GAP(56, 59);
  OrtStatus* (*GetTensorElementType)(const OrtTensorTypeAndShapeInfo* info,
                                     ONNXTensorElementDataType* out); /* 60 */
  OrtStatus* (*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo* info, size_t* out);
  OrtStatus* (*GetDimensions)(const OrtTensorTypeAndShapeInfo* info, int64_t* dims, size_t rank);
  SNN_GAP(63, 63);
  OrtStatus* (*GetTensorShapeElementCount)(const OrtTensorTypeAndShapeInfo* info,
                                           size_t* out); /* 64 */
  OrtStatus* (*GetTensorTypeAndShape)(const OrtValue* value, OrtTensorTypeAndShapeInfo** out);
  SNN_GAP(66, 68);
  OrtStatus* (*CreateCpuMemoryInfo)(OrtAllocatorType allocator, OrtMemType memory,
                                    OrtMemoryInfo** out); /* 69 */
  SNN_GAP(70, 75);
  OrtStatus* (*AllocatorFree)(OrtAllocator* allocator, void* data); /* 76 */
  SNN_GAP(77, 77);
  OrtStatus* (*GetAllocatorWithDefaultOptions)(OrtAllocator** out); /* 78 */
  SNN_GAP(79, 84);
  OrtStatus* (*KernelInfoGetAttribute_float)(const OrtKernelInfo* info, const char* name,
                                             float* out); /* 85 */
  OrtStatus* (*KernelInfoGetAttribute_int64)(const OrtKernelInfo* info, const char* name,
                                             int64_t* out);
  SNN_GAP(87, 87);
  OrtStatus* (*KernelContext_GetInputCount)(const OrtKernelContext* context, size_t* out); /* 88 */
  OrtStatus* (*KernelContext_GetOutputCount)(const OrtKernelContext* context, size_t* out);
  OrtStatus* (*KernelContext_GetInput)(const OrtKernelContext* context, size_t index,
                                       const OrtValue** out);
  OrtStatus* (*KernelContext_GetOutput)(OrtKernelContext* context, size_t index,
                                        const int64_t* shape, size_t rank, OrtValue** out);
  void (*ReleaseEnv)(OrtEnv* env); /* 92 */
  void (*ReleaseStatus)(OrtStatus* status);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo* info);
  void (*ReleaseSession)(OrtSession* session);
  void (*ReleaseValue)(OrtValue* value);
  SNN_GAP(97, 97);
  void (*ReleaseTypeInfo)(OrtTypeInfo* info); /* 98 */
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo* info);
  void (*ReleaseSessionOptions)(OrtSessionOptions* options);
  SNN_GAP(101, 110);
  OrtStatus* (*SessionGetModelMetadata)(const OrtSession* session,
                                        OrtModelMetadata** out); /* 111 */
  SNN_GAP(112, 115);
  OrtStatus* (*ModelMetadataLookupCustomMetadataMap)(const OrtModelMetadata* metadata,
                                                     OrtAllocator* allocator, const char* key,
                                                     char** out); /* 116 */
  SNN_GAP(117, 117);
  void (*ReleaseModelMetadata)(OrtModelMetadata* metadata); /* 118 */
  SNN_GAP(119, 129);
  OrtStatus* (*AddSessionConfigEntry)(OrtSessionOptions* options, const char* key,
                                      const char* value); /* 130 */
  SNN_GAP(131, 132);
  OrtStatus* (*RunWithBinding)(OrtSession* session, const OrtRunOptions* options,
                               const OrtIoBinding* binding); /* 133 */
  OrtStatus* (*CreateIoBinding)(OrtSession* session, OrtIoBinding** out);
  void (*ReleaseIoBinding)(OrtIoBinding* binding);
  OrtStatus* (*BindInput)(OrtIoBinding* binding, const char* name, const OrtValue* value);
  OrtStatus* (*BindOutput)(OrtIoBinding* binding, const char* name, const OrtValue* value);
  SNN_GAP(138, 161);
  OrtStatus* (*KernelInfoGetAttributeArray_float)(const OrtKernelInfo* info, const char* name,
                                                  float* out, size_t* size); /* 162 */
  OrtStatus* (*KernelInfoGetAttributeArray_int64)(const OrtKernelInfo* info, const char* name,
                                                  int64_t* out, size_t* size);
  SNN_GAP(164, 227);
  OrtStatus* (*RegisterCustomOpsLibrary_V2)(OrtSessionOptions* options, const char* path); /* 228 */
  SNN_GAP(229, 229);
  OrtStatus* (*KernelInfo_GetInputCount)(const OrtKernelInfo* info, size_t* out); /* 230 */
  OrtStatus* (*KernelInfo_GetOutputCount)(const OrtKernelInfo* info, size_t* out);
  SNN_GAP(232, 248);
  OrtStatus* (*KernelInfoGetConstantInput_tensor)(const OrtKernelInfo* info, size_t index,
                                                  int* is_constant, const OrtValue** out); /* 249 */
  SNN_GAP(250, 273);
  OrtStatus* (*KernelContext_ParallelFor)(const OrtKernelContext* context,
                                          void (*work)(void* data, size_t index), size_t total,
                                          size_t batches, void* data); /* 274 */
} OrtApi;

#undef SNN_GAP

typedef struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)(void);
} OrtApiBase;

const OrtApiBase* OrtGetApiBase(void);

/* What a library gives for each of its operators. */
struct OrtCustomOp {
  uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info);
  const char* (*GetName)(const OrtCustomOp* op);
  const char* (*GetExecutionProviderType)(const OrtCustomOp* op);
  ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetInputTypeCount)(const OrtCustomOp* op);
  ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetOutputTypeCount)(const OrtCustomOp* op);
  void (*KernelCompute)(void* kernel, OrtKernelContext* context);
  void (*KernelDestroy)(void* kernel);
  OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(const OrtCustomOp* op,
                                                                 size_t index);
  OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp* op,
                                                                  size_t index);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp* op, size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp* op);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp* op);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp* op);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp* op);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp* op, const OrtApi* api,
                               const OrtKernelInfo* info, void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext* context);
  void* InferOutputShapeFn;
  int (*GetStartVersion)(const OrtCustomOp* op);
  int (*GetEndVersion)(const OrtCustomOp* op);
  size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};

#ifdef __cplusplus
}
#endif

#endif /* SNN_DEPLOY_ORT_ABI_H */
