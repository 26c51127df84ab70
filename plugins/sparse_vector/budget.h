#pragma once
#include <cmath>
#include <cstddef>
#include <limits>

// What the sparse vector technique with numeric answers costs. Lyu, Su and Li 2017, "Understanding
// the sparse vector technique for differential privacy", Algorithm 7: at most c positive answers,
// each query changing by at most D and each answer by at most A when the data change:
//   threshold noise Lap(D / threshold), drawn once;  query noise Lap(2 c D / query);  answer noise
//   Lap(c A / answer)
// is (threshold + query + answer)-differentially private.
namespace sparse_vector {

struct Epsilons {
  double threshold = 0;
  double query = 0;
  double answer = 0;
  double sum() const { return threshold + query + answer; }
};

struct Scales {  // of Laplace noise
  double threshold;
  double query;
  double answer;
};

// Half of `epsilon` for the answers; the other half as threshold : query = 1 : (2c)^(2/3), which
// makes the comparison of a query with the threshold most exact (Lyu, Su and Li 2017, section 4.2).
inline Epsilons best_split(double epsilon, double c) {
  const double ratio = std::pow(2.0 * c, 2.0 / 3.0);
  const double threshold = epsilon / 2 / (1 + ratio);
  return {threshold, epsilon / 2 - threshold, epsilon / 2};
}

inline Scales sound_scales(const Epsilons& e, double c, double query_change, double answer_change) {
  return {query_change / e.threshold, 2 * c * query_change / e.query, c * answer_change / e.answer};
}

// Li et al. 2019 ("Privacy-preserving federated brain tumour segmentation", Alg. 2) with one
// sensitivity s throughout.
inline Scales published_scales(const Epsilons& e, double c, double s) {
  return {s / e.threshold, 2 * c * s / e.query, c * s / e.answer};
}

// What the published algorithm's choice of values really costs. Its queries are sizes cut to [0,
// gamma], so they change by at most gamma, and the scales above buy epsilons smaller by gamma / s.
inline double published_selection_cost(const Epsilons& e, double gamma, double s) {
  return gamma / s * (e.threshold + e.query);
}

// What one published answer costs when two data sets disagree by a value of +size against -size:
// the answer is cut to [-gamma, gamma] after Lap(b) was added, so the most telling output is the
// cut itself, with the odds P(size + Lap(b) >= gamma) / P(-size + Lap(b) >= gamma). It grows
// without bound with size.
inline double published_answer_cost(double size, double gamma, double b) {
  const double above = (size - gamma) / b;
  const double likely = above >= 0 ? std::log1p(-0.5 * std::exp(-above)) : std::log(0.5) + above;
  return likely - (std::log(0.5) - (size + gamma) / b);
}

}  // namespace sparse_vector
