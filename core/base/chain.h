#pragma once
#include <string_view>

#include "base/hash.h"

namespace collegium {

// The hash of a row behind the one whose hash is `previous`: it stands for the whole chain up to
// it.
Digest chained(const Digest& previous, std::string_view row);

}  // namespace collegium
