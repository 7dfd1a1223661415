#include "tools/dataset_check_command.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

struct Outcome {
  absl::Status status;
  std::string out;
};

Outcome Check(std::vector<std::string> arguments) {
  arguments.push_back("--quiet");
  ::testing::internal::CaptureStdout();
  const absl::Status status = RunDatasetCheck(arguments);
  return {status, ::testing::internal::GetCapturedStdout()};
}

// A person of K keypoints in an image each.
eval::Dataset People(int num_keypoints, int64_t first_id) {
  eval::Dataset dataset;
  for (int64_t id = first_id; id < first_id + 2; ++id) {
    dataset.images.push_back({id, 8, 8, absl::StrCat(id, ".png")});
    eval::Annotation person;
    person.id = person.image_id = id;
    person.bbox = {0, 0, 8, 8};
    person.area = 30;
    person.num_keypoints = num_keypoints;
    for (int k = 0; k < num_keypoints; ++k) person.keypoints.insert(person.keypoints.end(), {2, 3, 2});
    dataset.annotations.push_back(person);
  }
  return dataset;
}

class DatasetCheckCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  // Annotations and photos of a split.
  void Write(const std::string& annotations, const std::string& images, const eval::Dataset& dataset) const {
    const std::string path = base::JoinPath(root_, annotations), folder = base::JoinPath(root_, images);
    ASSERT_TRUE(base::MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(base::MakeDirectories(folder).ok());
    ASSERT_TRUE(eval::WriteDataset(path, dataset).ok());
    for (const eval::Image& image : dataset.images) {
      std::vector<uint8_t> pixels(8 * 8 * 3, static_cast<uint8_t>(image.id));
      ASSERT_TRUE(WritePng(base::JoinPath(folder, image.file_name), Image{8, 8, pixels}).ok());
    }
  }
  std::string root_;
};

TEST_F(DatasetCheckCommand, KnowsCocosLayout) {
  for (const eval::DatasetSplit& split : eval::Coco().splits) {
    Write(split.annotations, split.images, People(17, split.name == "train" ? 1 : 11));
  }
  const Outcome good = Check({"--data=" + root_});
  EXPECT_EQ(good.status, absl::OkStatus());
  EXPECT_TRUE(absl::StartsWith(good.out, root_ + ": coco, 17 keypoints\n")) << good.out;

  std::remove(base::JoinPath(root_, "images/val2017/12.png").c_str());
  const Outcome broken = Check({"--data=" + root_});
  EXPECT_EQ(base::ExitCodeOf(broken.status), base::kFailed) << broken.status;
  EXPECT_TRUE(absl::StrContains(broken.out, "images/val2017/12.png")) << broken.out;
  EXPECT_EQ(Check({"--data=" + root_, "--split=train"}).status, absl::OkStatus());
  EXPECT_EQ(Check({"--data=" + root_, "--images=none"}).status, absl::OkStatus());
  EXPECT_EQ(base::ExitCodeOf(Check({"--data=" + root_, "--images=exist"}).status), base::kFailed);
}

TEST_F(DatasetCheckCommand, KnowsCrowdPosesLayoutBeforeItIsJoined) {
  eval::Dataset people = People(14, 1);
  for (eval::Image& image : people.images) image.crowd_index = 0.1;
  Write("json/crowdpose_train.json", "images", people);
  const Outcome outcome = Check({"--data=" + root_});
  EXPECT_EQ(base::ExitCodeOf(outcome.status), base::kFailed) << outcome.status;
  EXPECT_TRUE(absl::StrContains(outcome.out, "`grouppose dataset concat` joins")) << outcome.out;
}

TEST_F(DatasetCheckCommand, TakesADescription) {
  Write("mine/train.json", "photos", People(1, 1));
  const std::string description = base::JoinPath(root_, "one.textproto");
  ASSERT_TRUE(base::WriteFileAtomically(description, R"(name: "one" keypoints { name: "middle" sigma: 0.1 }
splits { name: "train" annotations: "mine/train.json" images: "photos" })")
                  .ok());
  const Outcome outcome = Check({"--data=" + root_, "--dataset=" + description});
  EXPECT_EQ(outcome.status, absl::OkStatus());
  EXPECT_TRUE(absl::StrContains(outcome.out, ": one, 1 keypoints\n")) << outcome.out;
}

TEST_F(DatasetCheckCommand, WhatCannotBeLookedAtIsRefused) {
  EXPECT_EQ(Check({"--data=/nowhere"}).status.message(), "/nowhere: there is no such folder");
  ASSERT_TRUE(base::MakeDirectories(root_).ok());
  const absl::Status nothing = Check({"--data=" + root_}).status;
  EXPECT_EQ(base::ExitCodeOf(nothing), base::kUsage);
  EXPECT_TRUE(absl::StrContains(nothing.message(), "expected annotations/person_keypoints_train2017.json")) << nothing;
  EXPECT_EQ(Check({"--data=" + root_, "--images=decoed"}).status.message(),
            "--images: expected decode, exist or none, found 'decoed'; did you mean decode?");
  EXPECT_EQ(base::ExitCodeOf(Check({"--data=" + root_, "--dataset=coco", "--split=test"}).status), base::kUsage);
}

}  // namespace
}  // namespace grouppose
