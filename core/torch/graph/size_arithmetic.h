#pragma once
#include <ATen/core/ivalue.h>

#include <string_view>
#include <vector>

namespace collegium::graph {

// Python's arithmetic on sizes: "sym::floordiv" rounds down, as `//` does; comparisons give
// booleans. Also "sym::tuple", "sym::getitem" and "aten::sym_size.int". Throws DataError: division
// by zero, a number beyond 64 bits, or operands that do not fit.
c10::IValue size_arithmetic(std::string_view op, const std::vector<c10::IValue>& operands);

}  // namespace collegium::graph
