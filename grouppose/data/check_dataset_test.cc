#include "grouppose/data/check_dataset.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

constexpr int64_t kHeight = 20, kWidth = 30;

Image Photo(int64_t colour, int64_t width = kWidth) {
  return {kHeight, width, std::vector<uint8_t>(kHeight * width * 3, static_cast<uint8_t>(colour))};
}

// Two keypoints, at (3, 4) and (8, 9) of every person.
eval::KeypointDataset Two() {
  eval::KeypointDataset two;
  two.name = "two";
  two.names = {"a", "b"};
  two.sigmas = {0.1, 0.1};
  two.splits = {{"train", "train.json", "photos"}, {"val", "val.json", "photos"}};
  return two;
}

eval::Annotation Person(int64_t id, int64_t image_id) {
  eval::Annotation person;
  person.id = id;
  person.image_id = image_id;
  person.bbox = {2, 3, 10, 12};
  person.area = 60;
  person.num_keypoints = 2;
  person.keypoints = {3, 4, 2, 8, 9, 1};
  return person;
}

// Images 1 to 3 to train on and 4 to 6 to evaluate on, a person each; a test plants its faults in them.
class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.root =
        base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
    options_.description = Two();
    for (int64_t id = 1; id <= 6; ++id) {
      eval::Dataset& dataset = id <= 3 ? train_ : val_;
      dataset.images.push_back({id, kWidth, kHeight, absl::StrCat(id, ".png")});
      dataset.annotations.push_back(Person(10 + id, id));
    }
    train_.categories = val_.categories = {{1, "person", "person", {"a", "b"}, {}}};
    ASSERT_TRUE(base::MakeDirectories(options_.root + "/photos").ok());
    for (int64_t id = 1; id <= 6; ++id) WritePhoto(id, Photo(id));
  }

  std::string PhotoPath(int64_t id) const { return absl::StrCat(options_.root, "/photos/", id, ".png"); }
  void WritePhoto(int64_t id, const Image& image) const { ASSERT_TRUE(WritePng(PhotoPath(id), image).ok()); }

  // The report of the folder as it is now; annotation files that a test wrote itself stay.
  CheckReport Check() {
    for (const auto& [name, dataset] : {std::pair("/train.json", &train_), std::pair("/val.json", &val_)}) {
      const std::string path = options_.root + name;
      if (base::FileExists(path)) continue;
      EXPECT_TRUE(eval::WriteDataset(path, *dataset).ok());
    }
    const auto report = CheckDataset(options_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : CheckReport();
  }

  // The only finding.
  void ExpectOne(Severity severity, const std::string& split, const std::string& what, int64_t count,
                 const std::string& example) {
    const CheckReport report = Check();
    ASSERT_EQ(report.findings.size(), 1u) << FormatReport(report);
    const Finding& finding = report.findings[0];
    EXPECT_EQ(finding.severity, severity);
    EXPECT_EQ(finding.split, split);
    EXPECT_EQ(finding.what, what);
    EXPECT_EQ(finding.count, count);
    EXPECT_EQ(finding.examples[0], example);
    EXPECT_EQ(report.usable(), severity != Severity::kBroken);
  }
  void ExpectBroken(const std::string& what, const std::string& example) {
    ExpectOne(Severity::kBroken, "train", what, 1, example);
  }
  void ExpectWarning(const std::string& what, const std::string& example) {
    ExpectOne(Severity::kWarning, "train", what, 1, example);
  }

  CheckOptions options_;
  eval::Dataset train_, val_;
};

