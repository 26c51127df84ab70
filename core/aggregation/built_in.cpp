#include "aggregation/built_in.h"

#include "aggregation/weighted_mean.h"

namespace collegium {

void register_built_in_aggregators(Registrar& registrar) {
  registrar.aggregator<WeightedMean>("weighted_mean");
}

}  // namespace collegium
