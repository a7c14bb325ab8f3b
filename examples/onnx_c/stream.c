/* Streams samples through an exported integer network, one time step a call.
 *
 * ONNX Runtime's C API only; README.md beside this file says how to build it. All memory is taken
 * before the first step: a step runs on tensors that were bound once.
 */

#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef SNN_ORT_ABI
#include "ort_abi.h"
#else
#include "onnxruntime_c_api.h"
#endif

static const char kUsage[] =
    "usage: stream [--library FILE] [--steps T] [--two-buffers] [--threads N] [--time N]\n"
    "              model.step.onnx frames.bin";

enum { kMostAxes = 8, kFailed = 1, kWrongUsage = 2 };

typedef struct {
  const char* model;
  const char* frames;
  const char* library; /* NULL: stock operators */
  long steps;          /* 0: as many as the model says */
  long timed;          /* steps to measure */
  int threads;
  int two_buffers;
} Options;

/* A tensor of the model, for a batch of one, and its memory. */
typedef struct {
  char* name;
  OrtValue* value;
  void* data;
  ONNXTensorElementDataType type;
  size_t count;
  size_t bytes;
} Tensor;

/* What is read at one step and written at the next; one tensor twice if that is done in place. */
typedef struct {
  Tensor buffers[2];
  char* output;
  double start;
  int in_place;
} State;

typedef struct {
  OrtEnv* env;
  OrtSession* session;
  OrtAllocator* allocator;
  Tensor input;
  State* states;
  size_t state_count;
  Tensor* outputs;
  size_t output_count;
  OrtIoBinding* bindings[2]; /* the first reads the states' first buffers, the second the others */
  int turn;
  long steps;
  int is_static; /* one frame for all steps of a sample, otherwise a frame a step */
  long low, high;
} Network;

static const OrtApi* ort;

/* ---- What can go wrong ends the program with one line. ---- */

static void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("stream: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(kFailed);
}

static void die_of_usage(void) {
  fprintf(stderr, "%s\n", kUsage);
  exit(kWrongUsage);
}

static void check(OrtStatus* status) {
  if (!status) return;
  const char* message = ort->GetErrorMessage(status);
  die("%.*s", (int)strcspn(message, "\n"), message);
}

static void* allocate(size_t count, size_t size) {
  void* memory = calloc(count ? count : 1, size);
  if (!memory) die("out of memory");
  return memory;
}

/* ---- The command line. ---- */

static long parse_number(const char* text) {
  char* end = NULL;
  const long number = text ? strtol(text, &end, 10) : 0;
  if (!text || end == text || *end != '\0' || number < 1 || number > 1000000000) {
    die_of_usage();
  }
  return number;
}

static Options parse(int argc, char** argv) {
  Options options = {NULL, NULL, NULL, 0, 0, 1, 0};
  for (int i = 1; i < argc; ++i) {
    const char* next = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--two-buffers") == 0) {
      options.two_buffers = 1;
    } else if (strcmp(argv[i], "--library") == 0 && next) {
      options.library = argv[++i];
    } else if (strcmp(argv[i], "--steps") == 0) {
      options.steps = parse_number(next), ++i;
    } else if (strcmp(argv[i], "--threads") == 0) {
      options.threads = (int)parse_number(next), ++i;
    } else if (strcmp(argv[i], "--time") == 0) {
      options.timed = parse_number(next), ++i;
    } else if (argv[i][0] == '-' || options.frames) {
      die_of_usage();
    } else if (options.model) {
      options.frames = argv[i];
    } else {
      options.model = argv[i];
    }
  }
  if (!options.frames) die_of_usage();
  return options;
}

/* ---- What the model says of itself: flat JSON, in the spelling of our exporter. ---- */

static char* metadata(const Network* net, const char* key) {
  OrtModelMetadata* all = NULL;
  char* found = NULL;
  check(ort->SessionGetModelMetadata(net->session, &all));
  check(ort->ModelMetadataLookupCustomMetadataMap(all, net->allocator, key, &found));
  ort->ReleaseModelMetadata(all);
  if (!found) die("the model has no metadata '%s', so it is no export", key);
  return found;
}

static void release_text(const Network* net, char* text) {
  check(ort->AllocatorFree(net->allocator, text));
}

/* Return where `"key": "value"` is, or NULL. */
static const char* find_pair(const char* json, const char* key, const char* value) {
  const size_t length = strlen(key) + strlen(value) + sizeof "\"\": \"\"";
  char* pair = allocate(length, 1);
  snprintf(pair, length, "\"%s\": \"%s\"", key, value);
  const char* found = strstr(json, pair);
  free(pair);
  return found;
}

