#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "collegium/error.h"
#include "imaging/nifti.h"
#include "nifti_bytes.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::gzipped;
using testing::NiftiBytes;

NiftiBytes good() {
  NiftiBytes file;
  file.fill(std::vector<std::int16_t>(24, 1));
  return file;
}

std::vector<std::uint8_t> with(const std::function<void(NiftiBytes&)>& change) {
  NiftiBytes file = good();
  change(file);
  return file.bytes();
}

// The refusal's text, or a failure if the bytes were accepted.
std::string refusal(std::span<const std::uint8_t> bytes, const VolumeLimits& limits = {}) {
  try {
    parse_volume(bytes, "patient.nii", limits);
  } catch (const DataError& error) {
    EXPECT_EQ(error.problem().where, "patient.nii");
    EXPECT_FALSE(error.problem().expected.empty());
    EXPECT_FALSE(error.problem().found.empty());
    return error.problem().what;
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(HostileNifti, TheUnchangedFileIsAccepted) {
  EXPECT_EQ(parse_volume(good().bytes(), "").values.size(), 24u);
}

TEST(HostileNifti, EveryTruncationIsRefused) {
  const auto whole = good().bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(refusal(std::span(whole).first(length)), "the file ends early") << length;
  }
}

TEST(HostileNifti, EveryTruncationOfACompressedFileIsRefused) {
  const auto whole = gzipped(good().bytes());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(parse_volume(std::span(whole).first(length), ""), DataError) << length;
  }
}

TEST(HostileNifti, WrongMagicIsRefused) {
  EXPECT_EQ(refusal(with([](auto& f) { f.magic = std::string("abc\0", 4); })),
            "the header lacks NIfTI's magic number");
  EXPECT_EQ(
      refusal(with([](auto& f) { f.version = 2, f.magic = std::string("n+2\0\n\n\032\n", 8); })),
      "the header lacks NIfTI's magic number");
  EXPECT_EQ(refusal(with([](auto& f) { f.magic = std::string("ni1\0", 4); })),
            "header and image in two files are not supported");
}

TEST(HostileNifti, OtherFormatsAreNamed) {
  std::vector<std::uint8_t> dicom(1000);
  const std::string mark = "DICM";
  std::copy(mark.begin(), mark.end(), dicom.begin() + 128);
  try {
    parse_volume(dicom, "scan");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.problem().found, "a DICOM file");
  }
}

TEST(HostileNifti, ImpossibleAxesAreRefused) {
  EXPECT_EQ(refusal(with([](auto& f) { f.dim[0] = 9; })),
            "the header's number of axes is impossible");
  EXPECT_EQ(refusal(with([](auto& f) { f.dim[0] = 0; })),
            "the header's number of axes is impossible");
  EXPECT_EQ(refusal(with([](auto& f) { f.dim[2] = -3; })), "axis 2 has an impossible length");
  EXPECT_EQ(refusal(with([](auto& f) { f.dim[3] = 0; })), "axis 3 has an impossible length");
}

TEST(HostileNifti, ABombIsRefusedBeforeItIsAllocated) {
  const auto bomb = with([](auto& f) { f.dim = {3, 32767, 32767, 32767}; });
  EXPECT_EQ(refusal(bomb), "the header claims too many voxels");
  EXPECT_EQ(refusal(gzipped(bomb)), "the header claims too many voxels");
  const auto overflow = with([](auto& f) {
    f.version = 2;
    f.dim = {7, 1LL << 62, 4, 1LL << 62, 1LL << 62, 1LL << 62, 1LL << 62, 1LL << 62};
  });
  EXPECT_EQ(refusal(overflow), "the header claims too many voxels");
}

TEST(HostileNifti, AClaimTheFileIsTooSmallForIsRefusedBeforeItIsAllocated) {
  // 2^28 voxels are within the limits; a few hundred bytes cannot hold them, compressed or not.
  const auto claim = with([](auto& f) { f.dim = {3, 1024, 1024, 256}; });
  EXPECT_EQ(refusal(claim), "the file ends early");
  EXPECT_EQ(refusal(gzipped(claim)), "the file ends early");
}

TEST(HostileNifti, LimitsAreTheCallers) {
  EXPECT_EQ(refusal(good().bytes(), {.voxels = 23}), "the header claims too many voxels");
}

TEST(HostileNifti, WrongTypesAreRefused) {
  for (const int code : {0, 1, 32, 128, 1536, 1792, 2048, 2304, -4}) {
    EXPECT_EQ(refusal(with([&](auto& f) { f.datatype = code; })), "the voxel type is not supported")
        << code;
  }
  EXPECT_EQ(refusal(with([](auto& f) { f.bitpix = 8; })),
            "the header contradicts itself about the voxel type");
}

