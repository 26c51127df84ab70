#pragma once
#include "collegium/vector_ops.h"
#include "vector/device.h"

namespace collegium {

// clip_to_norm() of collegium/vector_ops.h on any device: returns the norm before clipping; a
// vector whose norm is not finite becomes zero, on the device too.
double clip_to_norm(VectorView x, double bound);

}  // namespace collegium
