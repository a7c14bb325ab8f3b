// Streams samples through an exported integer network, one time step a call: stream.c in C++17.
//
// Every handle of ONNX Runtime has an owner, and what goes wrong is thrown. All memory is taken
// before the first step: a step runs on tensors that were bound once.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#ifdef SNN_ORT_ABI
#include "ort_abi.h"
#else
#include "onnxruntime_c_api.h"
#endif

namespace {

constexpr char kUsage[] =
    "usage: stream [--library FILE] [--steps T] [--two-buffers] [--threads N] [--time N]\n"
    "              model.step.onnx frames.bin\n";

struct WrongUsage {};

using Failure = std::runtime_error;

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

// ---- ONNX Runtime. ----

const OrtApi& ort() {
  static const OrtApi* const api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (api) return *api;
  throw Failure(std::string("ONNX Runtime ") + OrtGetApiBase()->GetVersionString() +
                " is too old");
}

void check(OrtStatus* status) {
  if (!status) return;
  const std::string message = ort().GetErrorMessage(status);
  ort().ReleaseStatus(status);
  throw Failure(message.substr(0, message.find('\n')));
}

void release(OrtEnv* handle) { ort().ReleaseEnv(handle); }
void release(OrtIoBinding* handle) { ort().ReleaseIoBinding(handle); }
void release(OrtModelMetadata* handle) { ort().ReleaseModelMetadata(handle); }
void release(OrtSession* handle) { ort().ReleaseSession(handle); }
void release(OrtSessionOptions* handle) { ort().ReleaseSessionOptions(handle); }
void release(OrtTypeInfo* handle) { ort().ReleaseTypeInfo(handle); }
void release(OrtValue* handle) { ort().ReleaseValue(handle); }

struct Release {
  template <typename Handle>
  void operator()(Handle* handle) const {
    release(handle);
  }
};

template <typename Handle>
using Owned = std::unique_ptr<Handle, Release>;

// What a function gives through its last argument.
template <typename Result, typename Function, typename... Arguments>
Result got(Function function, Arguments... arguments) {
  Result result{};
  check(function(arguments..., &result));
  return result;
}

template <typename Handle, typename Function, typename... Arguments>
Owned<Handle> made(Function function, Arguments... arguments) {
  return Owned<Handle>(got<Handle*>(function, arguments...));
}

OrtAllocator* allocator() {
  return got<OrtAllocator*>(ort().GetAllocatorWithDefaultOptions);
}

// A text that ONNX Runtime gives away. There may be none.
template <typename Function, typename... Arguments>
std::optional<std::string> text_of(Function function, Arguments... arguments) {
  char* text = got<char*>(function, arguments...);
  if (!text) return std::nullopt;
  std::string copy = text;
  check(ort().AllocatorFree(allocator(), text));
  return copy;
}

// ---- What the model says of itself: flat JSON, in the spelling of our exporter. ----

std::string metadata(const OrtSession* session, const char* key) {
  const auto all = made<OrtModelMetadata>(ort().SessionGetModelMetadata, session);
  auto found = text_of(ort().ModelMetadataLookupCustomMetadataMap, all.get(), allocator(), key);
  if (found) return *found;
  throw Failure("the model has no metadata " + in_quotes(key) + ", so it is no export");
}

// One flat JSON object.
class Object {
 public:
  explicit Object(std::string text) : text_(std::move(text)) {}

  bool has(const std::string& key) const { return text_.find(spelled(key)) != std::string::npos; }

  // What follows `"key": `.
  std::string value(const std::string& key) const {
    const size_t at = text_.find(spelled(key));
    if (at == std::string::npos) throw Failure("the model's metadata lacks " + in_quotes(key));
    return text_.substr(at + spelled(key).size());
  }

  std::string text(const std::string& key) const {
    const std::string from = value(key);
    const size_t end = from.find_first_of("\"\\", 1);
    if (from.empty() || from[0] != '"' || end == std::string::npos || from[end] != '"') {
      throw Failure("the model's metadata has an odd " + in_quotes(key));
    }
    return from.substr(1, end - 1);
  }

  long number(const std::string& key) const { return std::strtol(value(key).c_str(), nullptr, 10); }

 private:
  static std::string spelled(const std::string& key) { return "\"" + key + "\": "; }

