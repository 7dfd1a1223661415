#include "grouppose/data/synthesize.h"

#include <gtest/gtest.h>

#include <string>

#include "base/files.h"
#include "eval/annotations.h"
#include "grouppose/data/coco_dataset.h"

namespace grouppose {
namespace {

SynthesizeOptions SmallOptions(const std::string& folder) {
  SynthesizeOptions options;
  options.train_images = 5;
  options.val_images = 3;
  options.output = base::JoinPath(::testing::TempDir(), folder);
  return options;
}

TEST(Synthesize, WritesWhatCocoDatasetReads) {
  const SynthesizeOptions options = SmallOptions("synthesize");
  ASSERT_TRUE(Synthesize(options).ok());
  for (const auto& [split, seed, count] :
       {std::tuple("train", options.train_seed, 5), std::tuple("val", options.val_seed, 3)}) {
    CocoOptions coco;
    coco.root = options.output;
    coco.split = split;
    const auto dataset = CocoDataset::Open(coco);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    ASSERT_EQ((*dataset)->size(), count);
    for (int64_t i = 0; i < count; ++i) {
      const Sample drawn = DrawSyntheticPeople(options.people, seed, i);
      const auto read = (*dataset)->Get(i);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->image_id, drawn.image_id);
      EXPECT_EQ(read->image.pixels, drawn.image.pixels);
      EXPECT_EQ(read->original_size, drawn.original_size);
      ASSERT_EQ(read->persons.size(), drawn.persons.size());
      for (size_t p = 0; p < drawn.persons.size(); ++p) {
        EXPECT_EQ(read->persons[p].keypoints, drawn.persons[p].keypoints);
        EXPECT_EQ(read->persons[p].area, drawn.persons[p].area);
        EXPECT_EQ(read->persons[p].num_keypoints, drawn.persons[p].num_keypoints);
        for (int k = 0; k < 4; ++k) EXPECT_NEAR(read->persons[p].box[k], drawn.persons[p].box[k], 1e-9);
      }
    }
  }
}

TEST(Synthesize, WritesTheSameBytesAgain) {
  const SynthesizeOptions first = SmallOptions("first"), second = SmallOptions("second");
  ASSERT_TRUE(Synthesize(first).ok());
  ASSERT_TRUE(Synthesize(second).ok());
  for (const char* file : {"annotations/person_keypoints_train2017.json", "annotations/person_keypoints_val2017.json",
                           "images/train2017/000000000005.png", "images/val2017/000000000001.png"}) {
    const auto a = base::ReadFile(base::JoinPath(first.output, file));
    const auto b = base::ReadFile(base::JoinPath(second.output, file));
    ASSERT_TRUE(a.ok() && b.ok()) << file;
    EXPECT_EQ(*a, *b) << file;
  }
}

TEST(Synthesize, OverwritesNoAnnotations) {
  const SynthesizeOptions options = SmallOptions("taken");
  const std::string annotations = base::JoinPath(options.output, "annotations");
  ASSERT_TRUE(base::MakeDirectories(annotations).ok());
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(annotations, "person_keypoints_val2017.json"), "COCO").ok());
  EXPECT_EQ(Synthesize(options).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*base::ReadFile(base::JoinPath(annotations, "person_keypoints_val2017.json")), "COCO");
  EXPECT_FALSE(base::IsDirectory(base::JoinPath(options.output, "images")));
}

TEST(Synthesize, RefusesOneSeedForBothSets) {
  SynthesizeOptions options = SmallOptions("refused");
  options.val_seed = options.train_seed;
  EXPECT_EQ(Synthesize(options).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(base::IsDirectory(options.output));
  options = SmallOptions("refused");
  options.val_images = -1;
  EXPECT_EQ(Synthesize(options).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouppose
