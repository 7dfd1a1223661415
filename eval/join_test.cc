#include "eval/join.h"

#include <utility>

#include "gtest/gtest.h"

namespace eval {
namespace {

Dataset Part(int64_t image_id, const std::vector<int64_t>& annotation_ids) {
  Dataset part;
  part.images.resize(1);
  part.images[0].id = image_id;
  part.images[0].crowd_index = 0.25;
  for (int64_t id : annotation_ids) {
    Annotation annotation;
    annotation.id = id;
    annotation.image_id = image_id;
    annotation.keypoints = {1, 2, 3};
    part.annotations.push_back(annotation);
  }
  part.categories.push_back({1, "person", "person", {"head"}, {}});
  return part;
}

TEST(Join, KeepsOrderAndGivesTakenIdsAnew) {
  const auto joined = Join({Part(7, {1, 2}), Part(3, {2, 5, 1})});
  ASSERT_TRUE(joined.ok()) << joined.status();
  ASSERT_EQ(joined->images.size(), 2);
  EXPECT_EQ(joined->images[0].id, 7);
  EXPECT_EQ(joined->images[1].id, 3);
  EXPECT_EQ(joined->images[1].crowd_index, 0.25);
  std::vector<std::pair<int64_t, int64_t>> ids;
  for (const Annotation& annotation : joined->annotations) ids.emplace_back(annotation.id, annotation.image_id);
  EXPECT_EQ(ids, (std::vector<std::pair<int64_t, int64_t>>{{1, 7}, {2, 7}, {6, 3}, {5, 3}, {7, 3}}));
  EXPECT_EQ(joined->categories.size(), 1);
}

TEST(Join, RefusesWhatDoesNotBelongTogether) {
  EXPECT_EQ(Join({Part(7, {1}), Part(7, {2})}).status().message(),
            "image 7 is there twice; expected parts without a common image");
  Dataset other = Part(8, {3});
  other.categories[0].keypoints = {"nose"};
  EXPECT_EQ(Join({Part(7, {1}), other}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Join({})->images.empty());
}

}  // namespace
}  // namespace eval