TEST(HostileNifti, ADataOffsetOutsideTheFileIsRefused) {
  EXPECT_EQ(refusal(with([](auto& f) { f.vox_offset = 1e9; })), "the file ends early");
  EXPECT_EQ(refusal(gzipped(with([](auto& f) { f.vox_offset = 1e9; }))), "the file ends early");
  for (const double offset : {0.0, 348.0, 352.5, 1e30, std::nan("")}) {
    EXPECT_EQ(refusal(with([&](auto& f) {
                f.vox_offset = offset;
                f.voxels.resize(1000);
              })),
              "the voxels cannot begin there")
        << offset;
  }
  EXPECT_EQ(refusal(with([](auto& f) { f.version = 2, f.vox_offset = 540; })),
            "the voxels cannot begin there");
}

TEST(HostileNifti, AnUnusableOrientationIsRefused) {
  const std::string what = "the header does not say where the voxels lie";
  EXPECT_EQ(refusal(with([](auto& f) { f.sform[0] = 0; })), what);
  EXPECT_EQ(refusal(with([](auto& f) { f.sform[3] = NAN; })), what);
  EXPECT_EQ(refusal(with([](auto& f) { f.sform[1] = INFINITY; })), what);
  EXPECT_EQ(refusal(with([](auto& f) { f.sform_code = 0, f.pixdim[2] = 0; })), what);
  EXPECT_EQ(refusal(with(
                [](auto& f) { f.sform_code = 0, f.qform_code = 1, f.quaternion_offset[0] = NAN; })),
            what);
}

TEST(HostileNifti, LittleTrailsAfterTheVoxels) {
  const auto some = with([](auto& f) { f.voxels.resize(f.voxels.size() + 1000); });
  EXPECT_EQ(parse_volume(some, "").values.size(), 24u);
  const auto much = with([](auto& f) { f.voxels.resize(f.voxels.size() + (2 << 20)); });
  EXPECT_EQ(refusal(much), "data follows the last voxel");
  EXPECT_EQ(refusal(gzipped(much)), "data follows the last voxel");
}

TEST(HostileNifti, BytesAfterTheCompressedDataAreRefused) {
  auto packed = gzipped(good().bytes());
  packed.resize(packed.size() + 512);  // zeros, as padding of a tape block
  EXPECT_EQ(parse_volume(packed, "").values.size(), 24u);
  packed.back() = 'x';
  EXPECT_EQ(refusal(packed), "the compressed file is damaged");
}

TEST(HostileNifti, TextFieldsNeverReachAnError) {
  const auto bytes =
      with([](auto& f) { f.description = "DOE^JANE", f.datatype = 1, f.magic = ""; });
  try {
    parse_volume(bytes, "x.nii");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).find("DOE"), std::string::npos);
  }
}

// Files of many MB: a small one is inflated in one go, and damage then shows for another reason.
class LargeCompressedNifti : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    NiftiBytes file;
    file.dim = {3, 200, 200, 100};
    std::vector<std::int16_t> values(200 * 200 * 100);
    std::uint32_t state = 1;
    for (auto& value : values) {
      state = state * 1664525 + 1013904223;
      value = static_cast<std::int16_t>(state >> 18);
    }
    // stored, not packed: a flipped byte then stays a valid stream that only the checksum tells
    // from the right one
    packed_ = new std::vector<std::uint8_t>(gzipped(file.fill(values).bytes(), 0));
  }
  static void TearDownTestSuite() {
    delete packed_;
    packed_ = nullptr;
  }
  static std::vector<std::uint8_t>* packed_;
};
std::vector<std::uint8_t>* LargeCompressedNifti::packed_ = nullptr;

TEST_F(LargeCompressedNifti, IsReadWhole) {
  EXPECT_GT(packed_->size(), std::size_t{7} << 20);
  EXPECT_EQ(parse_volume(*packed_, "").values.size(), 4000000u);
}

TEST_F(LargeCompressedNifti, OneFlippedByteIsNoticed) {
  auto damaged = *packed_;
  damaged[damaged.size() / 2] ^= 0x10;
  EXPECT_EQ(refusal(damaged), "the compressed file is damaged");
}

TEST_F(LargeCompressedNifti, AWrongChecksumIsNoticed) {
  auto damaged = *packed_;
  damaged[damaged.size() - 8] ^= 1;
  EXPECT_EQ(refusal(damaged), "the compressed file is damaged");
}

TEST_F(LargeCompressedNifti, AWrongLengthIsNoticed) {
  auto damaged = *packed_;
  damaged[damaged.size() - 2] ^= 1;
  EXPECT_EQ(refusal(damaged), "the compressed file is damaged");
}

TEST_F(LargeCompressedNifti, LosingItsLastByteIsNoticed) {
  EXPECT_EQ(refusal(std::span(*packed_).first(packed_->size() - 1)),
            "the compressed file is damaged");
}

TEST(HostileNifti, FoldersPipesAndMissingFilesAreRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(read_volume(folder.path()), DataError);
  EXPECT_THROW(read_volume(folder.path() / "missing.nii.gz"), DataError);
  EXPECT_THROW(read_volume("/dev/null"), DataError);
}

}  // namespace
}  // namespace collegium
