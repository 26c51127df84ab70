#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace collegium {

// The known word closest to `word` (insertions, deletions, replacements and swaps of neighbours
// each count one), or empty when none is close enough to be what was meant.
std::string nearest_name(std::string_view word, const std::vector<std::string>& known);

// "did you mean 'lr'?", or `otherwise` when nothing is close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::string otherwise);

std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace collegium
