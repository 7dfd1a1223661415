#include "experiments/dataset_description.h"

#include "experiments/experiment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

constexpr char kHand[] = R"(name: "hand"
keypoints { name: "wrist" sigma: 0.1 }
keypoints { name: "left_tip" sigma: 0.05 }
keypoints { name: "right_tip" sigma: 0.05 }
)";

std::string ErrorOf(const std::string& more) {
  return std::string(ParseDatasetDescription(kHand + more, "hand.textproto").status().message());
}

TEST(DatasetDescriptions, TheShortestOne) {
  const auto hand = ParseDatasetDescription(kHand, "hand.textproto");
  ASSERT_TRUE(hand.ok()) << hand.status();
  EXPECT_EQ(hand->keypoints(2).name(), "right_tip");
  EXPECT_EQ(hand->area_rule(), DatasetDescription::ANNOTATED);
  EXPECT_EQ(
      ErrorOf("flip_pairs { left: \"left_tip\" right: \"right_tip\" } skeleton { from: \"wrist\" to: \"left_tip\" }"),
      "");
}

TEST(DatasetDescriptions, ErrorsSayWhereAndWhatWasExpected) {
  EXPECT_EQ(ErrorOf("flip_pairs { left: \"left_tip\" right: \"rigth_tip\" }"),
            "hand.textproto:5:1: flip_pairs[0].right is \"rigth_tip\", expected a name of keypoints; did you mean "
            "right_tip?");
  EXPECT_EQ(ErrorOf("flip_pairs { left: \"left_tip\" right: \"left_tip\" }"),
            "hand.textproto:5:1: flip_pairs[0].right is \"left_tip\", expected another keypoint than left");
  EXPECT_EQ(
      ErrorOf(
          "flip_pairs { left: \"left_tip\" right: \"right_tip\" }\nflip_pairs { left: \"wrist\" right: \"left_tip\" }"),
      "hand.textproto:6:1: flip_pairs[1].right is \"left_tip\", expected a keypoint of none of the pairs before it");
  EXPECT_EQ(ErrorOf("skeleton { from: \"wrist\" }"),
            "hand.textproto:5:1: skeleton[0].to is \"\", expected a name of keypoints");
  EXPECT_EQ(ErrorOf("skeleton { from: \"wrist\" to: \"wrist\" }"),
            "hand.textproto:5:1: skeleton[0].to is \"wrist\", expected another keypoint than from");
  EXPECT_EQ(ErrorOf("keypoints { name: \"wrist\" sigma: 1 }"),
            "hand.textproto:5:1: keypoints[3].name is \"wrist\", expected another name than those of the keypoints "
            "before it");
  EXPECT_EQ(ErrorOf("keypoints { sigma: 1 }"), "hand.textproto:5:1: keypoints[3].name is \"\", expected a name");
  EXPECT_EQ(ErrorOf("keypoints { name: \"a\" }"),
            "hand.textproto:5:1: keypoints[3].sigma is not set, expected a positive number");
  for (const char* sigma : {"0", "-0.5", "inf", "nan"}) {
    EXPECT_EQ(ErrorOf(std::string("keypoints { name: \"a\" sigma: ") + sigma + " }"),
              std::string("hand.textproto:5:1: keypoints[3].sigma is ") + sigma + ", expected a positive number");
  }
  EXPECT_EQ(ErrorOf("crowd_index_borders: [0.2, 0.8]"),
            "hand.textproto:5:1: crowd_index_borders is set, expected summary_rule: BY_CROWD_INDEX with it");
  EXPECT_EQ(ErrorOf("summary_rule: BY_CROWD_INDEX crowd_index_borders: [0.8, 0.2]"),
            "hand.textproto:5:30: crowd_index_borders is [0.8, 0.2], expected the smaller number first");
  EXPECT_EQ(ErrorOf("summary_rule: BY_CROWD_INDEX crowd_index_borders: [0.8]"),
            "hand.textproto:5:30: crowd_index_borders is a list of 1, expected two numbers, such as [0.2, 0.8]");
  EXPECT_EQ(ErrorOf("splits { name: \"train\" images: \"images\" }"),
            "hand.textproto:5:1: splits[0].annotations is \"\", expected a file below --data");
  EXPECT_EQ(ErrorOf("area_rule: BOXES"),
            "hand.textproto:5:12: area_rule: unknown value 'BOXES' (one of ANNOTATED, BOX_FRACTION)");
  EXPECT_EQ(ErrorOf("flip_pair { }"), "hand.textproto:5:1: unknown field 'flip_pair'; did you mean flip_pairs?");
  EXPECT_EQ(ParseDatasetDescription("", "x").status().message(),
            "x: name is \"\", expected what messages call the data set");
  EXPECT_EQ(ParseDatasetDescription("name: \"a\"", "x").status().message(),
            "x: keypoints is empty, expected an entry { name: \"nose\" sigma: 0.026 } for every keypoint");
  EXPECT_EQ(ReadDatasetDescription("/nowhere.textproto").status().code(), absl::StatusCode::kNotFound);
}

TEST(DatasetDescriptions, TheDataHaveTheNameOfTheirDescription) {
  Data data;
  data.set_source(Data::CROWDPOSE);
  EXPECT_EQ(DatasetName(data), "CROWDPOSE");
  data.mutable_dataset()->set_name("hand");
  EXPECT_EQ(DatasetName(data), "hand");
}

}  // namespace
}  // namespace grouppose::experiments
