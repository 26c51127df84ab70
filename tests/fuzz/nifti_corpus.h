#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/nifti_bytes.h"

namespace collegium::testing {

using Corpus = std::vector<std::vector<std::uint8_t>>;

// Small valid files of every kind the reader knows: where mutations begin.
inline Corpus nifti_corpus() {
  struct Type {
    int code, bits;
  };
  Corpus corpus;
  for (const auto& [code, bits] : {Type{2, 8},
                                   {256, 8},
                                   {4, 16},
                                   {512, 16},
                                   {8, 32},
                                   {768, 32},
                                   {1024, 64},
                                   {1280, 64},
                                   {16, 32},
                                   {64, 64}}) {
    for (const int version : {1, 2}) {
      for (const bool big_endian : {false, true}) {
        NiftiBytes file;
        file.version = version;
        file.big_endian = big_endian;
        file.datatype = code;
        file.bitpix = bits;
        file.slope = version;
        file.qform_code = 1;
        file.sform_code = big_endian ? 1 : 0;
        file.voxels.assign(static_cast<std::size_t>(24 * bits / 8), 0x3f);
        corpus.push_back(file.bytes());
        corpus.push_back(gzipped(corpus.back()));
      }
    }
  }
  NiftiBytes series;
  series.dim = {4, 2, 3, 4, 5};
  series.vox_offset = 352 + 32;
  series.voxels.resize(32 + 2 * 120);
  corpus.push_back(series.bytes());
  return corpus;
}

}  // namespace collegium::testing
