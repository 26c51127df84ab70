// The file of a captured network: read by a coordinator, kept by a run and by a site, refused by
// both where it must be.
#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "model/graph_layout.h"
#include "model/graph_text.h"
#include "runtime/coordinator_setup.h"
#include "runtime/network_shelf.h"
#include "runtime/site_policy.h"
#include "runtime/start_model.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;

struct Capture {
  Capture() { write(small_graph()); }
  void write(const json& graph) {
    Layout layout;
    layout.add("layer.weight", {2, 3});
    layout.add("layer.bias", {2});
    save_safetensors(file(), layout, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8},
                     {{"collegium.graph", graph.dump()}});
  }
  std::string file() const { return folder / "mine.safetensors"; }
  FederationConfig config(const std::string& more = "") const {
    return FederationConfig::read(
        Settings::parse("[federation]\nsites = ['guys']\n[run]\nfolder = 'run'\n"
                        "[network]\nname = 'graph'\nfile = 'mine.safetensors'\n" +
                            more,
                        "federation.toml"),
        folder.path());
  }
  TemporaryFolder folder;
};

TEST(StartOfACapturedNetwork, IsTheFileWithItsWeightsAndItsName) {
  const Capture capture;
  FederationConfig config = capture.config("trainable = ['bias']\n");
  const StartModel start = load_start_model(config);
  EXPECT_THAT(start.values, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_FALSE(start.layout.slots().at(0).trainable);
  EXPECT_TRUE(start.layout.slots().at(1).trainable);
  const auto bytes = read_file(capture.file());
  const Blob blob = Blob::of(Bytes::copy_of(bytes));
  EXPECT_EQ(start.network_file->id, blob.id);
  EXPECT_EQ(config.network.graph->digest, to_hex(blob.id.digest));
  EXPECT_THAT(config.canonical(), HasSubstr(to_hex(blob.id.digest)));
  EXPECT_THAT(config.canonical(), testing::Not(HasSubstr("mine.safetensors")));
}

TEST(StartOfACapturedNetwork, IsRefusedWhenTheFileIsDamagedMissingOrAnother) {
  Capture capture;
  FederationConfig config = capture.config();
  load_start_model(config);  // states the name
  json other = small_graph();
  other["head"] = "";
  capture.write(other);
  EXPECT_THAT(problem_of([&] { load_start_model(config); }).what, HasSubstr("not the one that"));
  config = capture.config();
  const auto bytes = read_file(capture.file());
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(capture.file(), std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(length));
    FederationConfig cut = capture.config();
    EXPECT_THROW(load_start_model(cut), DataError) << length;
  }
  std::filesystem::remove(capture.file());
  EXPECT_THROW(load_start_model(config), SystemError);
}

TEST(StartOfACapturedNetwork, IsRefusedWhenNoSiteWouldRunIt) {
  Capture capture;
  json hostile = small_graph();
  hostile["programs"]["train"]["nodes"][1]["op"] = "aten::from_file";
  capture.write(hostile);
  FederationConfig config = capture.config();
  EXPECT_THAT(problem_of([&] { load_start_model(config); }).found, HasSubstr("aten::from_file"));
}

TEST(StartOfACapturedNetwork, NeedsALossThatExists) {
  Capture capture;
  json without = small_graph();
  without["programs"].erase("loss");
  capture.write(without);
  FederationConfig config = capture.config("[training]\nloss = { name = 'graph' }\n");
  EXPECT_THAT(problem_of([&] { load_start_model(config); }).what, HasSubstr("without a loss"));
  EXPECT_THROW(
      FederationConfig::read(Settings::parse("[training]\nloss = { name = 'graph' }\n", "x")),
      ConfigError);
}

