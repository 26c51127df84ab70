#include "transport/secure_sum.h"

#include <cstring>

namespace collegium {

SecureSum::SecureSum(const secagg::IntegerCode& code, std::size_t parameters) : code_(code) {
  if (code.word_bits == 32)
    words_ = std::vector<std::uint32_t>(parameters + 1);
  else
    words_ = std::vector<std::uint64_t>(parameters + 1);
}

std::optional<Refusal> SecureSum::add(Chunks masked) {
  return std::visit(
      [&](auto& words) -> std::optional<Refusal> {
        using Word = typename std::remove_reference_t<decltype(words)>::value_type;
        const std::uint64_t expected = words.size() * sizeof(Word);
        if (masked.size() != expected)
          return Refusal{RefusalCode::bad_size, "a masked update has " + std::to_string(expected) +
                                                    " bytes, this one " +
                                                    std::to_string(masked.size())};
        std::size_t at = 0;
        for (Bytes& part : masked.parts) {
          const std::span<const std::uint8_t> bytes = part.view;
          for (std::size_t i = 0; i < bytes.size(); i += sizeof(Word), ++at) {
            Word word;
            std::memcpy(&word, bytes.data() + i, sizeof(Word));
            words[at] += word;
          }
          part = {};
        }
        return std::nullopt;
      },
      words_);
}

double SecureSum::open(std::span<const secagg::Mask> masks, std::span<float> mean) {
  return std::visit(
      [&](auto& words) {
        using Word = typename std::remove_reference_t<decltype(words)>::value_type;
        secagg::add_masks(std::span<Word>(words), masks);
        const double weight = secagg::decode(code_, std::span<const Word>(words), mean);
        words = {};
        return weight;
      },
      words_);
}

}  // namespace collegium