/* Return what follows `"key": ` in the object that begins at `object`. */
static const char* field(const char* object, const char* key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char* found = strstr(object, quoted);
  const char* end = strchr(object, '}');
  if (!found || !end || found > end) die("the model's metadata lacks '%s'", key);
  return found + strlen(quoted);
}

static char* text_field(const char* object, const char* key) {
  const char* from = field(object, key);
  const size_t length = *from == '"' ? strcspn(from + 1, "\"\\") : 0;
  if (!length || from[1 + length] != '"') die("the model's metadata has an odd '%s'", key);
  char* text = allocate(length + 1, 1);
  memcpy(text, from + 1, length);
  return text;
}

static void read_metadata(Network* net, const Options* options) {
  char* form = metadata(net, "ai.snn.form");
  if (strcmp(form, "step") != 0) die("the model is of the form '%s', not 'step'", form);
  char* steps = metadata(net, "ai.snn.steps");
  char* input = metadata(net, "ai.snn.input");
  net->steps = options->steps ? options->steps : strtol(steps, NULL, 10);
  if (net->steps < 1) die("the model's metadata has an odd 'ai.snn.steps'");
  net->is_static = strncmp(field(input, "static"), "true", 4) == 0;
  if (!strstr(input, "\"limit\": ")) die("the model takes real numbers, this program integers");
  net->low = strtol(field(input, "low"), NULL, 10);
  net->high = strtol(field(input, "high"), NULL, 10);
  release_text(net, form);
  release_text(net, steps);
  release_text(net, input);
}

/* ---- Tensors. ---- */

static size_t size_of(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      return 1;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
      return 2;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return 4;
    default:
      return 0;
  }
}

/* Take a tensor's memory, of ONNX Runtime, which aligns it. Keeps the name, releases the info. */
static Tensor new_tensor(const Network* net, char* name, OrtTypeInfo* info) {
  Tensor tensor = {name, NULL, NULL, ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, 1, 0};
  const OrtTensorTypeAndShapeInfo* described = NULL;
  int64_t shape[kMostAxes];
  size_t rank = 0;
  check(ort->CastTypeInfoToTensorInfo(info, &described));
  if (!described) die("'%s' is no tensor", name);
  check(ort->GetTensorElementType(described, &tensor.type));
  check(ort->GetDimensionsCount(described, &rank));
  if (rank > kMostAxes) die("'%s' has %zu axes", name, rank);
  check(ort->GetDimensions(described, shape, rank));
  for (size_t axis = 0; axis < rank; ++axis) {
    if (shape[axis] < 0) shape[axis] = 1; /* B, the only axis without a length */
    tensor.count *= (size_t)shape[axis];
  }
  tensor.bytes = tensor.count * size_of(tensor.type);
  if (!tensor.bytes) die("'%s' holds no integers of 8, 16 or 32 bits", name);
  check(ort->CreateTensorAsOrtValue(net->allocator, shape, rank, tensor.type, &tensor.value));
  check(ort->GetTensorMutableData(tensor.value, &tensor.data));
  ort->ReleaseTypeInfo(info);
  return tensor;
}

static Tensor input_tensor(const Network* net, size_t index) {
  char* name = NULL;
  OrtTypeInfo* info = NULL;
  check(ort->SessionGetInputName(net->session, index, net->allocator, &name));
  check(ort->SessionGetInputTypeInfo(net->session, index, &info));
  return new_tensor(net, name, info);
}

static Tensor output_tensor(const Network* net, size_t index) {
  char* name = NULL;
  OrtTypeInfo* info = NULL;
  check(ort->SessionGetOutputName(net->session, index, net->allocator, &name));
  check(ort->SessionGetOutputTypeInfo(net->session, index, &info));
  return new_tensor(net, name, info);
}

static void release_tensor(const Network* net, const Tensor* tensor) {
  ort->ReleaseValue(tensor->value);
  release_text(net, tensor->name);
}

static void fill(const Tensor* tensor, double value) {
  memset(tensor->data, 0, tensor->bytes);
  if (value == 0) return;
  if (tensor->type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) die("'%s' begins odd", tensor->name);
  for (size_t k = 0; k < tensor->count; ++k) ((int32_t*)tensor->data)[k] = (int32_t)value;
}

/* ---- The network. ---- */