TEST_F(CheckTest, AGoodDataSet) {
  int64_t last = 0, total = 0;
  options_.on_progress = [&](int64_t done, int64_t all) {
    EXPECT_EQ(done, last + 1);
    last = done;
    total = all;
  };
  const CheckReport report = Check();
  EXPECT_TRUE(report.usable());
  EXPECT_EQ(last, 6);
  EXPECT_EQ(total, 6);
  options_.on_progress = nullptr;
  EXPECT_EQ(FormatReport(report), options_.root + R"(: two, 2 keypoints

split  images  annotations  persons  crowds  keypoints
train       3            3        3       0          6
val         3            3        3       0          6

usable, 0 warnings
)");
  // one split alone
  options_.split = "val";
  ASSERT_EQ(Check().splits.size(), 1u);
  options_.split = "test";
  EXPECT_EQ(CheckDataset(options_).status().message(), "split is \"test\", expected train or val of two");
  options_.root = "/nowhere";
  EXPECT_EQ(CheckDataset(options_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CheckTest, APhotoIsMissing) {
  std::remove(PhotoPath(2).c_str());
  ExpectBroken("photos are missing", PhotoPath(2));
  options_.photos = PhotoCheck::kExist;
  ExpectBroken("photos are missing", PhotoPath(2));
  options_.photos = PhotoCheck::kNone;
  EXPECT_TRUE(Check().findings.empty());
}

TEST_F(CheckTest, APhotoDoesNotDecode) {
  ASSERT_TRUE(base::WriteFileAtomically(PhotoPath(2), "no picture").ok());
  ExpectBroken("photos do not decode",
               PhotoPath(2) + ": found 10 bytes that do not decode, expected a JPEG or PNG picture");
  options_.photos = PhotoCheck::kExist;
  EXPECT_TRUE(Check().findings.empty());
}

TEST_F(CheckTest, APhotoHasAnotherSize) {
  WritePhoto(3, Photo(3, kWidth + 1));
  ExpectBroken("photos have another size than is annotated", PhotoPath(3) + " is 31 x 20, annotated 30 x 20");
}

TEST_F(CheckTest, AnAnnotationFileIsMissing) {
  options_.description.splits.push_back({"test", "json/crowdpose_trainval.json", "photos"});
  ExpectOne(Severity::kBroken, "test", "annotation file is missing", 1,
            options_.root +
                "/json/crowdpose_trainval.json (`grouppose dataset concat` joins crowdpose_train.json and "
                "crowdpose_val.json into it)");
}

TEST_F(CheckTest, AnAnnotationFileIsNoJson) {
  ASSERT_TRUE(base::WriteFileAtomically(options_.root + "/train.json", "{\"images\": [").ok());
  const CheckReport report = Check();
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].what, "annotation file cannot be read");
  EXPECT_TRUE(absl::StrContains(report.findings[0].examples[0], options_.root + "/train.json"));
  EXPECT_EQ(report.splits.size(), 1u) << "the other one is looked at";
}

TEST_F(CheckTest, KIsWrong) {
  for (eval::Annotation& annotation : train_.annotations) annotation.keypoints.resize(3);
  ExpectOne(Severity::kBroken, "train", "annotations have another number of keypoints than 2", 3,
            "annotation 11 of image 1 has 1");
}

TEST_F(CheckTest, AnAnnotationRepeatsAnId) {
  train_.annotations[1].id = 11;
  ExpectBroken("annotations repeat an id", "annotation 11");
}

TEST_F(CheckTest, AnImageRepeatsAnId) {
  train_.images.push_back({1, kWidth, kHeight, "7.png"});
  WritePhoto(7, Photo(7));
  ExpectBroken("images repeat an id", "image 1");
}

TEST_F(CheckTest, AnImageIsNotListed) {
  train_.annotations.push_back(Person(99, 98));
  ExpectBroken("annotations are of an image that is not listed", "annotation 99 of image 98");
}

TEST_F(CheckTest, AnImageHasNoName) {
  train_.images[2].file_name = "";
  ExpectBroken("images have no file_name", "image 3");
}

TEST_F(CheckTest, AnImageHasNoSize) {
  train_.images[2].width = 0;
  options_.photos = PhotoCheck::kExist;
  ExpectBroken("images have no size", "image 3");
}

TEST_F(CheckTest, ANumberIsNotFinite) {
  train_.annotations[0].keypoints[1] = std::numeric_limits<double>::quiet_NaN();
  ExpectBroken("annotations have a number that is not finite", "annotation 11 of image 1");
}

TEST_F(CheckTest, AnAreaIsMissing) {
  train_.annotations[0].area.reset();
  ExpectBroken("annotations have no area", "annotation 11 of image 1");
  options_.description.area_rule = eval::AreaRule::kBoxFraction;
  EXPECT_TRUE(Check().findings.empty()) << "it is not asked for";
}

