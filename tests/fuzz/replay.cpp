// Runs the fuzz target without a fuzzer: `fuzz_nifti [MUTATIONS [SEED]]` over the built-in corpus
// and as many random changes of it; `fuzz_nifti --write FOLDER` writes the corpus for a real one;
// `fuzz_nifti FILE...` replays what that found.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "nifti_corpus.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  Bytes operator()(const collegium::testing::Corpus& corpus) {
    Bytes bytes = corpus[below(corpus.size())];
    const std::size_t changes = 1 + below(8);
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) change(bytes);
    // Half of them again behind a valid checksum: else few would reach what lies behind inflating.
    return below(2) == 0 ? collegium::testing::gzipped(bytes) : bytes;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  // Most of the header matters and little of the rest.
  std::size_t place(const Bytes& bytes) {
    return below(4) != 0 ? below(std::min<std::size_t>(bytes.size(), 544)) : below(bytes.size());
  }

  void change(Bytes& bytes) {
    static constexpr std::uint8_t kExtremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    switch (below(6)) {
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

int write_corpus(const std::filesystem::path& folder, const collegium::testing::Corpus& corpus) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    std::ofstream file(folder / ("nifti-" + std::to_string(i)), std::ios::binary);
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
  const collegium::testing::Corpus corpus = collegium::testing::nifti_corpus();
  if (argc == 3 && std::string_view(argv[1]) == "--write") return write_corpus(argv[2], corpus);
  if (argc > 1 && std::filesystem::exists(argv[1])) return replay(argc - 1, argv + 1);
  const std::uint64_t mutations = number(argc > 1 ? argv[1] : "", 20000);
  Mutator mutate(number(argc > 2 ? argv[2] : "", 1));
  for (const Bytes& bytes : corpus) run(bytes);
  for (std::uint64_t i = 0; i < mutations; ++i) run(mutate(corpus));
  std::printf("%zu files and %llu mutations of them: each read or refused\n", corpus.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
