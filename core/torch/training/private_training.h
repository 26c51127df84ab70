#pragma once
#include <cstdint>

#include "base/log.h"
#include "privacy/noise.h"
#include "privacy/private_plan.h"
#include "privacy/private_sum.h"
#include "torch/per_sample/sample_layouts.h"
#include "torch/training/local_round.h"

namespace collegium {

// Local training by DP-SGD, the patient being the unit (Abadi et al. 2016, Alg. 1). Each step draws
// a Poisson sample of the patients, adds up their clipped gradients in `sum`, and lets the
// optimizer see that sum with noise on it and nothing else: what follows, its moments, weight decay
// and averages of iterates included, is post-processing and costs nothing. Steps without a patient
// are steps of noise. Nothing in the result depends on data; loss and progress are withheld as NaN.
//
// `log` is for the site's own people: it hears once what of the network takes a pass a sample.
TrainResult train_privately(const LocalRound& round, const PrivatePlan& plan,
                            const NoiseSource& source, SampleLayouts& layouts, PrivateSum& sum,
                            const LogSink& log);

}  // namespace collegium
