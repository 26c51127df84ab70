#include "model/graph_memory_order.h"

#include <gtest/gtest.h>

#include <vector>

#include "graph_text.h"

namespace collegium {
namespace {

json value(int id) { return {{"v", id}}; }
json call(const char* op, json args) { return {{"op", op}, {"args", std::move(args)}}; }
json list(json only) { return json::array({std::move(only)}); }

constexpr int kLinear = 3, kRelu = 4, kFirst = 5;  // of the small graph; new calls give 5, 6 ...

bool depends(const std::vector<json>& calls) {
  auto graph = small_graph();
  auto& program = graph["programs"]["train"];
  int id = kFirst;
  for (auto call : calls) {
    call["out"] = id++;
    program["nodes"].push_back(call);
  }
  program["values"] = id;
  return depends_on_memory_order(*parse_graph(graph.dump(), "g").program("train"));
}

const json kReshape = call("aten::reshape", {value(kLinear), {-1, 2}});

TEST(MemoryOrder, DoesNotMatterToCallsOnValues) {
  EXPECT_FALSE(depends({}));
  EXPECT_FALSE(depends({kReshape, call("aten::relu", list(value(kFirst)))}));
}

TEST(MemoryOrder, MattersToAViewWhichCannotCopy) {
  EXPECT_TRUE(depends({call("aten::view", {value(kLinear), {-1, 2}})}));
  EXPECT_TRUE(depends({call("aten::view_as", {value(kLinear), value(kRelu)})}));
}

TEST(MemoryOrder, MattersWhereAWriteMayOrMayNotReachACopy) {
  const auto write = [](int into) { return call("aten::add_.Scalar", {value(into), 1}); };
  EXPECT_TRUE(depends({kReshape, write(kFirst)}));   // into the copy
  EXPECT_TRUE(depends({kReshape, write(kLinear)}));  // into what was copied
  EXPECT_TRUE(depends({call("aten::contiguous", list(value(kLinear))),
                       call("aten::transpose.int", {value(kFirst), 0, 1}), write(kFirst + 1)}));
  EXPECT_TRUE(depends({kReshape, call("sym::tuple", list(list(value(kFirst)))),
                       call("sym::getitem", {value(kFirst + 1), 0}), write(kFirst + 2)}));
}

TEST(MemoryOrder, DoesNotMatterToWritesElsewhereOrBefore) {
  EXPECT_FALSE(depends({call("aten::relu_", list(value(kLinear))), kReshape}));
  EXPECT_FALSE(depends({kReshape, call("aten::relu_", list(value(kRelu)))}));
  EXPECT_FALSE(depends({call("aten::transpose.int", {value(kLinear), 0, 1}),
                        call("aten::relu_", list(value(kFirst)))}));
}

}  // namespace
}  // namespace collegium
