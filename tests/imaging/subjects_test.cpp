#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "collegium/error.h"
#include "imaging/subject_cache.h"
#include "imaging/subjects.h"
#include "nifti_bytes.h"
#include "subject_folder.h"

namespace collegium {
namespace {

using namespace collegium::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<std::string> ids(const SubjectSet& subjects) {
  std::vector<std::string> out;
  for (const SubjectFiles& files : subjects.files()) out.push_back(files.id);
  return out;
}

// What an error says of its place and its cause, or "" if there was none.
template <class Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

class BratsFolder : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  SubjectSource source() const { return {.format = "brats", .path = folder.path()}; }
  std::filesystem::path file(const std::string& id, const std::string& ending) const {
    return folder.path() / id / (id + ending);
  }
};

TEST_F(BratsFolder, IsListedByName) {
  write_brats_subject(folder.path(), "B");
  write_brats_subject(folder.path(), "A");
  std::filesystem::create_directories(folder.path() / "datalist");
  const SubjectSet subjects(source());
  EXPECT_EQ(ids(subjects), (std::vector<std::string>{"A", "B"}));
}

TEST_F(BratsFolder, GivesSequencesInChannelOrderTurnedToRas) {
  write_brats_subject(folder.path(), "A");
  const Subject subject = SubjectSet(source()).load(0);
  EXPECT_EQ(subject.image.extent, kSubjectExtent);
  // the file's [0, 0, 1] is the far corner in x and y once left and posterior are turned around
  const std::size_t corner = ((4 - 1) * 5 + (5 - 1)) * 6 + 1;
  for (std::int64_t c = 0; c < 4; ++c) {
    EXPECT_EQ(subject.image.channel(c)[0], static_cast<float>(c + 1)) << kSequenceNames[c];
    EXPECT_EQ(subject.image.channel(c)[corner], static_cast<float>(2 * (c + 1)));
    EXPECT_EQ(subject.image.channel(c)[corner - 1], 0);
  }
  EXPECT_EQ(subject.affine, (Affine{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}));
  EXPECT_EQ(subject.regions.channel(0)[corner], 1);  // necrotic: core
  EXPECT_EQ(subject.regions.channel(2)[corner], 0);
  EXPECT_EQ(subject.regions.channel(1)[corner + 1], 1);  // oedema: whole only
  EXPECT_EQ(subject.regions.channel(0)[corner + 1], 0);
  EXPECT_EQ(subject.regions.channel(2)[corner + 2], 1);  // enhancing
}

TEST_F(BratsFolder, Of2023NamesAndLabelsIsReadTheSame) {
  write_brats_subject(folder.path(), "A");
  const Subject older = SubjectSet(source()).load(0);
  const TemporaryFolder other;
  write_brats_subject(other.path(), "A", true);
  const Subject newer =
      SubjectSet({.format = "brats", .path = other.path(), .labels = "brats2023"}).load(0);
  EXPECT_EQ(newer.image.values, older.image.values);
  EXPECT_EQ(newer.regions.values, older.regions.values);
}

TEST_F(BratsFolder, TakesSitesAndGradesFromSubFolders) {
  write_brats_subject(folder.path() / "guys", "A");
  write_brats_subject(folder.path() / "HGG", "B");
  SubjectSource s = source();
  const SubjectSet all(s);
  EXPECT_EQ(all.files()[0].site, "guys");
  EXPECT_EQ(all.files()[0].grade, "");
  EXPECT_EQ(all.files()[1].site, "");
  EXPECT_EQ(all.files()[1].grade, "HGG");
  s.site = "guys";
  EXPECT_EQ(ids(SubjectSet(s)), (std::vector<std::string>{"A"}));
  s.site = "thomas";
  EXPECT_THAT(error_of([&] { SubjectSet x(s); }), HasSubstr("none of site thomas"));
}

TEST_F(BratsFolder, TakesSitesAndGradesFromATable) {
  write_brats_subject(folder.path(), "A");
  write_brats_subject(folder.path(), "B");
  SubjectSource s = source();
  s.table = folder.write("sites.csv", "subject,grade,site\nB,LGG,guys\nA,HGG,\"King's, London\"\n");
  const SubjectSet subjects(s);
  EXPECT_EQ(subjects.files()[0].site, "King's, London");
  EXPECT_EQ(subjects.files()[1].grade, "LGG");
  s.table = folder.write("short.csv", "subject,site\nA,guys\n");
  EXPECT_THAT(error_of([&] { SubjectSet x(s); }), HasSubstr("subject B"));
}

TEST_F(BratsFolder, MayBeReadInPart) {
  write_brats_subject(folder.path(), "A");
  write_brats_subject(folder.path(), "B");
  write_brats_subject(folder.path(), "C");
  std::filesystem::remove(file("C", "_t2.nii.gz"));  // not asked for, so no matter
  SubjectSource s = source();
  s.subjects = {"B"};
  EXPECT_EQ(ids(SubjectSet(s)), (std::vector<std::string>{"B"}));
  s.subjects = {"Z"};
  EXPECT_THAT(error_of([&] { SubjectSet x(s); }), HasSubstr("subject Z"));
}

TEST_F(BratsFolder, WithoutASequenceIsRefusedByName) {
  write_brats_subject(folder.path(), "A");
  std::filesystem::remove(file("A", "_t2.nii.gz"));
  EXPECT_THAT(error_of([&] { SubjectSet x(source()); }),
              AllOf(HasSubstr("subject A"), HasSubstr("no t2")));
}

TEST_F(BratsFolder, WithTwoFilesForASequenceIsRefused) {
  write_brats_subject(folder.path(), "A");
  write_volume(file("A", "_t1.nii"), image_values(9), kSubjectExtent, kSubjectAffine);
  EXPECT_THAT(error_of([&] { SubjectSet x(source()); }), HasSubstr("two files for one sequence"));
}

TEST_F(BratsFolder, WithoutSubjectsIsRefused) {
  EXPECT_THAT(error_of([&] { SubjectSet x(source()); }), HasSubstr("no subjects found"));
  EXPECT_THROW(SubjectSet({.format = "brats", .path = folder.path() / "nowhere"}), DataError);
}

TEST_F(BratsFolder, WithoutLabelsCanBePredictedOn) {
  write_brats_subject(folder.path(), "A");
  std::filesystem::remove(file("A", "_seg.nii.gz"));
  EXPECT_EQ(SubjectSet(source()).load(0).regions.channels, 0);
}

TEST_F(BratsFolder, ErrorsOfLoadingNameSubjectAndFile) {
  const auto refused = [&](const std::string& ending, auto damage) {
    write_brats_subject(folder.path(), "A");
    damage(file("A", ending));
    const SubjectSet subjects(source());
    return error_of([&] { subjects.load(0); });
  };
  const auto both = [](const char* ending, const char* what) {
    return AllOf(HasSubstr("subject A"), HasSubstr(std::string("A") + ending), HasSubstr(what));
  };
  EXPECT_THAT(refused("_t2.nii.gz", [](auto f) { std::filesystem::resize_file(f, 60); }),
              both("_t2.nii.gz", "damaged"));
  EXPECT_THAT(refused("_t1.nii.gz",
                      [](auto f) {
                        auto values = image_values(1);
                        values[7] = NAN;
                        write_volume(f, values, kSubjectExtent, kSubjectAffine);
                      }),
              both("_t1.nii.gz", "not numbers"));
  EXPECT_THAT(refused("_flair.nii.gz",
                      [](auto f) {
                        write_volume(f, std::vector<float>(60, 1.f), {3, 4, 5}, kSubjectAffine);
                      }),
              both("_flair.nii.gz", "different shapes"));
  EXPECT_THAT(refused("_seg.nii.gz",
                      [](auto f) {
                        Affine moved = kSubjectAffine;
                        moved[1][3] += 0.01;
                        write_volume(f, label_values(), kSubjectExtent, moved);
                      }),
              both("_seg.nii.gz", "different places"));
  EXPECT_THAT(refused("_seg.nii.gz",
                      [](auto f) {
                        auto labels = label_values();
                        labels[0] = 3;
                        write_volume(f, labels, kSubjectExtent, kSubjectAffine);
                      }),
              both("_seg.nii.gz", "unknown label 3"));
}

TEST_F(BratsFolder, ToleratesTheRoundingOfAnAffine) {
  write_brats_subject(folder.path(), "A");
  Affine moved = kSubjectAffine;
  moved[1][3] += 0.0005;
  write_volume(file("A", "_t2.nii.gz"), image_values(3), kSubjectExtent, moved);
  EXPECT_EQ(error_of([&] { SubjectSet(source()).load(0); }), "");
}

TEST_F(BratsFolder, HasOneSpacingWhateverItIs) {
  write_brats_subject(folder.path(), "A", false, scaled(3.2));
  write_brats_subject(folder.path(), "B", false, scaled(3.2));
  write_brats_subject(folder.path(), "C", false, scaled(1));
  const SubjectSet subjects(source());
  EXPECT_NEAR(subjects.load(1).spacing[2], 3.2, 1e-6);
  EXPECT_THAT(error_of([&] { subjects.load(2); }),
              AllOf(HasSubstr("subject C"), HasSubstr("1 x 1 x 1 mm"), HasSubstr("resample")));
}

TEST_F(BratsFolder, IsCheckedWithoutReadingVoxels) {
  write_brats_subject(folder.path(), "A");
  write_brats_subject(folder.path(), "B");
  write_brats_subject(folder.path(), "C");
  folder.write("A/A_t1ce.nii.gz", "short");
  folder.write("B/B_t1.nii.gz",
               "no NIfTI at all, though it is long enough to be looked at" + std::string(400, '.'));
  write_volume(file("C", "_seg.nii.gz"), std::vector<std::uint8_t>(60), {3, 4, 5}, kSubjectAffine);
  const std::vector<std::string> problems = SubjectSet(source()).check();
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_THAT(problems[0],
              AllOf(HasSubstr("subject A"), HasSubstr("A_t1ce.nii.gz"), HasSubstr("ends early")));
  EXPECT_THAT(problems[1], AllOf(HasSubstr("subject B"), HasSubstr("not a NIfTI file")));
  EXPECT_THAT(problems[2], AllOf(HasSubstr("subject C"), HasSubstr("C_seg.nii.gz")));
}

TEST_F(BratsFolder, FormatAndSchemeMustBeKnown) {
  write_brats_subject(folder.path(), "A");
  EXPECT_THROW(SubjectSet({.format = "dicom", .path = folder.path()}), ConfigError);
  EXPECT_THROW(SubjectSet({.format = "brats", .path = folder.path(), .labels = "guess"}),
               ConfigError);
  EXPECT_THROW(SubjectSet({.format = "brats", .path = folder.path(), .labels = "msd"}),
               ConfigError);
}

TEST_F(BratsFolder, PredictionsLieOnTheGridOfTheFiles) {
  write_brats_subject(folder.path(), "A");
  const SubjectSet subjects(source());
  const Subject subject = subjects.load(0);
  const auto path = write_prediction(folder.path(), subject, subject.regions, subjects.scheme());
  EXPECT_EQ(path.filename(), "A.nii.gz");
  const LabelVolume back = read_labels(path);
  const auto labels = label_values();
  EXPECT_TRUE(std::equal(labels.begin(), labels.end(), back.values.begin(), back.values.end()));
  EXPECT_EQ(back.grid.affine, kSubjectAffine);
}

TEST_F(BratsFolder, CacheKeepsWhatFitsItsBudget) {
  for (const char* id : {"A", "B", "C"}) write_brats_subject(folder.path(), id);
  const SubjectSet subjects(source());
  const std::size_t one = 4 * 4 * 120 + 3 * 120;  // floats and masks of 120 voxels
  SubjectCache cache(subjects, 2 * one + 10);
  const auto a = cache.get(0);
  cache.get(1);
  const auto c = cache.get(2);
  EXPECT_EQ(cache.bytes(), 2 * one);
  EXPECT_EQ(cache.get(0), a);
  EXPECT_NE(cache.get(2), c);
  EXPECT_EQ(cache.get(2)->image.values, c->image.values);
}

TEST_F(BratsFolder, CacheCountsASubjectOnceWhicheverThreadsAskForIt) {
  for (const char* id : {"A", "B"}) write_brats_subject(folder.path(), id);
  const SubjectSet subjects(source());
  SubjectCache cache(subjects, 1 << 20);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (std::size_t i = 0; i < 8; ++i) cache.get((t + i) % 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.bytes(), 2u * (4 * 4 * 120 + 3 * 120));
}

constexpr const char* kMsdHead = R"({"name": "BRATS", "licence": "none", "numTraining": 1,
  "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
  "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
  "test": ["./imagesTs/x.nii.gz"], )";

