// Programs that nobody wrote: whatever they do they end in a result or in an error, and where the
// analysis of samples says that they stay apart, they do.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "collegium/error.h"
#include "model/graph_admission.h"
#include "random_graph.h"
#include "reference.h"
#include "support/graph_mutation.h"
#include "torch/graph/batch_analysis.h"
#include "torch/graph/bound_program.h"
#include "torch/graph/call_checks.h"
#include "torch/graph/executor.h"
#include "torch/graph/memory_limit.h"

namespace collegium {
namespace {

using graph::BatchAnalysis;
using graph::Call;
using graph::Executor;
using testing::formula;
using testing::json;
using testing::RandomGraph;

constexpr std::int64_t kSamples = 3;
constexpr std::int64_t kMemory = 16 << 20;

// A crash says which seed it was.
std::uint64_t seed_now = 0;
void tell_seed(int signal) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "signal %d, seed %llu\n", signal,
                                 static_cast<unsigned long long>(seed_now));
  if (write(2, text, static_cast<std::size_t>(size)) < 0) _exit(2);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Gives memory that holds something else each time: who reads what nobody wrote is found out.
class JunkAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    auto memory = inner_.allocate(bytes);
    if (bytes > 0 && bytes <= kMemory) std::memset(memory.get(), ++junk_ & 0x3f, bytes);
    return memory;
  }
  c10::DeleterFnPtr raw_deleter() const override { return inner_.raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    inner_.copy_data(to, from, count);
  }
  static void install() {
    [[maybe_unused]] static const bool once = [] {
      c10::SetCPUAllocator(new JunkAllocator, UINT8_MAX);
      return true;
    }();
  }

 private:
  c10::Allocator& inner_ = *c10::GetCPUAllocator();
  unsigned junk_ = 0;
};

std::vector<at::Tensor> parameters(bool gradients) {
  std::vector<at::Tensor> all;
  for (const auto& [name, shape] : RandomGraph::tensors())
    all.push_back(
        formula(shape, [](double i) { return std::sin(3 * i + 1); }).requires_grad_(gradients));
  return all;
}

at::Tensor input(double phase = 0) {
  return formula({kSamples, 2, 4, 4}, [=](double i) { return std::cos(1.7 * i + phase); });
}

using Values = std::vector<c10::IValue>;

// Runs the graph; nothing: it was refused.
std::optional<Values> values_of(const GraphModel& model, const at::Tensor& x,
                                BatchAnalysis* analysis, const std::vector<at::Tensor>& bound) {
  const Executor executor(model, "train", "random");
  Values values(executor.program().values);
  const std::vector<std::uint64_t> keys{1, 2, 3};
  const auto observe = [&](const Call& call, std::size_t at, const Values& given,
                           const c10::IValue& result) {
    if (analysis != nullptr) analysis->follow(call, at, given, result);
    if (call.node->out) values[*call.node->out] = result;
  };
  const auto outputs = executor.run(bound, {x}, keys, observe);
  if (outputs.front().requires_grad() && outputs.front().is_floating_point())
    outputs.front().backward(at::ones_like(outputs.front()));
  return values;
}

std::optional<Values> attempt(const GraphModel& model, const at::Tensor& x, BatchAnalysis* analysis,
                              bool gradients) {
  const c10::AutoGradMode mode(gradients);
  const MemoryLimit limit(kMemory);
  try {
    return values_of(model, x, analysis, parameters(gradients));
  } catch (const Error&) {
  } catch (const c10::Error&) {  // of a backward pass
  }
  return std::nullopt;
}

