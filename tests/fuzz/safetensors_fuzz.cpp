#include <string>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "model/safetensors.h"

namespace collegium::testing {
namespace {

FuzzInput file_of(const std::string& header, std::size_t data_bytes) {
  FuzzInput bytes;
  for (std::size_t i = 0; i < 8; ++i)
    bytes.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data_bytes, 0x3f);
  return bytes;
}

}  // namespace

std::vector<FuzzInput> corpus() {
  return {
      file_of("{}", 0),
      file_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      file_of(R"({"__metadata__":{"format":"pt","collegium.frozen":"b"},)"
              R"("b":{"dtype":"F32","shape":[],"data_offsets":[8,12]},)"
              R"("a":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"}}   )",
              12),
      file_of(
          R"({"a\u00fc\"":{"dtype":"F16","shape":[0,9223372036854775807],"data_offsets":[0,0]}})",
          0),
  };
}

// With the length that its header would have if all but the last 24 bytes were header.
FuzzInput disguised(FuzzInput input) {
  if (input.size() < 8) return input;
  const std::size_t body = input.size() - 8, length = body > 24 ? body - 24 : body;
  for (std::size_t i = 0; i < 8; ++i)
    input[i] = static_cast<std::uint8_t>(std::uint64_t{length} >> (8 * i));
  return input;
}

}  // namespace collegium::testing

// Any bytes are either a model whose slots cover its values or a DataError that says why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto model = collegium::parse_safetensors({data, size}, "fuzz");
    if (model.values.size() != model.layout.size()) __builtin_trap();
    if (model.values.size() > size / sizeof(float)) __builtin_trap();
    std::size_t next = 0;
    for (const collegium::Slot& slot : model.layout.slots()) {
      if (slot.offset != next) __builtin_trap();
      next += slot.size;
    }
    if (next != model.layout.size()) __builtin_trap();
  } catch (const collegium::DataError&) {
  }
  return 0;
}