TEST(MsdList, ReordersTheChannelsOfOneFile) {
  const TemporaryFolder folder;
  NiftiBytes image;
  image.dim = {4, 4, 5, 6, 4};
  for (const std::int16_t value : {4, 2, 1, 3}) image.fill(std::vector<std::int16_t>(120, value));
  folder.write("imagesTr/P1.nii.gz", gzipped(image.bytes()));
  NiftiBytes labels;
  labels.dim = {3, 4, 5, 6};
  std::vector<std::int16_t> values(120);
  values[0] = 1, values[1] = 2, values[2] = 3;  // x fastest here
  folder.write("labelsTr/P1.nii.gz", gzipped(labels.fill(values).bytes()));
  folder.write(
      "dataset.json",
      std::string(kMsdHead) +
          R"("training": [{"image": "./imagesTr/P1.nii.gz", "label": "./labelsTr/P1.nii.gz", "grade": "HGG"}]})");
  const SubjectSet subjects({.format = "msd", .path = folder.path(), .labels = "msd"});
  const Subject subject = subjects.load(0);
  EXPECT_EQ(subject.id, "P1");
  EXPECT_EQ(subject.grade, "HGG");
  for (std::int64_t c = 0; c < 4; ++c)
    EXPECT_EQ(subject.image.channel(c)[5], static_cast<float>(c + 1));
  const auto at = [](std::size_t x) { return x * 30; };
  EXPECT_EQ(subject.regions.channel(0)[at(0)], 0);  // oedema
  EXPECT_EQ(subject.regions.channel(1)[at(0)], 1);
  EXPECT_EQ(subject.regions.channel(0)[at(1)], 1);  // core
  EXPECT_EQ(subject.regions.channel(2)[at(2)], 1);  // enhancing
}

