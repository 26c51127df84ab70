#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "collegium/error.h"
#include "imaging/nifti.h"
#include "nifti_bytes.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::gzipped;
using testing::NiftiBytes;

Volume parse(const NiftiBytes& file) { return parse_volume(file.bytes(), "memory"); }

template <class T>
std::vector<T> counting(std::size_t count, T first) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

float at(const Volume& v, std::int64_t x, std::int64_t y, std::int64_t z) {
  const Extent e = v.grid.extent();
  return v.values[static_cast<std::size_t>((x * e[1] + y) * e[2] + z)];
}

TEST(NiftiReader, TurnsFileOrderIntoRowMajorOrder) {
  NiftiBytes file;
  file.fill(counting<std::int16_t>(24, 0));
  const Volume volume = parse(file);
  ASSERT_EQ(volume.grid.shape, (std::vector<std::int64_t>{2, 3, 4}));
  for (std::int64_t z = 0; z < 4; ++z) {
    for (std::int64_t y = 0; y < 3; ++y) {
      for (std::int64_t x = 0; x < 2; ++x) {
        EXPECT_EQ(at(volume, x, y, z), static_cast<float>(x + 2 * y + 6 * z));
      }
    }
  }
}

TEST(NiftiReader, KeepsTheFourthAxisLast) {
  NiftiBytes file;
  file.dim = {4, 2, 3, 4, 5};
  file.fill(counting<std::int16_t>(120, 0));
  const Volume volume = parse(file);
  ASSERT_EQ(volume.grid.shape, (std::vector<std::int64_t>{2, 3, 4, 5}));
  EXPECT_EQ(volume.grid.channels(), 5);
  // [x, y, z, t] = [1, 2, 3, 4], then its neighbour in t
  EXPECT_EQ(volume.values[119], 1 + 2 * 2 + 6 * 3 + 24 * 4);
  EXPECT_EQ(volume.values[118], 1 + 2 * 2 + 6 * 3 + 24 * 3);
}

TEST(NiftiReader, ReadsVolumesOfManyBlocksOfPlanes) {
  NiftiBytes file;
  file.dim = {3, 150, 130, 100};
  std::vector<std::int16_t> values(150 * 130 * 100);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int16_t>(i * 7919 % 30011);
  file.fill(values);
  const Volume volume = parse_volume(gzipped(file.bytes()), "memory");
  for (std::int64_t i = 0; i < 1950000; i += 997) {
    const std::int64_t x = i % 150, y = i / 150 % 130, z = i / (150 * 130);
    ASSERT_EQ(at(volume, x, y, z), values[static_cast<std::size_t>(i)])
        << x << ' ' << y << ' ' << z;
  }
}

TEST(NiftiReader, AcceptsOneToSevenAxes) {
  for (const std::vector<std::int64_t>& dim : std::vector<std::vector<std::int64_t>>{
           {1, 24}, {2, 6, 4}, {5, 2, 3, 2, 1, 2}, {7, 2, 1, 3, 1, 2, 1, 2}}) {
    NiftiBytes file;
    file.dim = dim;
    file.fill(counting<std::int16_t>(24, 0));
    const Volume volume = parse(file);
    EXPECT_EQ(volume.grid.shape, std::vector<std::int64_t>(dim.begin() + 1, dim.end()));
    EXPECT_EQ(std::accumulate(volume.values.begin(), volume.values.end(), 0.0), 276);
  }
}

template <class T>
NiftiBytes& fill_with(NiftiBytes& file) {
  return file.fill<T>(
      {std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max(), T{1}, T{0}, T{2}, T{100}});
}