/* What a neuron keeps is read and written by one operator of the library, element by element, so
 * one buffer is enough. Nobody promises that of anything else. */
static int may_be_in_place(const char* role, const Options* options) {
  const int of_a_neuron = strcmp(role, "v") == 0 || strcmp(role, "u") == 0;
  return options->library && !options->two_buffers && of_a_neuron;
}

static State new_state(const Network* net, size_t index, const char* json,
                       const Options* options) {
  State state;
  state.buffers[0] = state.buffers[1] = input_tensor(net, index);
  const char* object = find_pair(json, "in", state.buffers[0].name);
  if (!object) die("'%s' is neither the sample nor a state", state.buffers[0].name);
  while (object > json && *object != '{') --object;
  char* role = text_field(object, "role");
  state.output = text_field(object, "out");
  state.start = strtod(field(object, "init"), NULL);
  state.in_place = may_be_in_place(role, options);
  if (!state.in_place) state.buffers[1] = input_tensor(net, index);
  free(role);
  return state;
}

static void find_inputs(Network* net, const Options* options) {
  char* input = metadata(net, "ai.snn.input");
  char* states = metadata(net, "ai.snn.state");
  char* name = text_field(input, "name");
  size_t count = 0;
  check(ort->SessionGetInputCount(net->session, &count));
  net->states = allocate(count, sizeof *net->states);
  for (size_t index = 0; index < count; ++index) {
    char* found = NULL;
    check(ort->SessionGetInputName(net->session, index, net->allocator, &found));
    if (strcmp(found, name) == 0) {
      net->input = input_tensor(net, index);
    } else {
      net->states[net->state_count++] = new_state(net, index, states, options);
    }
    release_text(net, found);
  }
  if (!net->input.value) die("the model has no input '%s'", name);
  free(name);
  release_text(net, input);
  release_text(net, states);
}

static void find_outputs(Network* net) {
  char* described = metadata(net, "ai.snn.output");
  size_t count = 0;
  check(ort->SessionGetOutputCount(net->session, &count));
  net->outputs = allocate(count, sizeof *net->outputs);
  for (size_t index = 0; index < count; ++index) {
    char* name = NULL;
    check(ort->SessionGetOutputName(net->session, index, net->allocator, &name));
    if (find_pair(described, "name", name)) {
      Tensor* output = &net->outputs[net->output_count++];
      *output = output_tensor(net, index);
      if (output->type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) die("'%s' is not int32", name);
    }
    release_text(net, name);
  }
  if (!net->output_count) die("the model has no output of those that it describes");
  release_text(net, described);
}

static OrtIoBinding* bind(const Network* net, int turn) {
  OrtIoBinding* binding = NULL;
  check(ort->CreateIoBinding(net->session, &binding));
  check(ort->BindInput(binding, net->input.name, net->input.value));
  for (size_t k = 0; k < net->state_count; ++k) {
    const State* state = &net->states[k];
    check(ort->BindInput(binding, state->buffers[turn].name, state->buffers[turn].value));
    check(ort->BindOutput(binding, state->output, state->buffers[!turn].value));
  }
  for (size_t k = 0; k < net->output_count; ++k) {
    check(ort->BindOutput(binding, net->outputs[k].name, net->outputs[k].value));
  }
  return binding;
}

static OrtSession* open_session(const OrtEnv* env, const Options* options) {
  OrtSessionOptions* of_session = NULL;
  OrtSession* session = NULL;
  check(ort->CreateSessionOptions(&of_session));
  check(ort->SetIntraOpNumThreads(of_session, options->threads));
  /* Threads that wait for work would keep their processors busy between two frames. */
  check(ort->AddSessionConfigEntry(of_session, "session.intra_op.allow_spinning", "0"));
  if (options->library) check(ort->RegisterCustomOpsLibrary_V2(of_session, options->library));
  check(ort->CreateSession(env, options->model, of_session, &session));
  ort->ReleaseSessionOptions(of_session);
  return session;
}

static Network open_network(const Options* options) {
  Network net;
  memset(&net, 0, sizeof net);
  check(ort->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "stream", &net.env));
  check(ort->GetAllocatorWithDefaultOptions(&net.allocator));
  net.session = open_session(net.env, options);
  read_metadata(&net, options);
  find_inputs(&net, options);
  find_outputs(&net);
  for (int turn = 0; turn < 2; ++turn) net.bindings[turn] = bind(&net, turn);
  return net;
}