TEST(MsdList, TakesFourFilesInTheOrderItStates) {
  const TemporaryFolder folder;
  write_brats_subject(folder.path(), "A");
  folder.write("dataset.json", std::string(kMsdHead) + R"("training": [{"subject": "first",
      "image": ["A/A_flair.nii.gz", "A/A_t1.nii.gz", "A/A_t1ce.nii.gz", "A/A_t2.nii.gz"], "label": "A/A_seg.nii.gz"}]})");
  const SubjectSet subjects({.format = "msd", .path = folder.path() / "dataset.json"});
  const Subject subject = subjects.load(0);
  EXPECT_EQ(subject.id, "first");
  for (std::int64_t c = 0; c < 4; ++c)
    EXPECT_EQ(subject.image.channel(c)[0], static_cast<float>(c + 1));
}

TEST(MsdList, MistakesAreNamed) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text) {
    folder.write("dataset.json", text);
    return error_of([&] { SubjectSet x({.format = "msd", .path = folder.path()}); });
  };
  EXPECT_THAT(refused("{\"training\": [DOE"),
              AllOf(HasSubstr("at byte 15"), Not(HasSubstr("DOE"))));
  EXPECT_THAT(refused("[1, 2]"), HasSubstr("not a data list"));
  EXPECT_THAT(refused(R"({"training": []})"), HasSubstr("no subjects found"));
  EXPECT_THAT(refused(R"({"training": [{"label": "a"}]})"),
              HasSubstr("entry 0 of `training` has no image"));
  EXPECT_THAT(refused(R"({"training": [{"image": ["a", "b"]}]})"), HasSubstr("2 entries"));
  EXPECT_THAT(refused(R"({"training": [{"image": "a.nii"}]})"),
              HasSubstr("order of sequences is not stated"));
  EXPECT_THAT(refused(R"({"modality": {"0": "CT"}, "training": [{"image": "a.nii"}]})"),
              HasSubstr("modality"));
  EXPECT_THAT(refused(std::string(kMsdHead) +
                      R"("training": [{"image": "a/p.nii"}, {"image": "b/p.nii"}]})"),
              HasSubstr("two subjects have one name"));
  EXPECT_THAT(refused(std::string(kMsdHead) + R"("training": [{"image": ""}]})"),
              HasSubstr("entry 0 of `training` names no file"));
}

}  // namespace
}  // namespace collegium
