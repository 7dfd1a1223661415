// Several processes against one: the same digits.
#include "eval/matches.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "eval/evaluator.h"
#include "eval/metrics_format.h"
#include "eval/random_scene.h"

namespace eval {
namespace {

EvaluatorOptions Options() {
  EvaluatorOptions options;
  options.dataset = TwoKeypoints();
  options.dataset.summary_rule = SummaryRule::kByCrowdIndex;
  options.details = true;
  options.ranking = true;
  return options;
}

// Every number, match and similarity.
std::string Everything(const absl::StatusOr<Metrics>& metrics) {
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return metrics.ok() ? FormatMetricsJson(*metrics, true) : "";
}

// What process `rank` of `world` sees: images rank, rank + world, ..., and one image of its neighbour's, as samplers
// repeat images until all processes have as many.
absl::StatusOr<Matches> PartOf(const Scene& scene, int rank, int world, const EvaluatorOptions& options) {
  std::vector<int64_t> image_ids;
  std::vector<Detection> detections;
  const int num_images = static_cast<int>(scene.dataset.images.size());
  for (int i = rank; i < num_images; i += world) image_ids.push_back(scene.dataset.images[i].id);
  if (world > 1) image_ids.push_back(scene.dataset.images[(rank + 1) % num_images].id);
  // the last image first: a process's order of images is its own
  for (auto id = image_ids.rbegin(); id != image_ids.rend(); ++id) {
    for (const Detection& detection : scene.detections) {
      if (detection.image_id == *id) detections.push_back(detection);
    }
  }
  return MatchImages(scene.dataset, detections, options, image_ids);
}

// Detection ids are positions in lists that differ: they are compared by what they stand for, and then left out.
Metrics WithoutDetectionIds(Metrics metrics) {
  for (ImageDetails& details : metrics.per_image) details.detection_ids.clear();
  return metrics;
}

TEST(Matches, SeveralProcessesGiveTheDigitsOfOne) {
  for (const uint64_t seed : {1, 2, 3}) {
    const Scene scene = DrawScene(40, seed);
    const EvaluatorOptions options = Options();
    const auto one = Evaluate(scene.dataset, scene.detections, options);
    ASSERT_TRUE(one.ok()) << one.status();
    for (const int world : {1, 2, 5}) {
      std::vector<Matches> parts;
      for (int rank = 0; rank < world; ++rank) {
        // through bytes, as between processes
        const auto part = PartOf(scene, rank, world, options);
        ASSERT_TRUE(part.ok()) << part.status();
        const auto received = ParseMatches(SerializeMatches(*part));
        ASSERT_TRUE(received.ok()) << received.status();
        EXPECT_EQ(SerializeMatches(*received), SerializeMatches(*part));
        parts.push_back(*received);
      }
      const auto merged = EvaluateMatches(parts, options);
      ASSERT_TRUE(merged.ok()) << merged.status();
      EXPECT_EQ(FormatMetricsJson(WithoutDetectionIds(*merged), true),
                FormatMetricsJson(WithoutDetectionIds(*one), true));
      EXPECT_EQ(merged->num_detections, scene.detections.size());
      for (size_t k = 0; k < one->rankings.size(); ++k) {
        ASSERT_EQ(merged->rankings[k].detections.size(), one->rankings[k].detections.size());
        EXPECT_EQ(merged->rankings[k].num_positives, one->rankings[k].num_positives);
      }
      // whoever is first
      std::reverse(parts.begin(), parts.end());
      const auto reversed = EvaluateMatches(parts, options);
      ASSERT_TRUE(reversed.ok()) << reversed.status();
      EXPECT_EQ(reversed->stats, one->stats);
    }
  }
}

TEST(Matches, AnyNumberOfThreadsGivesTheSameBytes) {
  const Scene scene = DrawScene(300, 4);
  EvaluatorOptions options = Options();
  const std::string one = Everything(Evaluate(scene.dataset, scene.detections, options));
  for (const int threads : {2, 3, 16}) {
    options.threads = threads;
    EXPECT_EQ(Everything(Evaluate(scene.dataset, scene.detections, options)), one) << threads;
  }
}

TEST(Matches, SkippingWhatCannotMatchChangesNothing) {
  // similarities are all computed for details, and else only where they could matter
  for (uint64_t seed = 10; seed < 30; ++seed) {
    Scene scene = DrawScene(60, seed);
    base::RandomStream random("odd coordinates", {seed});
    for (Detection& detection : scene.detections) {
      const double odd[] = {std::numeric_limits<double>::quiet_NaN(), 1e200, -std::numeric_limits<double>::infinity()};
      if (random.NextBelow(12) == 0) detection.keypoints[random.NextBelow(6)] = odd[random.NextBelow(3)];
    }
    for (Annotation& annotation : scene.dataset.annotations) {
      const double odd[] = {0, -5, 1e-300, std::numeric_limits<double>::quiet_NaN()};
      if (random.NextBelow(12) == 0) annotation.area = odd[random.NextBelow(4)];
      if (random.NextBelow(8) == 0) annotation.keypoints[2] = annotation.keypoints[5] = 0;
    }
    EvaluatorOptions options = Options();
    const auto all = Evaluate(scene.dataset, scene.detections, options);
    options.details = false;
    const auto skipping = Evaluate(scene.dataset, scene.detections, options);
    ASSERT_TRUE(all.ok() && skipping.ok());
    EXPECT_EQ(FormatMetricsJson(*all, false), FormatMetricsJson(*skipping, false)) << seed;
  }
}

TEST(Matches, RefusesSharesThatDoNotFit) {
  const Scene scene = DrawScene(4, 1);
  const EvaluatorOptions options = Options();
  EXPECT_EQ(MatchImages(scene.dataset, {}, options, {{100, 7}}).status().message(),
            "image 7 of the share is not among the 4 images of annotations");
  Detection elsewhere;
  elsewhere.image_id = 101;
  elsewhere.keypoints.resize(6);
  EXPECT_EQ(MatchImages(scene.dataset, {elsewhere}, options, {{100}}).status().message(),
            "detections: detections[0]: image 101 is not in the share of 1 images");
}

TEST(MergeMatches, RefusesPartsThatDoNotMakeAWhole) {
  const Scene scene = DrawScene(4, 1);
  const EvaluatorOptions options = Options();
  const Matches first = *MatchImages(scene.dataset, {}, options, {{100, 101}});
  const Matches second = *MatchImages(scene.dataset, {}, options, {{103}});
  EXPECT_EQ(MergeMatches({}).status().message(), "expected at least one part");
  EXPECT_EQ(MergeMatches({first, second}).status().message(), "image 102 was evaluated in none of the 2 parts");
  const Matches other = *MatchImages(DrawScene(5, 1).dataset, {}, options);
  EXPECT_EQ(MergeMatches({first, other}).status().message(), "part 1 of 2 is of another data set than part 0");

  Detection plain, boxed;
  plain.image_id = 100;
  boxed.image_id = 102;
  plain.keypoints = boxed.keypoints = {0, 0, 1, 1, 1, 1};
  boxed.bbox = Box{0, 0, 1, 1};
  const Matches without = *MatchImages(scene.dataset, {plain}, options, {{100, 101}});
  const Matches with = *MatchImages(scene.dataset, {boxed}, options, {{102, 103}});
  EXPECT_EQ(MergeMatches({without, with}).status().message(),
            "the detections of part 1 of 2 start with a 'bbox', those of an earlier part the other way; expected all "
            "alike");
}

TEST(ParseMatches, RefusesOtherBytes) {
  const Scene scene = DrawScene(6, 1);
  const std::string bytes = SerializeMatches(*MatchImages(scene.dataset, scene.detections, Options()));
  ASSERT_TRUE(ParseMatches(bytes).ok());
  for (const std::string& broken : {std::string(), std::string("nonsense"), bytes + "x"}) {
    EXPECT_EQ(ParseMatches(broken).status().code(), absl::StatusCode::kInvalidArgument);
  }
  for (size_t length = 0; length < bytes.size(); length += 13) EXPECT_FALSE(ParseMatches(bytes.substr(0, length)).ok());
  // never more than a refusal
  for (size_t i = 0; i < bytes.size(); i += 3) {
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ 0x80);
    if (const auto parsed = ParseMatches(broken); parsed.ok()) (void)EvaluateMatches({*parsed}, Options());
  }
}

}  // namespace
}  // namespace eval
