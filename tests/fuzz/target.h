#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace collegium::testing {

using FuzzInput = std::vector<std::uint8_t>;

// What a fuzz target is made of besides LLVMFuzzerTestOneInput, which must survive any bytes.
std::vector<FuzzInput> corpus();  // small valid inputs of every kind: where mutations begin
FuzzInput disguised(
    FuzzInput input);  // the same behind a layer that random changes never get right

inline FuzzInput input_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace collegium::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
