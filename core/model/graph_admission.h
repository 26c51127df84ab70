#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collegium/error.h"
#include "model/graph.h"

namespace collegium {

// What a site takes. 0: no limit of its own.
struct GraphPolicy {
  std::int64_t parameters = 0;                      // float32 values in the model
  std::int64_t nodes = 0;                           // calls of one program
  std::vector<std::string> refused_operators = {};  // exact, as "aten::lstm.input"
  bool patient_privacy = false;
};

// Why a site does not run this graph, in words for its people; nothing: it does.
//
// Refused are operators that are not on the list of graph_operators.h or on the policy's; writes
// into parameters, constants and inputs, however many views lie between; running statistics that
// are no buffer (a parameter there would receive means of patients' data past clipping and noise);
// buffers written in evaluation; and under patient-level privacy everything that keeps state
// between patients: buffers that are written, batch norm in its training form.
std::optional<Problem> admit(const GraphModel& graph, const GraphPolicy& policy,
                             const std::string& source);

}  // namespace collegium