TEST_F(CheckTest, ACrowdIndexIsMissing) {
  options_.description.summary_rule = eval::SummaryRule::kByCrowdIndex;
  for (size_t i = 1; i < 3; ++i) train_.images[i].crowd_index = 0.5;
  for (eval::Image& image : val_.images) image.crowd_index = 0.5;
  ExpectBroken("images have no crowdIndex", "image 1");
}

TEST_F(CheckTest, NobodyIsAPerson) {
  for (eval::Annotation& annotation : train_.annotations) {
    annotation.num_keypoints = 0;
    annotation.keypoints.assign(6, 0);
  }
  ExpectBroken("person is missing", "no annotation has num_keypoints above 0");
}

TEST_F(CheckTest, AKeypointLiesOutside) {
  train_.annotations[0].keypoints[0] = kWidth + 0.5;
  ExpectWarning("annotations have labelled keypoints outside their image", "annotation 11 of image 1");
}

TEST_F(CheckTest, AKeypointThatIsNotLabelledMayLieAnywhere) {
  train_.annotations[0].keypoints = {-50, -50, 0, 8, 9, 1};
  train_.annotations[0].num_keypoints = 1;
  EXPECT_TRUE(Check().findings.empty());
}

TEST_F(CheckTest, AVisibilityIsOdd) {
  train_.annotations[0].keypoints[2] = 3;
  ExpectWarning("annotations have a visibility other than 0, 1 and 2", "annotation 11 of image 1");
}

TEST_F(CheckTest, ABoxIsEmpty) {
  train_.annotations[0].bbox[2] = 0;
  ExpectWarning("boxes are empty: the person is not trained on", "annotation 11 of image 1");
}

TEST_F(CheckTest, ABoxLiesOutside) {
  train_.annotations[0].bbox[0] = kWidth;
  ExpectWarning("boxes lie outside their image: the person is not trained on", "annotation 11 of image 1");
}

TEST_F(CheckTest, ABoxReachesOut) {
  train_.annotations[0].bbox = {-0.5, 0, kWidth + 1, kHeight};
  EXPECT_TRUE(Check().findings.empty()) << "rounding";
  std::remove((options_.root + "/train.json").c_str());
  train_.annotations[0].bbox[2] = kWidth + 2;
  ExpectWarning("boxes reach out of their image by more than a pixel", "annotation 11 of image 1");
}

TEST_F(CheckTest, NumKeypointsDisagreesWithTheKeypoints) {
  train_.annotations[0].num_keypoints = 0;
  ExpectWarning("annotations have num_keypoints 0 and labelled keypoints: no person", "annotation 11 of image 1");
  std::remove((options_.root + "/train.json").c_str());
  train_.annotations[0].num_keypoints = 1;
  ExpectOne(Severity::kNote, "train", "annotations have a num_keypoints that is not the number of labelled keypoints",
            1, "annotation 11 of image 1: 1, labelled 2");
  std::remove((options_.root + "/train.json").c_str());
  train_.annotations[0].keypoints.assign(6, 0);
  ExpectWarning("annotations have a num_keypoints above 0 and no labelled keypoint", "annotation 11 of image 1");
}

TEST_F(CheckTest, APersonIsOfAnotherCategory) {
  train_.annotations[2].category_id = 5;
  ExpectWarning("annotations are of another category than 1, which is what models find",
                "annotation 13 of image 3 is of 5");
}

TEST_F(CheckTest, TheNamesAreInAnotherOrder) {
  train_.categories[0].keypoints = {"b", "a"};
  ExpectWarning("category has other names of keypoints than the description, or another order of them",
                "category 1 'person'");
}

TEST_F(CheckTest, ImagesWithoutAnnotationsAreNoted) {
  val_.annotations.erase(val_.annotations.begin());
  ExpectOne(Severity::kNote, "val", "images have no annotation", 1, "image 4");
}

TEST_F(CheckTest, SplitsShareAPhoto) {
  val_.images[0].file_name = "2.png";
  ExpectOne(Severity::kWarning, "", "photos of train are also in val", 1, PhotoPath(2));
  // the same bytes under another name are found where photos are decoded
  std::remove((options_.root + "/val.json").c_str());
  val_.images[0].file_name = "4.png";
  WritePhoto(4, Photo(2));
  ExpectOne(Severity::kWarning, "", "photos of train are also in val", 1,
            absl::StrCat(PhotoPath(2), " = ", PhotoPath(4)));
  options_.photos = PhotoCheck::kExist;
  EXPECT_TRUE(Check().findings.empty());
}

