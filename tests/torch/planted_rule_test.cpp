// Do the comparisons with single passes notice a rule that is wrong? find_rule() of the library is
// replaced by one that breaks what the true rule answers: the executable's symbols come first.
#include <ATen/ops/cat.h>
#include <ATen/ops/ones_like.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "one_by_one.h"
#include "torch/per_sample/node_rule.h"

namespace collegium {
namespace per_sample {
namespace {

enum class Bug { none, rows_exchanged, row_too_large, no_row, norms_too_small, factors_squared };
Bug planted = Bug::none;

class BrokenGhost final : public GhostGradient {
 public:
  explicit BrokenGhost(std::unique_ptr<GhostGradient> real) : real_(std::move(real)) {}
  at::Tensor squared_norms() const override {
    const auto norms = real_->squared_norms();
    return planted == Bug::norms_too_small ? norms * 0.999 : norms;
  }
  at::Tensor weighted_sum(const at::Tensor& factors) const override {
    return real_->weighted_sum(planted == Bug::factors_squared ? factors * factors : factors);
  }

 private:
  std::unique_ptr<GhostGradient> real_;
};

class BrokenRule final : public NodeRule {
 public:
  explicit BrokenRule(const NodeRule& real) : real_(real) {}
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return real_.covers(consumer, weight);
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    const auto rows = real_.rows(consumer, weight, gradient).clone();
    if (planted == Bug::rows_exchanged) return rows.roll(1, 0);
    if (planted == Bug::row_too_large) rows[0].mul_(1.001);
    if (planted == Bug::no_row) rows[0].zero_();
    return rows;
  }
  std::unique_ptr<GhostGradient> ghost(const Consumer& consumer, const Weight& weight,
                                       const at::Tensor& gradient, Ghost choice) const override {
    auto real = real_.ghost(consumer, weight, gradient, choice);
    if (real) return std::make_unique<BrokenGhost>(std::move(real));
    return nullptr;
  }

 private:
  const NodeRule& real_;
};

using Find = const NodeRule* (*)(const ag::Node&);

Find real_find_rule() {
  const auto found = reinterpret_cast<Find>(
      ::dlsym(RTLD_NEXT, "_ZN9collegium10per_sample9find_ruleERKN5torch8autograd4NodeE"));
  if (!found) throw std::logic_error("the library's find_rule has another name");
  return found;
}

}  // namespace

const NodeRule* find_rule(const ag::Node& node) {
  static const Find real_find = real_find_rule();
  static std::map<const NodeRule*, BrokenRule> broken;
  const auto* real = real_find(node);
  return real ? &broken.try_emplace(real, *real).first->second : nullptr;
}

}  // namespace per_sample

namespace {

using per_sample::Bug;

double worst_distance(Bug bug, Ghost ghost) {
  per_sample::planted = bug;
  double worst = 0;
  for (const auto& network : networks()) {
    SampleLayouts layouts;
    worst = std::max(worst, distance_from_one_by_one(network, 4, layouts, ghost));
  }
  per_sample::planted = Bug::none;
  return worst;
}

TEST(PlantedRule, WithoutABugChangesNothing) {
  for (const auto ghost : {Ghost::never, Ghost::always})
    EXPECT_LT(worst_distance(Bug::none, ghost), 1e-11);
}

TEST(PlantedRule, GradientsOfTheWrongSampleAreNoticed) {
  EXPECT_GT(worst_distance(Bug::rows_exchanged, Ghost::never), 1e-2);
}

TEST(PlantedRule, AGradientAThousandthTooLargeIsNoticed) {
  EXPECT_GT(worst_distance(Bug::row_too_large, Ghost::never), 1e-5);
}

TEST(PlantedRule, ASampleWithoutItsShareIsNoticed) {
  EXPECT_GT(worst_distance(Bug::no_row, Ghost::never), 1e-2);
}

TEST(PlantedRule, NormsThatAreATrifleTooSmallAreNoticed) {
  EXPECT_GT(worst_distance(Bug::norms_too_small, Ghost::always), 1e-5);
}

TEST(PlantedRule, FactorsThatCountTwiceAreNoticed) {
  EXPECT_GT(worst_distance(Bug::factors_squared, Ghost::always), 1e-2);
}

}  // namespace
}  // namespace collegium