  std::string text_;
};

std::vector<Object> objects(const std::string& json) {
  std::vector<Object> found;
  for (size_t at = json.find('{'); at != std::string::npos; at = json.find('{', at)) {
    const size_t end = json.find('}', at);
    if (end == std::string::npos) throw Failure("the model's metadata is cut off");
    found.emplace_back(json.substr(at, end - at));
    at = end;
  }
  return found;
}

// ---- Tensors. ----

size_t size_of(ONNXTensorElementDataType type) {
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

// A tensor of the model, for a batch of one, in memory of ONNX Runtime, which aligns it.
class Tensor {
 public:
  Tensor(std::string name, const OrtTypeInfo* info) : name_(std::move(name)) {
    const auto* described =
        got<const OrtTensorTypeAndShapeInfo*>(ort().CastTypeInfoToTensorInfo, info);
    if (!described) throw Failure(in_quotes(name_) + " is no tensor");
    type_ = got<ONNXTensorElementDataType>(ort().GetTensorElementType, described);
    std::vector<int64_t> shape(got<size_t>(ort().GetDimensionsCount, described));
    check(ort().GetDimensions(described, shape.data(), shape.size()));
    for (int64_t& length : shape) {
      if (length < 0) length = 1;  // B, the only axis without a length
      count_ *= static_cast<size_t>(length);
    }
    if (!bytes()) throw Failure(in_quotes(name_) + " holds no integers of 8, 16 or 32 bits");
    value_ = made<OrtValue>(ort().CreateTensorAsOrtValue, allocator(), shape.data(), shape.size(),
                            type_);
    data_ = got<void*>(ort().GetTensorMutableData, value_.get());
  }

  const std::string& name() const { return name_; }
  OrtValue* value() const { return value_.get(); }
  ONNXTensorElementDataType type() const { return type_; }
  size_t count() const { return count_; }
  size_t bytes() const { return count_ * size_of(type_); }

  template <typename Element>
  Element* data() const {
    return static_cast<Element*>(data_);
  }

  void fill(long number) {
    std::memset(data_, 0, bytes());
    if (number == 0) return;
    if (type_ != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) {
      throw Failure(in_quotes(name_) + " begins odd");
    }
    std::fill_n(data<int32_t>(), count_, static_cast<int32_t>(number));
  }

 private:
  std::string name_;
  ONNXTensorElementDataType type_ = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  size_t count_ = 1;
  Owned<OrtValue> value_;
  void* data_ = nullptr;
};

Tensor input_tensor(const OrtSession* session, size_t index) {
  const auto name = text_of(ort().SessionGetInputName, session, index, allocator());
  return Tensor(*name, made<OrtTypeInfo>(ort().SessionGetInputTypeInfo, session, index).get());
}

Tensor output_tensor(const OrtSession* session, size_t index) {
  const auto name = text_of(ort().SessionGetOutputName, session, index, allocator());
  return Tensor(*name, made<OrtTypeInfo>(ort().SessionGetOutputTypeInfo, session, index).get());
}

// ---- The network. ----

struct Options {
  std::string model, frames;
  std::string library;  // empty: stock operators
  long steps = 0;       // 0: as many as the model says
  long timed = 0;       // steps to measure
  int threads = 1;
  bool two_buffers = false;
};

// What is read at one step and written at the next.
struct State {
  std::vector<Tensor> buffers;  // two, or one if that is done in place
  std::string output;
  long start;

  Tensor& read(int turn) { return turn == 0 ? buffers.front() : buffers.back(); }
  const Tensor& written(int turn) { return read(1 - turn); }
};

Owned<OrtSession> open_session(const OrtEnv* env, const Options& options) {
  const auto of_session = made<OrtSessionOptions>(ort().CreateSessionOptions);
  check(ort().SetIntraOpNumThreads(of_session.get(), options.threads));
  // Threads that wait for work would keep their processors busy between two frames.
  check(ort().AddSessionConfigEntry(of_session.get(), "session.intra_op.allow_spinning", "0"));
  if (!options.library.empty()) {
    check(ort().RegisterCustomOpsLibrary_V2(of_session.get(), options.library.c_str()));
  }
  return made<OrtSession>(ort().CreateSession, env, options.model.c_str(), of_session.get());
}

// A loaded network and the state of one stream.
class Network {
 public:
  explicit Network(const Options& options)
      : env_(made<OrtEnv>(ort().CreateEnv, ORT_LOGGING_LEVEL_FATAL, "stream")),
        session_(open_session(env_.get(), options)) {
    read_metadata(options);
    find_inputs(options);
    find_outputs();
    for (const int turn : {0, 1}) bindings_.push_back(bound(turn));
  }

  const Tensor& input() const { return *input_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }
  long steps() const { return steps_; }
  // One frame for all steps of a sample, otherwise a frame a step.
  bool is_static() const { return static_; }
  long low() const { return low_; }
  long high() const { return high_; }

  void reset() {
    turn_ = 0;
    for (State& state : states_) state.read(turn_).fill(state.start);
  }

  void step() {
    check(ort().RunWithBinding(session_.get(), nullptr, bindings_[turn_].get()));
    turn_ = 1 - turn_;
  }

 private:
  void read_metadata(const Options& options) {
    const std::string form = metadata(session_.get(), "ai.snn.form");
    if (form != "step") {
      throw Failure("the model is of the form " + in_quotes(form) + ", not 'step'");
    }
    const Object input(metadata(session_.get(), "ai.snn.input"));
    if (!input.has("limit")) throw Failure("the model takes real numbers, this program integers");
    const std::string steps = metadata(session_.get(), "ai.snn.steps");
    steps_ = options.steps ? options.steps : std::strtol(steps.c_str(), nullptr, 10);
    if (steps_ < 1) throw Failure("the model's metadata has an odd 'ai.snn.steps'");
    static_ = input.value("static").compare(0, 4, "true") == 0;
    low_ = input.number("low");
    high_ = input.number("high");
  }

  void find_inputs(const Options& options) {
    const std::string name = Object(metadata(session_.get(), "ai.snn.input")).text("name");
    const auto described = objects(metadata(session_.get(), "ai.snn.state"));
    const auto count = got<size_t>(ort().SessionGetInputCount, session_.get());
    for (size_t index = 0; index < count; ++index) {
      Tensor tensor = input_tensor(session_.get(), index);
      if (tensor.name() == name) {
        input_ = std::move(tensor);
      } else {
        states_.push_back(state_of(std::move(tensor), index, described, options));
      }
    }
    if (!input_) throw Failure("the model has no input " + in_quotes(name));
  }

  // What a neuron keeps is read and written by one operator of the library, element by element, so
  // one buffer is enough. Nobody promises that of anything else.
  State state_of(Tensor tensor, size_t index, const std::vector<Object>& described,
                 const Options& options) const {
    const auto object =
        std::find_if(described.begin(), described.end(),
                     [&](const Object& each) { return each.text("in") == tensor.name(); });
    if (object == described.end()) {
      throw Failure(in_quotes(tensor.name()) + " is neither the sample nor a state");
    }
    const std::string role = object->text("role");
    const bool of_a_neuron = role == "v" || role == "u";
    State state{{}, object->text("out"), object->number("init")};
    state.buffers.push_back(std::move(tensor));
    if (options.library.empty() || options.two_buffers || !of_a_neuron) {
      state.buffers.push_back(input_tensor(session_.get(), index));
    }
    return state;
  }

  void find_outputs() {
    const auto described = objects(metadata(session_.get(), "ai.snn.output"));
    const auto count = got<size_t>(ort().SessionGetOutputCount, session_.get());
    for (size_t index = 0; index < count; ++index) {
      const auto name =
          text_of(ort().SessionGetOutputName, session_.get(), index, allocator());
      const bool is_read_out =
          std::any_of(described.begin(), described.end(),
                      [&](const Object& each) { return each.text("name") == *name; });
      if (!is_read_out) continue;
      outputs_.push_back(output_tensor(session_.get(), index));
      if (outputs_.back().type() != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32) {
        throw Failure(in_quotes(*name) + " is not int32");
      }
    }
    if (outputs_.empty()) throw Failure("the model has no output of those that it describes");
  }

  Owned<OrtIoBinding> bound(int turn) {
    auto binding = made<OrtIoBinding>(ort().CreateIoBinding, session_.get());
    check(ort().BindInput(binding.get(), input().name().c_str(), input().value()));
    for (State& state : states_) {
      const Tensor& read = state.read(turn);
      check(ort().BindInput(binding.get(), read.name().c_str(), read.value()));
      check(ort().BindOutput(binding.get(), state.output.c_str(), state.written(turn).value()));
    }
    for (const Tensor& output : outputs_) {
      check(ort().BindOutput(binding.get(), output.name().c_str(), output.value()));
    }
    return binding;
  }

  Owned<OrtEnv> env_;
  Owned<OrtSession> session_;
  std::optional<Tensor> input_;
  std::vector<State> states_;
  std::vector<Tensor> outputs_;
  // The first reads the states' first buffers, the second the others.
  std::vector<Owned<OrtIoBinding>> bindings_;
  int turn_ = 0;
  long steps_ = 0;
  bool static_ = true;
  long low_ = 0, high_ = 0;
};

// ---- Samples. ----

// The network is exact for what its metadata allows, and for nothing else.
template <typename Element>
void check_range(const Network& network) {
  const auto* frame = network.input().data<const Element>();
  const auto [low, high] = std::minmax_element(frame, frame + network.input().count());
  if (*low >= network.low() && *high <= network.high()) return;
  throw Failure("a frame holds " + std::to_string(*low) + " to " + std::to_string(*high) +
                ", the model takes " + std::to_string(network.low()) + " to " +
                std::to_string(network.high()));
}

// Read a frame to where the network reads it; false at the end of the file.
bool read_frame(const Network& network, std::istream& file) {
  const auto wanted = static_cast<std::streamsize>(network.input().bytes());
  file.read(network.input().data<char>(), wanted);
  if (!file && !file.eof()) throw Failure("the frames cannot be read");
  if (file.gcount() == 0) return false;
  if (file.gcount() != wanted) {
    throw Failure("the frames end after " + std::to_string(file.gcount()) +
                  " bytes of a frame of " + std::to_string(wanted));
  }
  if (network.input().type() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16) {
    check_range<int16_t>(network);
  } else {
    check_range<int8_t>(network);
  }
  return true;
}

using Sums = std::vector<std::vector<int64_t>>;

// The outputs of a sample whose first frame is there, each summed over all steps.
Sums run_sample(Network& network, std::istream& file) {
  Sums sums;
  for (const Tensor& output : network.outputs()) sums.emplace_back(output.count());
  network.reset();
  for (long t = 0; t < network.steps(); ++t) {
    if (t > 0 && !network.is_static() && !read_frame(network, file)) {
      throw Failure("the frames end after " + std::to_string(t) + " steps of a sample of " +
                    std::to_string(network.steps()));
    }
    network.step();
    for (size_t k = 0; k < sums.size(); ++k) {
      const auto* output = network.outputs()[k].data<const int32_t>();
      for (int64_t& sum : sums[k]) sum += *output++;
    }
  }
  return sums;
}

void print_sample(const Network& network, long sample, const Sums& sums) {
  for (size_t k = 0; k < sums.size(); ++k) {
    std::cout << sample << ' ' << network.outputs()[k].name() << ':';
    for (const int64_t sum : sums[k]) std::cout << ' ' << sum;
    std::cout << '\n';
  }
}

void stream(Network& network, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure(in_quotes(path) + " cannot be read");
  long samples = 0;
  for (; read_frame(network, file); ++samples) {
    print_sample(network, samples, run_sample(network, file));
  }
  if (!samples) throw Failure(in_quotes(path) + " is empty");
}

// Print the median time of a step on the last frame, after as many steps that are not measured.
void print_time(Network& network, long steps) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times(static_cast<size_t>(steps));
  for (long k = 0; k < steps; ++k) network.step();
  for (double& time : times) {
    const auto before = Clock::now();
    network.step();
    time = std::chrono::duration<double, std::micro>(Clock::now() - before).count();
  }
  const auto middle = times.begin() + steps / 2;
  std::nth_element(times.begin(), middle, times.end());
  std::cout << std::fixed << std::setprecision(2);
  std::cout << "median " << *middle << " us per step, " << steps << " steps\n";
}

// ---- The command line. ----

long parse_number(const std::string& text) {
  char* end = nullptr;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || number < 1 || number > 1000000000) throw WrongUsage();
  return number;
}

Options parse(const std::vector<std::string>& words) {
  Options options;
  std::vector<std::string> files;
  for (auto word = words.begin(); word != words.end(); ++word) {
    const auto next = [&] { return ++word == words.end() ? throw WrongUsage() : *word; };
    if (*word == "--two-buffers") {
      options.two_buffers = true;
    } else if (*word == "--library") {
      options.library = next();
    } else if (*word == "--steps") {
      options.steps = parse_number(next());
    } else if (*word == "--threads") {
      options.threads = static_cast<int>(parse_number(next()));
    } else if (*word == "--time") {
      options.timed = parse_number(next());
    } else if (word->compare(0, 1, "-") == 0) {
      throw WrongUsage();
    } else {
      files.push_back(*word);
    }
  }
  if (files.size() != 2) throw WrongUsage();
  options.model = files[0];
  options.frames = files[1];
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse({argv + 1, argv + argc});
    Network network(options);
    stream(network, options.frames);
    if (options.timed) print_time(network, options.timed);
    return 0;
  } catch (const WrongUsage&) {
    std::cerr << kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "stream: " << error.what() << '\n';
    return 1;
  }
}