static void reset(Network* net) {
  net->turn = 0;
  for (size_t k = 0; k < net->state_count; ++k) {
    fill(&net->states[k].buffers[0], net->states[k].start);
  }
}

static void step(Network* net) {
  check(ort->RunWithBinding(net->session, NULL, net->bindings[net->turn]));
  net->turn = !net->turn;
}

static void close_network(Network* net) {
  for (int turn = 0; turn < 2; ++turn) ort->ReleaseIoBinding(net->bindings[turn]);
  for (size_t k = 0; k < net->state_count; ++k) {
    const State* state = &net->states[k];
    release_tensor(net, &state->buffers[0]);
    if (!state->in_place) release_tensor(net, &state->buffers[1]);
    free(state->output);
  }
  for (size_t k = 0; k < net->output_count; ++k) release_tensor(net, &net->outputs[k]);
  release_tensor(net, &net->input);
  free(net->states);
  free(net->outputs);
  ort->ReleaseSession(net->session);
  ort->ReleaseEnv(net->env);
}

/* ---- Samples. ---- */

/* The network is exact for what its metadata allows, and for nothing else. */
static void check_range(const Network* net) {
  for (size_t k = 0; k < net->input.count; ++k) {
    const long value = net->input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16
                           ? ((const int16_t*)net->input.data)[k]
                           : ((const int8_t*)net->input.data)[k];
    if (value < net->low || value > net->high) {
      die("a frame holds %ld, the model takes %ld to %ld", value, net->low, net->high);
    }
  }
}

/* Read a frame to where the network reads it; 0 at the end of the file. */
static int read_frame(const Network* net, FILE* file) {
  const size_t bytes = fread(net->input.data, 1, net->input.bytes, file);
  if (ferror(file)) die("the frames cannot be read");
  if (bytes == 0) return 0;
  if (bytes != net->input.bytes) {
    die("the frames end after %zu bytes of a frame of %zu", bytes, net->input.bytes);
  }
  check_range(net);
  return 1;
}

/* Run all steps of a sample whose first frame is there; `sums` has a place for every output. */
static void run_sample(Network* net, FILE* file, int64_t** sums) {
  reset(net);
  for (long t = 0; t < net->steps; ++t) {
    if (t > 0 && !net->is_static && !read_frame(net, file)) {
      die("the frames end after %ld steps of a sample of %ld", t, net->steps);
    }
    step(net);
    for (size_t k = 0; k < net->output_count; ++k) {
      const int32_t* output = net->outputs[k].data;
      for (size_t n = 0; n < net->outputs[k].count; ++n) {
        sums[k][n] = output[n] + (t ? sums[k][n] : 0);
      }
    }
  }
}

static void print_sample(const Network* net, long sample, int64_t** sums) {
  for (size_t k = 0; k < net->output_count; ++k) {
    printf("%ld %s:", sample, net->outputs[k].name);
    for (size_t n = 0; n < net->outputs[k].count; ++n) printf(" %" PRId64, sums[k][n]);
    putchar('\n');
  }
}

static void stream(Network* net, const char* path) {
  FILE* file = fopen(path, "rb");
  if (!file) die("'%s' cannot be read", path);
  int64_t** sums = allocate(net->output_count, sizeof *sums);
  for (size_t k = 0; k < net->output_count; ++k) {
    sums[k] = allocate(net->outputs[k].count, sizeof **sums);
  }
  long samples = 0;
  for (; read_frame(net, file); ++samples) {
    run_sample(net, file, sums);
    print_sample(net, samples, sums);
  }
  if (!samples) die("'%s' is empty", path);
  for (size_t k = 0; k < net->output_count; ++k) free(sums[k]);
  free(sums);
  fclose(file);
}

/* ---- Time. ---- */

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

/* Print the median time of a step on the last frame, after as many steps that are not measured. */
static void print_time(Network* net, long steps) {
  double* times = allocate((size_t)steps, sizeof *times);
  for (long k = 0; k < steps; ++k) step(net);
  for (long k = 0; k < steps; ++k) {
    const double before = now_us();
    step(net);
    times[k] = now_us() - before;
  }
  qsort(times, (size_t)steps, sizeof *times, compare);
  printf("median %.2f us per step, %ld steps\n", times[steps / 2], steps);
  free(times);
}

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (!ort) die("ONNX Runtime %s is too old", OrtGetApiBase()->GetVersionString());
  Network net = open_network(&options);
  stream(&net, options.frames);
  if (options.timed) print_time(&net, options.timed);
  close_network(&net);
  return 0;
}
