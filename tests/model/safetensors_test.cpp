#include "model/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <random>

#include "base/file.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;

// A file as the format describes it, written by hand: length, header, data.
std::vector<std::uint8_t> file_of(const std::string& header, std::size_t data_bytes) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < 8; ++i)
    bytes.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data_bytes);
  return bytes;
}

Problem refusal(const std::string& header, std::size_t data_bytes) {
  const std::vector<std::uint8_t> bytes = file_of(header, data_bytes);
  return problem_of([&] { parse_safetensors(bytes, "m.safetensors"); });
}

const std::string kOne = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";

TEST(Safetensors, ReadsWhatTheFormatDescribes) {
  std::vector<std::uint8_t> bytes = file_of(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]},)"
      R"("a":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"}}   )",
      12);
  const float values[] = {1.5f, -2.0f, 3.25f};
  std::memcpy(bytes.data() + bytes.size() - 12, values, 12);
  const StoredModel model = parse_safetensors(bytes, "m");
  ASSERT_EQ(model.layout.slots().size(), 2u);
  EXPECT_EQ(model.layout.slots()[0].name, "a");  // in the order of the bytes, not of the header
  EXPECT_EQ(model.layout.slots()[1].shape, std::vector<std::int64_t>());
  EXPECT_THAT(model.values, testing::ElementsAre(1.5f, -2.0f, 3.25f));
  EXPECT_EQ(model.metadata.at("format"), "pt");
}

TEST(Safetensors, GivesBackWhatWasSaved) {
  Layout layout;
  layout.add("zeta.weight", {4, 3, 1});
  layout.add("empty", {0, 7});
  layout.add("alpha \"quoted\" \\ Größe", {5});
  layout.add("frozen", {2}, /*trainable=*/false);
  layout.add_buffer("running_mean", {2});
  layout.add("scalar", {});
  std::vector<float> values(layout.size());
  std::iota(values.begin(), values.end(), -3.5f);
  values[1] = std::numeric_limits<float>::quiet_NaN();
  values[2] = -0.0f;
  values[3] = std::numeric_limits<float>::infinity();
  const TemporaryFolder folder;
  save_safetensors(folder / "m.safetensors", layout, values,
                   {{"round", "3"}, {"note", "ä\n\"x\""}});
  const StoredModel model = load_safetensors(folder / "m.safetensors");
  EXPECT_EQ(model.layout, layout);
  EXPECT_EQ(model.layout.hash(), layout.hash());
  ASSERT_EQ(model.values.size(), values.size());
  EXPECT_EQ(std::memcmp(model.values.data(), values.data(), values.size() * sizeof(float)), 0);
  EXPECT_EQ(model.metadata,
            (std::map<std::string, std::string>{{"round", "3"}, {"note", "ä\n\"x\""}}));
}

TEST(Safetensors, AlignsTheDataAndKeepsTheOldFileWhenItCannotWrite) {
  const TemporaryFolder folder;
  Layout layout;
  layout.add("a", {3});
  const std::vector<float> values{1, 2, 3};
  save_safetensors(folder / "m.safetensors", layout, values);
  const std::vector<std::uint8_t> bytes = read_file((folder / "m.safetensors").string());
  EXPECT_EQ((bytes.size() - 12) % 8, 0u);
  EXPECT_EQ(parse_safetensors(bytes, "m").values, values);
  EXPECT_THROW(save_safetensors(folder / "missing" / "m.safetensors", layout, values), SystemError);
  EXPECT_THROW(save_safetensors(folder / "m.safetensors", layout, std::vector<float>(2)),
               DataError);
  EXPECT_EQ(read_file((folder / "m.safetensors").string()), bytes);
}

TEST(Safetensors, AreRefusedWhereverTheyAreCut) {
  std::vector<std::uint8_t> bytes = file_of(kOne, 24);
  EXPECT_NO_THROW(parse_safetensors(bytes, "m"));
  const TemporaryFolder folder;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    EXPECT_THROW(parse_safetensors(std::span(bytes).first(size), "m"), DataError);
    write_file_atomically((folder / "cut").string(),
                          {std::span<const std::uint8_t>(bytes).first(size)});
    EXPECT_THROW(load_safetensors(folder / "cut"), DataError);
  }
  bytes.push_back(0);
  EXPECT_THAT(problem_of([&] { parse_safetensors(bytes, "m"); }).what,
              HasSubstr("behind the last tensor"));
}

TEST(Safetensors, BelieveNoLengthThatTheFileDoesNotBearOut) {
  std::vector<std::uint8_t> bytes = file_of(kOne, 24);
  for (const std::uint64_t length :
       {std::uint64_t{0xffffffffffffffff}, std::uint64_t{1} << 63, std::uint64_t{1} << 32,
        std::uint64_t{bytes.size()}, std::uint64_t{bytes.size() - 7}}) {
    SCOPED_TRACE(length);
    std::memcpy(bytes.data(), &length, 8);
    EXPECT_THAT(problem_of([&] { parse_safetensors(bytes, "m"); }).what,
                HasSubstr("header's length"));
  }
}

