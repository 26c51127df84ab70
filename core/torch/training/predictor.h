#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

#include "imaging/subjects.h"
#include "torch/training/evaluator.h"

namespace collegium {

// Segments every subject, labelled or not, and writes FOLDER/SUBJECT.nii.gz: a label map on the
// grid of the subject's own images. A region is where sigmoid(output) > 0.5. The network has one
// output for each region, in the order TC, WT, ET. Returns how many were written. Throws DataError
// with the subject's file, SystemError when a file cannot be written.
std::size_t predict_subjects(const Network& network, std::span<const float> model,
                             const SubjectSet& subjects, const EvaluationOptions& options,
                             const std::filesystem::path& folder,
                             const EvaluationProgress& progress = {});

}  // namespace collegium
