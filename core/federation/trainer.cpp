#include "federation/trainer.h"

namespace collegium {

Trainer::~Trainer() = default;

}  // namespace collegium