TEST(Safetensors, RefuseOffsetsThatLie) {
  const auto with = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_THAT(refusal(with("[2]", "[0,4]"), 4).what, HasSubstr("disagree"));
  EXPECT_THAT(refusal(with("[2]", "[8,0]"), 8).what, HasSubstr("disagree"));
  EXPECT_THAT(refusal(with("[2]", "[4,12]"), 12).what, HasSubstr("gap or an overlap"));
  EXPECT_THAT(refusal(with("[2]", "[0,8]"), 4).what, HasSubstr("the file ends before"));
  EXPECT_THAT(refusal(with("[4611686018427387904,4]", "[0,0]"), 0).what,
              HasSubstr("disagree"));  // 2^62 * 4 * 4 = 0
  EXPECT_THAT(refusal(with("[9223372036854775807]", "[0,18446744073709551612]"), 0).where,
              HasSubstr("'a'"));
  EXPECT_THAT(refusal(with("[2305843009213693952]", "[0,9223372036854775808]"), 0).what,
              HasSubstr("ends before"));
  EXPECT_THAT(refusal(with("[18446744073709551615]", "[0,4]"), 4).what,
              HasSubstr("impossible shape"));
  EXPECT_THAT(refusal(with("[2]", "[0]"), 8).what, HasSubstr("two numbers"));
  EXPECT_THAT(refusal(with("[2]", "[0,4,8]"), 8).what, HasSubstr("number where none belongs"));
  EXPECT_THAT(refusal(with("[-2]", "[0,8]"), 8).what, HasSubstr("negative"));
  EXPECT_THAT(refusal(with("[2.0]", "[0,8]"), 8).what, HasSubstr("not whole"));
  EXPECT_THAT(refusal(with("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 4).what,
              HasSubstr("impossible shape"));
}

TEST(Safetensors, RefuseTensorsThatShareBytes) {
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                      12)
                  .where,
              HasSubstr("'b'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                      8)
                  .what,
              HasSubstr("overlap"));
}

TEST(Safetensors, NameTheTensorOfAnotherType) {
  for (const char* type : {"F64", "F16", "BF16", "I64", "U8", "f32", ""}) {
    const Problem problem = refusal(
        R"({"bn.count":{"dtype":")" + std::string(type) + R"(","shape":[1],"data_offsets":[0,4]}})",
        4);
    EXPECT_THAT(problem.where, HasSubstr("'bn.count'"));
    EXPECT_EQ(problem.found, "dtype " + std::string(type));
  }
}

TEST(Safetensors, RefuseHeadersOfAnotherForm) {
  const std::vector<std::string> headers{
      "",
      "null",
      "[]",
      "{",
      "{}x",
      R"({"a":1})",
      R"({"a":{}})",
      R"({"a":[]})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":"x"}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":{}}})",
      R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":true,"data_offsets":[0,4]}})",
      R"({"__metadata__":{"x":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      R"({"__metadata__":{"x":"1","x":"2"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
      R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      "{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      "{\"\xff\xfe\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      "{\"\xc0\xaf\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,4]}}"};
  for (const std::string& header : headers) {
    SCOPED_TRACE(header);
    EXPECT_THAT(refusal(header, 4).what, HasSubstr("not a model we can read"));
  }
}

TEST(Safetensors, AreNotDrownedByNesting) {
  EXPECT_THAT(refusal(std::string(1'000'000, '['), 4).what, HasSubstr("array"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_THAT(refusal(objects, 4).what, HasSubstr("object"));
}

TEST(Safetensors, OfNoTensorsAreAModelOfNothing) {
  const std::vector<std::uint8_t> bytes = file_of("{}", 0);
  EXPECT_EQ(parse_safetensors(bytes, "m").layout.size(), 0u);
}

// Whatever is done to a file, it is read as a model or refused as data; sanitizers watch.
TEST(Safetensors, SurviveRandomDamage) {
  std::mt19937 random(7);
  const std::vector<std::uint8_t> good = file_of(
      R"({"__metadata__":{"collegium.frozen":"b\n"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})",
      32);
  int refused = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    std::vector<std::uint8_t> bytes = good;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    try {
      const StoredModel model = parse_safetensors(bytes, "m");
      EXPECT_EQ(model.values.size(), model.layout.size());
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10'000);
}

TEST(Safetensors, SayWhichFileIsMissing) {
  EXPECT_THAT(problem_of([] { load_safetensors("/nowhere/m.safetensors"); }).where,
              HasSubstr("/nowhere/m"));
}

}  // namespace
}  // namespace collegium