template <class T>
void expect_read(int code, bool big_endian, int version) {
  NiftiBytes file;
  file.version = version;
  file.big_endian = big_endian;
  file.dim = {3, 6, 1, 1};
  file.datatype = code;
  file.bitpix = 8 * sizeof(T);
  fill_with<T>(file);
  const auto lowest = std::numeric_limits<T>::lowest(), highest = std::numeric_limits<T>::max();
  float low = static_cast<float>(lowest), high = static_cast<float>(highest);
  if constexpr (std::is_same_v<T, double>) {
    low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  }
  EXPECT_EQ(parse(file).values, (std::vector<float>{low, high, 1, 0, 2, 100}))
      << "datatype " << code;
}

TEST(NiftiReader, ReadsEveryIntegerAndFloatTypeInBothByteOrdersAndVersions) {
  for (const bool big : {false, true}) {
    for (const int version : {1, 2}) {
      expect_read<std::uint8_t>(2, big, version);
      expect_read<std::int8_t>(256, big, version);
      expect_read<std::int16_t>(4, big, version);
      expect_read<std::uint16_t>(512, big, version);
      expect_read<std::int32_t>(8, big, version);
      expect_read<std::uint32_t>(768, big, version);
      expect_read<std::int64_t>(1024, big, version);
      expect_read<std::uint64_t>(1280, big, version);
      expect_read<float>(16, big, version);
      expect_read<double>(64, big, version);
    }
  }
}

TEST(NiftiReader, ScalesWithSlopeAndIntercept) {
  NiftiBytes file;
  file.slope = 0.000129854;
  file.intercept = -0.374935;
  file.fill(counting<std::int16_t>(24, -3000));
  const double slope = static_cast<float>(file.slope),
               intercept = static_cast<float>(file.intercept);
  EXPECT_FLOAT_EQ(parse(file).values[0], static_cast<float>(slope * -3000 + intercept));
}

TEST(NiftiReader, ASlopeOfZeroOrNanMeansNoScaling) {
  for (const double slope : {0.0, std::nan(""), static_cast<double>(INFINITY)}) {
    NiftiBytes file;
    file.slope = slope;
    file.intercept = 5;
    file.fill(counting<std::int16_t>(24, 7));
    EXPECT_EQ(parse(file).values[0], 7);
  }
}

TEST(NiftiReader, AnInterceptOfNanCountsAsZero) {
  NiftiBytes file;
  file.slope = 2;
  file.intercept = std::nan("");
  file.fill(counting<std::int16_t>(24, 7));
  EXPECT_EQ(parse(file).values[0], 14);
}

TEST(NiftiReader, TakesTheSformBeforeTheQform) {
  NiftiBytes file;
  file.fill(counting<std::int16_t>(24, 0));
  file.qform_code = 1;
  file.sform = {-2, 0, 0, 90, 0, 0, 3, -126, 0, 1.5, 0, -72};
  const Grid grid = parse(file).grid;
  EXPECT_EQ(grid.affine,
            (Affine{{{-2, 0, 0, 90}, {0, 0, 3, -126}, {0, 1.5, 0, -72}, {0, 0, 0, 1}}}));
  EXPECT_EQ(grid.spacing, (Spacing{2, 1.5, 3}));
}

TEST(NiftiReader, TurnsTheQuaternionIntoARotation) {
  NiftiBytes file;
  file.version = 2;
  file.fill(counting<std::int16_t>(24, 0));
  file.sform_code = 0;
  file.qform_code = 1;
  file.pixdim = {-1, 2, 3, 4, 1, 1, 1, 1};
  // a quarter turn about z: x -> y, y -> -x; the third column is negated by qfac
  file.quaternion_offset = {0, 0, std::sqrt(0.5), 10, 20, 30};
  const Affine a = parse(file).grid.affine;
  const Affine expected{{{0, -3, 0, 10}, {2, 0, 0, 20}, {0, 0, -4, 30}, {0, 0, 0, 1}}};
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j)
      EXPECT_NEAR(a[i][j], expected[i][j], 1e-12) << i << ' ' << j;
  }
}

