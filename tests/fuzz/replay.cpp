// Runs a fuzz target without a fuzzer: `fuzz_X [MUTATIONS [SEED]]` over the built-in corpus and as
// many random changes of it; `fuzz_X --write FOLDER` writes the corpus for a real one;
// `fuzz_X FILE...` replays what that found.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/target.h"

namespace {

using Bytes = collegium::testing::FuzzInput;
using Corpus = std::vector<Bytes>;

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  Bytes operator()(const Corpus& corpus) {
    Bytes bytes = corpus[below(corpus.size())];
    const std::size_t changes = 1 + below(8);
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i)
      change(bytes, corpus[below(corpus.size())]);
    return below(2) == 0 ? collegium::testing::disguised(std::move(bytes)) : bytes;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  // Most of the header matters and little of the rest.
  std::size_t place(const Bytes& bytes) {
    return below(4) != 0 ? below(std::min<std::size_t>(bytes.size(), 544)) : below(bytes.size());
  }

  void change(Bytes& bytes, const Bytes& other) {
    static constexpr std::uint8_t kExtremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    switch (below(7)) {
      case 0:
        bytes[place(bytes)] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        bytes[place(bytes)] = static_cast<std::uint8_t>(random_());
        break;
      case 2:
        bytes[place(bytes)] = kExtremes[below(std::size(kExtremes))];
        break;
      case 3: {  // a field of extremes
        const std::size_t at = place(bytes),
                          width = std::min(bytes.size() - at, std::size_t{1} << below(4));
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), width,
                    kExtremes[below(std::size(kExtremes))]);
        break;
      }
      case 4:
        bytes.resize(place(bytes));
        break;
      case 5: {  // a piece of another input
        const std::size_t from = below(other.size()), size = below(other.size() - from + 1);
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(place(bytes)),
                     other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + size));
        break;
      }
      default:
        bytes.insert(bytes.end(), below(64), static_cast<std::uint8_t>(random_()));
        break;
    }
  }

  std::mt19937_64 random_;
};

std::uint64_t number(std::string_view text, std::uint64_t otherwise) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

void run(const Bytes& bytes) { LLVMFuzzerTestOneInput(bytes.data(), bytes.size()); }

Corpus whole_corpus() {
  Corpus corpus = collegium::testing::corpus();
  if (!std::filesystem::exists(COLLEGIUM_FUZZ_CORPUS)) return corpus;
  for (const auto& entry : std::filesystem::directory_iterator(COLLEGIUM_FUZZ_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::sort(corpus.begin() + static_cast<std::ptrdiff_t>(collegium::testing::corpus().size()),
            corpus.end());  // a folder has no order
  return corpus;
}

int write_corpus(const std::filesystem::path& folder, const Corpus& corpus) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    std::ofstream file(folder / (std::to_string(i)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(corpus[i].data()),
               static_cast<std::streamsize>(corpus[i].size()));
  }
  return 0;
}

int replay(int count, char** names) {
  for (int i = 0; i < count; ++i) {
    std::ifstream file(names[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", names[i]);
      return 1;
    }
    run(Bytes(std::istreambuf_iterator<char>(file), {}));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Corpus corpus = whole_corpus();
  if (argc == 3 && std::string_view(argv[1]) == "--write") return write_corpus(argv[2], corpus);
  if (argc > 1 && std::filesystem::exists(argv[1])) return replay(argc - 1, argv + 1);
  const std::uint64_t mutations = number(argc > 1 ? argv[1] : "", 20000);
  Mutator mutate(number(argc > 2 ? argv[2] : "", 1));
  for (const Bytes& bytes : corpus) run(bytes);
  for (std::uint64_t i = 0; i < mutations; ++i) run(mutate(corpus));
  std::printf("%zu inputs and %llu mutations of them: each read or refused\n", corpus.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