// Equal, bit by bit, where the analysis says that sample `j` has no part in it.
bool same_elsewhere(const at::Tensor& before, const at::Tensor& after, const SampleOwner& owner,
                    std::int64_t j) {
  if (!before.defined()) return !after.defined();
  auto same = before.eq(after).logical_or(before.ne(before).logical_and(after.ne(after)));
  const auto axis = static_cast<std::int64_t>(owner.axis);
  for (std::int64_t c = 0; owner.samples && c < before.size(axis); ++c)
    if ((c / owner.inner) % kSamples == j) same.select(axis, c).fill_(true);
  return same.all().item().toBool();
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class RandomGraphs : public ::testing::Test {
 protected:
  RandomGraphs() {
    at::set_num_threads(1);
    JunkAllocator::install();
    for (const int signal : {SIGSEGV, SIGFPE, SIGABRT, SIGBUS, SIGILL})
      std::signal(signal, &tell_seed);
  }
  const std::uint64_t first = from_environment("COLLEGIUM_FIRST_SEED", 0);
};

TEST_F(RandomGraphs, EndInAResultOrAnErrorWhateverTheyCall) {
  std::size_t ran = 0, refused = 0;
  for (seed_now = first; seed_now < first + from_environment("COLLEGIUM_GRAPHS", 100); ++seed_now) {
    RandomGraph random(seed_now, /*wild=*/true);
    for (int calls = 0; calls < 40; ++calls) {
      random.grow();
      const auto model = parse_graph(random.graph().dump(), "random");
      const auto values =
          admit(model, {}, "random") ? std::nullopt : attempt(model, input(), nullptr, true);
      ++(values ? ran : refused);
      if (!values) {
        random.take_back();
        continue;
      }
      for (std::size_t i = 0; i < values->size(); ++i) random.learn(i, (*values)[i]);
    }
  }
  std::printf("%zu ran, %zu refused\n", ran, refused);
  EXPECT_GT(ran, 0u);
}

at::Tensor input_of(const GraphInput& input) {
  std::vector<std::int64_t> shape;
  for (const auto& [fixed, symbol] : input.shape)
    shape.push_back(symbol == "batch" ? kSamples : symbol.empty() ? fixed : 8);
  std::int64_t elements = 1;
  for (const auto extent : shape)
    if (__builtin_mul_overflow(elements, extent, &elements) || elements > 1 << 20)
      throw DataError({.what = "too large for a test"});
  return formula(
      shape, [](double i) { return std::fmod(i, 2); }, graph::scalar_type(input.type));
}

// Forward in both forms, loss, and back.
void train(const GraphModel& model) {
  const MemoryLimit limit(4 * kMemory);
  std::map<std::string, std::size_t> places;
  std::vector<at::Tensor> w;
  for (const auto& tensor : model.tensors) {
    if (!tensor.in_file()) continue;
    places[tensor.name] = w.size();
    w.push_back(input_of({.shape =
                              [&] {
                                std::vector<GraphSize> shape;
                                for (const auto extent : tensor.shape)
                                  shape.push_back({.fixed = extent});
                                return shape;
                              }()})
                    .mul_(0.1)
                    .requires_grad_(tensor.kind == GraphTensor::Kind::parameter));
  }
  using graph::BoundProgram;
  const std::vector<std::uint64_t> keys{1, 2, 3};
  std::vector<at::Tensor> outputs;
  for (const auto& [name, program] : model.programs) {
    if (name == "loss") continue;
    const BoundProgram bound({std::shared_ptr<void>(), &model}, name, places, "mutated");
    const auto x = input_of(program.inputs.front());
    outputs = bound.run(w, {x}, keys, BoundProgram::Buffers::update);
    bound.where_samples_meet(w, x);
    if (outputs.front().requires_grad()) outputs.front().sum().backward({}, true);
  }
  const auto* loss = model.program("loss");
  if (loss == nullptr || outputs.empty()) return;
  const BoundProgram bound({std::shared_ptr<void>(), &model}, "loss", {}, "mutated");
  const auto result = bound.run({}, {outputs.front(), input_of(loss->inputs.back())}, {},
                                BoundProgram::Buffers::keep);
  if (result.front().requires_grad()) result.front().sum().backward();
}

TEST_F(RandomGraphs, OfCapturedNetworksDoToo) {
  std::vector<json> networks;
  for (const auto* name : {"mlp", "transformer", "unet_batchnorm"})
    networks.push_back(testing::reference(std::string("graphs/") + name + ".json"));
  for (const auto& network : networks)
    EXPECT_NO_THROW(train(parse_graph(network.dump(), "captured")));
  std::size_t ran = 0, refused = 0;
  const auto mutations = from_environment("COLLEGIUM_GRAPHS", 100) * 30;
  for (seed_now = first; seed_now < first + mutations; ++seed_now) {
    const auto text = testing::GraphMutation(seed_now)(networks[seed_now % networks.size()])
                          .dump(-1, ' ', true, json::error_handler_t::replace);
    try {
      const auto model = parse_graph(text, "mutated");
      if (admit(model, {}, "mutated")) continue;
      train(model);
      ++ran;
    } catch (const Error&) {
      ++refused;
    } catch (const c10::Error&) {
      ++refused;
    }
  }
  std::printf("%zu ran, %zu refused\n", ran, refused);
  EXPECT_GT(ran, mutations / 100);
}

TEST_F(RandomGraphs, KeepSamplesApartWhereTheAnalysisSaysSo) {
  std::size_t checked = 0;
  std::map<std::string, int> operators;
  for (seed_now = first; seed_now < first + from_environment("COLLEGIUM_GRAPHS", 100); ++seed_now) {
    RandomGraph random(seed_now, /*wild=*/false);
    for (int calls = 0; calls < 60; ++calls) {
      random.grow();
      const auto model = parse_graph(random.graph().dump(), "random");
      if (admit(model, {.patient_privacy = true}, "random")) {
        random.take_back();
        continue;
      }
      BatchAnalysis analysis(*model.program("train"), kSamples);
      const auto values = attempt(model, input(), &analysis, false);
      if (!values || !analysis.meeting().empty()) {
        random.take_back();
        continue;
      }
      for (std::size_t i = 0; i < values->size(); ++i) random.learn(i, (*values)[i]);
      ++operators[random.last()["op"].get<std::string>()];
      const auto j = static_cast<std::int64_t>(checked++ % kSamples);
      auto changed = input();
      changed.select(0, j).copy_(input(0.5).select(0, j));
      const auto others = attempt(model, changed, nullptr, false);
      if (!others) continue;  // an index out of range, and the like
      // All of them, since the last call may have written into earlier ones.
      for (std::size_t v = 0; v < values->size(); ++v) {
        const auto before = graph::tensors_of((*values)[v]),
                   after = graph::tensors_of((*others)[v]);
        for (std::size_t i = 0; i < before.size(); ++i)
          ASSERT_TRUE(same_elsewhere(before[i], after[i], analysis.owners(v)[i], j))
              << "seed " << seed_now << ", value " << v << ": " << random.last() << "\n"
              << random.graph();
      }
    }
  }
  std::printf("%zu calls compared, of %zu operators\n", checked, operators.size());
  EXPECT_GT(checked, 1000u);
  EXPECT_GT(operators.size(), 100u);
}

}  // namespace
}  // namespace collegium