// What is found does not depend on how many look for it, and only the first examples are shown.
TEST_F(CheckTest, TheReportIsTheSameForAnyNumberOfThreads) {
  for (int64_t id = 1; id <= 5; ++id) std::remove(PhotoPath(id).c_str());
  train_.annotations[1].keypoints[0] = -3;
  const std::string report = FormatReport(Check());
  EXPECT_EQ(report.substr(report.find("\nbroken")),
            absl::StrCat(R"(
broken
  train  3  photos are missing: )",
                         PhotoPath(1), "; ", PhotoPath(2), "; ", PhotoPath(3), R"(
  val    2  photos are missing: )",
                         PhotoPath(4), "; ", PhotoPath(5), R"(

warnings
  train  1  annotations have labelled keypoints outside their image: annotation 12 of image 2

broken: 2 kinds of faults, 1 warning
)"));
  for (const int threads : {2, 7}) {
    options_.threads = threads;
    EXPECT_EQ(FormatReport(Check()), report);
  }
}

TEST_F(CheckTest, FarMoreThanAFewAreCounted) {
  for (int64_t id = 100; id < 110; ++id) {
    train_.images.push_back({id, kWidth, kHeight, absl::StrCat(id, ".png")});
    train_.annotations.push_back(Person(id, id));
  }
  const std::string report = FormatReport(Check());
  EXPECT_TRUE(absl::StrContains(report, "10  photos are missing: ")) << report;
  EXPECT_TRUE(absl::StrContains(report, "102.png; and 7 more\n")) << report;
}

// ---- real photos ----

class RealData : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("GROUPPOSE_TEST_DATA");
    if (data == nullptr || *data == '\0') GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set";
    data_ = data;
  }
  CheckReport Check(const std::string& folder, const eval::KeypointDataset& description,
                    PhotoCheck photos = PhotoCheck::kDecode) const {
    CheckOptions options;
    options.photos = photos;
    options.root = base::JoinPath(data_, folder);
    options.description = description;
    const auto report = CheckDataset(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : CheckReport();
  }
  std::string data_;
};

TEST_F(RealData, CocoIsUsable) {
  const CheckReport report = Check("data/coco_mini", eval::Coco());
  const std::string text = FormatReport(report);
  EXPECT_TRUE(report.usable()) << text;
  EXPECT_TRUE(absl::StrContains(text, "train     107          482      273      16       2825\n")) << text;
  EXPECT_TRUE(absl::StrContains(text, "val       168          915      507      37       5363\n")) << text;
  EXPECT_TRUE(absl::StrContains(text,
                                "  train  5  images have no annotation: image 458756; image 84284; image 208; and "
                                "2 more\n"))
      << text;
  EXPECT_TRUE(absl::StrContains(text, "\nusable, 0 warnings\n")) << text;
}

TEST_F(RealData, CrowdPoseIsUsable) {
  const CheckReport report = Check("data/crowdpose_mini", eval::CrowdPose());
  const std::string text = FormatReport(report);
  EXPECT_TRUE(report.usable()) << text;
  EXPECT_TRUE(absl::StrContains(text, "train      16           99       64       2        659\n")) << text;
  EXPECT_TRUE(absl::StrContains(text, "test       12           78       52       1        534\n")) << text;
}

TEST_F(RealData, CocoIsNoCrowdPose) {
  eval::KeypointDataset mixed = eval::CrowdPose();
  mixed.splits = eval::Coco().splits;
  const CheckReport report = Check("data/coco_mini", mixed, PhotoCheck::kNone);
  EXPECT_FALSE(report.usable());
  EXPECT_EQ(report.findings[0].what, "images have no crowdIndex");
  EXPECT_EQ(report.findings[1].what, "annotations have another number of keypoints than 14");
  EXPECT_EQ(report.findings[1].count, 482);
}

}  // namespace
}  // namespace grouppose
