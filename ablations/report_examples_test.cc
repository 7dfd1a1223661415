#include "ablations/report_examples.h"

#include <gtest/gtest.h>

#include "ablations/report_fixture.h"

namespace grouppose {
namespace {

class ExamplesTest : public ReportFixture {
 protected:
  // Two persons in image 1, far from each other, and one in image 2.
  static eval::Dataset TwoInOneImage() {
    eval::Dataset people = People(3);
    people.annotations[1].image_id = 1;
    for (size_t k = 0; k < people.annotations[1].keypoints.size(); k += 3) people.annotations[1].keypoints[k] += 200;
    people.annotations[1].bbox[0] += 200;
    people.images.erase(people.images.begin() + 1);
    return people;
  }
  // The pose of annotation `person`, moved to the right.
  static eval::Detection Pose(const eval::Dataset& people, int person, double error, double score) {
    eval::Detection detection;
    detection.image_id = people.annotations[person].image_id;
    detection.score = score;
    detection.keypoints = people.annotations[person].keypoints;
    for (size_t k = 0; k < detection.keypoints.size(); k += 3) detection.keypoints[k] += error;
    return detection;
  }
  void AddCellWith(const std::string& variant, int64_t seed, const eval::Dataset& people,
                   const std::vector<eval::Detection>& detections) {
    AddCell(variant, seed, 0.4);
    ASSERT_TRUE(eval::WriteDetections(CellFolder(variant, seed) + "/results.json", detections).ok());
    ASSERT_TRUE(eval::WriteDataset(CellFolder(variant, seed) + "/ground_truth.json", people).ok());
  }
  Examples MustChoose() {
    const Study study = MustRead("two");
    auto examples = ChooseExamples(study, "");
    EXPECT_TRUE(examples.ok()) << examples.status();
    return *std::move(examples);
  }
};

TEST_F(ExamplesTest, ShowTheBestPosesAsManyAsPersonsEachWithItsMatch) {
  const eval::Dataset people = TwoInOneImage();
  // the second person is found best, something far from both comes next, the first person's pose is not among two
  AddCellWith("two", 0, people,
              {Pose(people, 0, 0, 0.1), Pose(people, 2, 1, 0.6), Pose(people, 0, 90, 0.5), Pose(people, 1, 0.5, 0.9)});
  const Examples examples = MustChoose();
  ASSERT_EQ(examples.images.size(), 2u);
  ASSERT_EQ(examples.images[0].columns.size(), 2u) << "ground truth and the variant";
  const ExampleColumn &truth = examples.images[0].columns[0], &two = examples.images[0].columns[1];
  ASSERT_EQ(truth.poses.size(), 2u);
  EXPECT_EQ(truth.caption, "2 persons");
  EXPECT_EQ(two.caption, "1 of 2 found, seed 0");
  ASSERT_EQ(two.poses.size(), 2u);
  EXPECT_EQ(two.poses[0].person, 1);
  EXPECT_EQ(two.poses[0].keypoints[0], people.annotations[1].keypoints[0] + 0.5);
  EXPECT_EQ(two.poses[1].person, -1);
  EXPECT_EQ(two.poses[1].keypoints[0], people.annotations[0].keypoints[0] + 90);
  EXPECT_EQ(examples.images[1].columns[1].poses[0].person, 0);
}

// What is drawn are the keypoints and limbs of the experiment's description.
TEST_F(ExamplesTest, DrawTheKeypointsOfTheDescription) {
  eval::Dataset people = People(1);
  people.annotations[0].keypoints.resize(15);
  people.annotations[0].num_keypoints = 5;
  AddCell("five", 0, 0.4, [](CellFiles* files) {
    auto* dataset = files->experiment.mutable_data()->mutable_dataset();
    files->experiment.mutable_data()->set_source(experiments::Data::COCO);
    dataset->set_name("five");
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      auto* keypoint = dataset->add_keypoints();
      keypoint->set_name(name);
      keypoint->set_sigma(0.1);
    }
    for (const char* name : {"b", "c", "d"}) {
      auto* limb = dataset->add_skeleton();
      limb->set_from("a");
      limb->set_to(name);
    }
  });
  ASSERT_TRUE(eval::WriteDetections(CellFolder("five", 0) + "/results.json", {Pose(people, 0, 1, 0.9)}).ok());
  ASSERT_TRUE(eval::WriteDataset(CellFolder("five", 0) + "/ground_truth.json", people).ok());
  const auto examples = ChooseExamples(MustRead("five"), "");
  ASSERT_TRUE(examples.ok()) << examples.status();
  ASSERT_EQ(examples->images.size(), 1u);
  ASSERT_EQ(examples->images[0].columns.size(), 2u);
  EXPECT_EQ(examples->images[0].columns[1].caption, "1 of 1 found, seed 0");
  std::string text;
  base::HtmlWriter html(&text);
  WriteExamples(*examples, &html);
  const auto count = [&text](const std::string& part) {
    int found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  // in the annotated pose and in the found one
  EXPECT_EQ(count("h0"), 2 * 5) << "a point for every keypoint";
  EXPECT_EQ(count("L"), 2 * 2 * 3) << "a line for every limb, with its casing";
}

TEST_F(ExamplesTest, AreOfTheLowestSeedThatAllVariantsHave) {
  const eval::Dataset people = TwoInOneImage();
  for (const int64_t seed : {0, 1, 2}) AddCellWith("two", seed, people, {});
  for (const int64_t seed : {2, 1}) AddCellWith("one", seed, people, {});
  Examples examples = MustChoose();
  ASSERT_EQ(examples.images[0].columns.size(), 3u);
  EXPECT_EQ(examples.images[0].columns[1].caption, "0 of 2 found, seed 1");
  EXPECT_EQ(examples.images[0].columns[2].caption, "0 of 2 found, seed 1");
  // without one in common, each variant's lowest
  AddCellWith("other", 5, people, {});
  examples = MustChoose();
  ASSERT_EQ(examples.images[0].columns.size(), 4u);
  EXPECT_EQ(examples.images[0].columns[1].caption, "0 of 2 found, seed 0");
  EXPECT_EQ(examples.images[0].columns[3].caption, "0 of 2 found, seed 5");
}

TEST_F(ExamplesTest, OfOtherImagesAreNotShownBesideTheBaselines) {
  AddCellWith("two", 0, TwoInOneImage(), {});
  AddCellWith("one", 0, People(2), {});
  const Examples examples = MustChoose();
  ASSERT_EQ(examples.images[0].columns.size(), 2u);
  EXPECT_EQ(examples.images[0].columns[1].title, "two");
}

}  // namespace
}  // namespace grouppose
