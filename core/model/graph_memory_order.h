#pragma once
#include "model/graph.h"

namespace collegium {

// Whether what a program computes, or whether it can be computed at all, depends on the order in
// which its inputs lie in memory. `view` fails where `reshape` copies, and a write into a `reshape`
// of something reaches that something only where nothing was copied. Errs towards yes.
bool depends_on_memory_order(const GraphProgram& program);

}  // namespace collegium
