#pragma once
#include "collegium/plugin.h"

namespace collegium {

void register_built_in_aggregators(Registrar& registrar);

}  // namespace collegium