TEST(NiftiReader, FallsBackToTheSpacing) {
  NiftiBytes file;
  file.fill(counting<std::int16_t>(24, 0));
  file.sform_code = 0;
  file.pixdim = {1, 2, 3, 4, 1, 1, 1, 1};
  EXPECT_EQ(parse(file).grid.affine,
            (Affine{{{2, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 1}}}));
}

TEST(NiftiReader, GivesMillimetresWhateverTheUnit) {
  NiftiBytes file;
  file.fill(counting<std::int16_t>(24, 0));
  file.units = 3;  // micron
  file.sform = {1000, 0, 0, 0, 0, 1000, 0, 0, 0, 0, 1000, 0};
  EXPECT_EQ(parse(file).grid.spacing, (Spacing{1, 1, 1}));
}

TEST(NiftiReader, FindsTheDataBehindAnExtension) {
  NiftiBytes file;
  file.vox_offset = 352 + 64;
  file.voxels.assign(64, 0xee);
  file.fill(counting<std::int16_t>(24, 0));
  EXPECT_EQ(parse(file).values[0], 0);
  EXPECT_EQ(parse_volume(gzipped(file.bytes()), "memory").values, parse(file).values);
}

TEST(NiftiReader, ReadsSeveralGzipMembersAsOneStream) {
  NiftiBytes file;
  file.fill(counting<std::int16_t>(24, 0));
  const auto bytes = file.bytes();
  auto packed = gzipped(std::span(bytes).first(360));
  const auto second = gzipped(std::span(bytes).subspan(360));
  packed.insert(packed.end(), second.begin(), second.end());
  EXPECT_EQ(parse_volume(packed, "memory").values, parse(file).values);
}

TEST(NiftiReader, ReadsTheNamedFileAndNotItsNeighbour) {
  const TemporaryFolder folder;
  NiftiBytes plain, packed;
  plain.fill(std::vector<std::int16_t>(24, 1));
  packed.fill(std::vector<std::int16_t>(24, 2));
  const auto plain_file = folder.write("x.nii", plain.bytes());
  const auto packed_file = folder.write("x.nii.gz", gzipped(packed.bytes()));
  EXPECT_EQ(read_volume(plain_file).values[0], 1);
  EXPECT_EQ(read_volume(packed_file).values[0], 2);
  std::filesystem::remove(packed_file);
  EXPECT_THROW(read_volume(packed_file), DataError);
}

TEST(NiftiLabels, AreWholeNumbersAfterScaling) {
  const TemporaryFolder folder;
  NiftiBytes file;
  file.slope = 0.5;
  file.fill(std::vector<std::int16_t>(24, 8));
  EXPECT_EQ(read_labels(folder.write("seg.nii", file.bytes())).values[0], 4);
}

TEST(NiftiLabels, RefuseFractions) {
  const TemporaryFolder folder;
  NiftiBytes file;
  file.slope = 0.5;
  file.fill(std::vector<std::int16_t>(24, 3));
  try {
    read_labels(folder.write("seg.nii", file.bytes()));
    FAIL() << "a label of 1.5 was accepted";
  } catch (const DataError& error) {
    EXPECT_NE(error.problem().where.find("seg.nii"), std::string::npos);
    EXPECT_EQ(error.problem().found, "1.500000");
  }
}

TEST(NiftiReader, FindsIntensitiesThatAreNotNumbers) {
  NiftiBytes file;
  file.datatype = 16;
  file.bitpix = 32;
  std::vector<float> values(24, 1.f);
  values[6] = NAN;       // [0, 0, 1]
  values[7] = INFINITY;  // [1, 0, 1]
  file.fill(values);
  const Volume volume = parse(file);
  try {
    require_finite(volume, "subject/t1.nii.gz");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.problem().where, "subject/t1.nii.gz");
    EXPECT_EQ(error.problem().found, "2 NaN or infinite, the first at index 1");
  }
}

}  // namespace
}  // namespace collegium
