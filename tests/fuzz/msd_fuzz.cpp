#include <fstream>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "imaging/subject_lists.h"
#include "support/temporary_folder.h"

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  return {
      input_of(
          R"({"modality":{"0":"FLAIR","1":"T1w","2":"t1gd","3":"T2w"},)"
          R"("labels":{"0":"background","1":"edema","2":"non-enhancing tumor","3":"enhancing"},)"
          R"("training":[{"image":"./imagesTr/a.nii.gz","label":"./labelsTr/a.nii.gz"}]})"),
      input_of(R"({"channel_names":{"0":"T1"},"labels":{"background":0},"training":[]})"),
      input_of(R"({"training":[{"image":["a.nii","b.nii","c.nii","d.nii"],"label":"l.nii"}],)"
               R"("validation":[{"image":"../../etc/passwd"}]})"),
      input_of("[[[[{\"a\":null}]]]]"),
  };
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Any file is either a list of subjects, or a DataError that says why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const collegium::TemporaryFolder folder;
  const auto file = folder.write("dataset.json", std::span(data, size));
  try {
    for (const auto& subject : collegium::read_msd_list(file).subjects)
      if (subject.id.empty()) __builtin_trap();
  } catch (const collegium::Error&) {
  }
  return 0;
}