TEST(RunOfACapturedNetwork, HoldsTheFileAndGoesOnWithoutTheOriginal) {
  const Capture capture;
  {
    FederationConfig config = capture.config();
    const StartModel start = load_start_model(config);
    RunStore store = open_run(config, start, false);
    store.write_checkpoint(0, start.layout, start.values);
  }
  std::filesystem::remove(capture.file());
  FederationConfig config = capture.config();
  const StartModel start = load_start_model(config);
  const RunStore store = open_run(config, start, false);
  EXPECT_EQ(make_setup(config, store, start).options.network_file->id, start.network_file->id);
  // A model of the run is a network's file itself.
  const StoredModel model =
      load_safetensors(config.run.folder / "checkpoints" / "round-000000.safetensors");
  EXPECT_EQ(graph_of({model.layout, model.metadata}, "model").hash,
            parse_graph(small_graph().dump(), "test").hash);
  EXPECT_THAT(model.metadata.at("collegium.network"), HasSubstr(config.network.graph->digest));
}

TEST(RunOfACapturedNetwork, IsNotResumedWithAnotherFile) {
  Capture capture;
  {
    FederationConfig config = capture.config();
    open_run(config, load_start_model(config), false);
  }
  json other = small_graph();
  other["head"] = "";
  capture.write(other);
  FederationConfig config = capture.config();
  const StartModel start = load_start_model(config);
  EXPECT_THAT(problem_of([&] { open_run(config, start, false); }).what,
              HasSubstr("another configuration"));
}

TEST(NetworkShelf, KeepsTheLastFileAndRefusesADamagedOne) {
  const TemporaryFolder folder;
  const NetworkShelf shelf(folder / "networks");
  const Blob one = Blob::of(Bytes::owning({1, 2, 3})), two = Blob::of(Bytes::owning({4, 5}));
  EXPECT_FALSE(shelf.find(one.id));
  shelf.keep(one.id, one.bytes);
  EXPECT_TRUE(matches(one.id, *shelf.find(one.id)));
  shelf.keep(two.id, two.bytes);
  EXPECT_FALSE(shelf.find(one.id));
  const auto place = folder.path() / "networks" / (to_hex(two.id.digest) + ".safetensors");
  std::ofstream(place, std::ios::binary | std::ios::app) << "x";
  EXPECT_THROW(shelf.find(two.id), DataError);
}

Settings welcome(const std::string& network) {
  Settings body;
  body.set("rounds", 1);
  body.set("network", Settings::parse(network, "welcome"));
  return body;
}

std::string refusal(const std::string& policy, const std::string& network) {
  const auto found =
      make_policy(PolicyConfig::read(Settings::parse(policy, "site.toml")), 0)(welcome(network));
  return found ? found->rule + ": " + found->text : "allowed";
}

TEST(PolicyOnCapturedNetworks, TakesThemOnlyWhereTheyAreNamed) {
  const std::string graph = "name = 'graph'\ngraph = { digest = 'ab', size = 1000 }";
  EXPECT_THAT(refusal("", graph), HasSubstr("models: a captured network"));
  EXPECT_THAT(refusal("models = ['segresnet']", graph), HasSubstr("models: the network 'graph'"));
  EXPECT_EQ(refusal("models = ['segresnet', 'graph']", graph), "allowed");
  EXPECT_THAT(refusal("models = ['graph']", "name = 'segresnet'"), HasSubstr("models: "));
}

TEST(PolicyOnCapturedNetworks, FetchesNoFileThatIsTooLargeForItsParameters) {
  const std::string policy = "models = ['graph']\n[graph]\nparameters = 1000000\n";
  const auto graph = [](std::int64_t size) {
    return "name = 'graph'\ngraph = { digest = 'ab', size = " + std::to_string(size) + " }";
  };
  const std::int64_t most = 4'000'000 + 16 * 1024 * 1024 + 8;
  EXPECT_EQ(refusal(policy, graph(most)), "allowed");
  EXPECT_THAT(refusal(policy, graph(most + 1)), HasSubstr("graph.parameters: "));
  EXPECT_THAT(refusal(policy, "name = 'graph'"), HasSubstr("models: "));
}

}  // namespace
}  // namespace collegium
