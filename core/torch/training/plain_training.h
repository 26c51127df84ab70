#pragma once
#include "torch/training/local_round.h"

namespace collegium {

// Local training without privacy: shuffled epochs, one optimizer step a batch (McMahan et al. 2017;
// Li et al. 2019, Alg. 1). DataError when the loss is not finite.
TrainResult train_plainly(const LocalRound& round);

}  // namespace collegium
