#include "eval/resampled_ap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"

namespace eval {
namespace {

// Persons with two keypoints, two categories, crowds, people without keypoints, images without anybody, detections near
// and far, and scores of which many are equal, within an image and across.
struct Scene {
  Dataset dataset;
  std::vector<Detection> detections;
};

KeypointDataset TwoKeypoints() {
  KeypointDataset description;
  description.name = "two";
  description.names = {"left", "right"};
  description.sigmas = {0.1, 0.05};
  return description;
}

Scene DrawScene(int num_images, uint64_t seed) {
  Scene scene;
  scene.dataset.categories = {{1, "person"}, {7, "statue"}};
  base::RandomStream random("scene", {seed});
  for (int image = 0; image < num_images; ++image) {
    scene.dataset.images.push_back({100 + image});
    const uint64_t persons = random.NextBelow(4);
    for (uint64_t person = 0; person < persons; ++person) {
      Annotation annotation;
      annotation.id = static_cast<int64_t>(scene.dataset.annotations.size()) + 1;
      annotation.image_id = 100 + image;
      annotation.category_id = random.NextBelow(4) == 0 ? 7 : 1;
      annotation.area = 3000;
      annotation.iscrowd = random.NextBelow(12) == 0;
      const double x = random.NextUniform(0, 200), y = random.NextUniform(0, 200);
      annotation.bbox = {x, y, 60, 80};
      annotation.num_keypoints = random.NextBelow(10) == 0 ? 0 : 2;
      annotation.keypoints = {x + 10, y + 10, 2, x + 50, y + 50, 1};
      scene.dataset.annotations.push_back(annotation);
      const uint64_t detections = random.NextBelow(4);
      for (uint64_t i = 0; i < detections; ++i) {
        Detection detection;
        detection.image_id = annotation.image_id;
        detection.category_id = annotation.category_id;
        detection.score = 0.125 * static_cast<double>(random.NextBelow(8));
        const double error = random.NextUniform(0, 12);
        detection.keypoints = {x + 10 + error, y + 10, 1, x + 50, y + 50 - error, 1};
        scene.detections.push_back(detection);
      }
    }
  }
  return scene;
}

EvaluatorOptions OptionsWithRanking() {
  EvaluatorOptions options;
  options.dataset = TwoKeypoints();
  options.ranking = true;
  return options;
}

Metrics MustEvaluate(const Scene& scene) {
  const auto metrics = Evaluate(scene.dataset, scene.detections, OptionsWithRanking());
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return *metrics;
}

// The same scene with image i standing there counts[i] times, the copies next to each other.
Scene Repeated(const Scene& scene, const std::vector<int>& counts) {
  Scene repeated;
  repeated.dataset.categories = scene.dataset.categories;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t from = scene.dataset.images[i].id;
    for (int copy = 0; copy < counts[i]; ++copy) {
      const int64_t to = from * 1000 + copy;
      repeated.dataset.images.push_back({to});
      for (Annotation annotation : scene.dataset.annotations) {
        if (annotation.image_id != from) continue;
        annotation.image_id = to;
        annotation.id = static_cast<int64_t>(repeated.dataset.annotations.size()) + 1;
        repeated.dataset.annotations.push_back(annotation);
      }
      for (Detection detection : scene.detections) {
        if (detection.image_id != from) continue;
        detection.image_id = to;
        repeated.detections.push_back(detection);
      }
    }
  }
  return repeated;
}

TEST(ResampledAp, WithCountsOfOneIsTheEvaluators) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Metrics metrics = MustEvaluate(DrawScene(30, seed));
    const ResampledAp ap(metrics);
    ASSERT_EQ(ap.num_images(), 30);
    EXPECT_EQ(ap(std::vector<int>(30, 1)), metrics.Stat("AP")) << "scene " << seed;
    EXPECT_GT(metrics.Stat("AP"), 0.1);
    EXPECT_LT(metrics.Stat("AP"), 0.9);
  }
}

TEST(ResampledAp, EqualsTheEvaluatorOnRepeatedImages) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = DrawScene(25, seed);
    const ResampledAp ap(MustEvaluate(scene));
    std::vector<int> counts(25);
    base::RandomStream random("counts", {seed});
    for (int i = 0; i < 25; ++i) ++counts[random.NextBelow(25)];
    EXPECT_EQ(ap(counts), MustEvaluate(Repeated(scene, counts)).Stat("AP")) << "scene " << seed;
  }
}

TEST(ResampledAp, OfEqualScoresInOneImage) {
  // one score for everything: the copies of an image follow each other whole
  Scene scene = DrawScene(12, 3);
  for (Detection& detection : scene.detections) detection.score = 0.5;
  const std::vector<int> counts = {2, 0, 3, 1, 1, 0, 4, 1, 0, 0, 2, 5};
  EXPECT_EQ(ResampledAp(MustEvaluate(scene))(counts), MustEvaluate(Repeated(scene, counts)).Stat("AP"));
  for (Detection& detection : scene.detections) detection.score = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ResampledAp(MustEvaluate(scene))(counts), MustEvaluate(Repeated(scene, counts)).Stat("AP"));
}

TEST(ResampledAp, WithoutAPersonIsMinusOne) {
  const Scene scene = DrawScene(10, 1);
  EXPECT_EQ(ResampledAp(MustEvaluate(scene))(std::vector<int>(10, 0)), -1);
}

TEST(ResampledAp, WithoutADetectionIsZero) {
  Scene scene = DrawScene(10, 1);
  scene.detections.clear();
  EXPECT_EQ(ResampledAp(MustEvaluate(scene))(std::vector<int>(10, 1)), 0);
}

TEST(ResampledAp, RefusesWhatDoesNotBelongTogether) {
  const ResampledAp ap(MustEvaluate(DrawScene(10, 1)));
  EXPECT_THROW(ap(std::vector<int>(9, 1)), base::CheckError);
  EXPECT_THROW(ResampledAp{*Evaluate(DrawScene(3, 1).dataset, {}, {TwoKeypoints()})}, base::CheckError);
}

}  // namespace
}  // namespace eval
