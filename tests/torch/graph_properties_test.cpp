// Programs that nobody wrote: whatever they do they end in a result or in an error, and where the
// analysis of samples says that they stay apart, they do.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "collegium/error.h"
#include "model/graph_admission.h"
#include "random_graph.h"
#include "reference.h"
#include "torch/graph/batch_analysis.h"
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

std::vector<at::Tensor> parameters(bool gradients) {
  std::vector<at::Tensor> all;
  for (const auto& [name, shape] : RandomGraph::tensors())
    all.push_back(formula(shape, [](double i) { return std::sin(3 * i + 1); })
                      .requires_grad_(gradients));
  return all;
}

at::Tensor input(double phase = 0) {
  return formula({kSamples, 2, 4, 4}, [=](double i) { return std::cos(1.7 * i + phase); });
}

using Values = std::vector<c10::IValue>;

// Runs the graph; nothing: it was refused.
std::optional<Values> values_of(const GraphModel& model, const at::Tensor& x, BatchAnalysis* analysis,
                                const std::vector<at::Tensor>& bound) {
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
      const auto values = admit(model, {}, "random") ? std::nullopt : attempt(model, input(), nullptr, true);
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
        const auto before = graph::tensors_of((*values)[v]), after = graph::tensors_of((*others)[v]);
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
