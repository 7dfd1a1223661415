#include "grouppose/loss/matcher.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "grouppose/loss/assignment.h"

namespace grouppose::loss {
namespace {

// Keeps the logarithms of the focal cost finite; part of the published cost.
constexpr double kLogEps = 1e-8;

template <typename Scalar>
Scalar FocalCost(Scalar logit, Scalar alpha) {
  const Scalar eps = static_cast<Scalar>(kLogEps);
  const Scalar p = 1 / (1 + std::exp(-logit)), not_p = 1 - p;
  return alpha * not_p * not_p * -std::log(p + eps) - (1 - alpha) * p * p * -std::log(not_p + eps);
}

// [images, queries, classes]
template <typename Scalar>
std::vector<Scalar> FocalCosts(const PoseView<Scalar>& poses, double alpha) {
  std::vector<Scalar> costs(poses.images() * poses.queries() * poses.classes());
  if (costs.empty()) return costs;
  const Scalar* logits = poses.Logits(0, 0);
  for (size_t i = 0; i < costs.size(); ++i) costs[i] = FocalCost(logits[i], static_cast<Scalar>(alpha));
  return costs;
}

// Mean over all queries and persons of the cost of the person's class.
template <typename Scalar>
double MeanClassCost(const std::vector<Scalar>& focal_costs, const Persons<Scalar>& persons, int64_t classes) {
  std::vector<double> sum_of_class(classes, 0);
  for (size_t i = 0; i < focal_costs.size(); ++i) sum_of_class[i % classes] += focal_costs[i];
  double sum = 0;
  for (int64_t label : persons.labels) sum += sum_of_class[label];
  return sum / (static_cast<double>(focal_costs.size() / classes) * persons.count());
}

template <typename Scalar>
double MeanKeypointsCost(const PoseView<Scalar>& poses, const Persons<Scalar>& persons) {
  double sum = 0;
  for (int64_t image = 0; image < poses.images(); ++image) {
    for (int64_t query = 0; query < poses.queries(); ++query) {
      const Scalar* predicted = poses.Keypoints(image, query);
      for (int64_t person = 0; person < persons.count(); ++person) sum += VisibleL1(predicted, persons, person);
    }
  }
  return sum / (static_cast<double>(poses.images() * poses.queries()) * persons.count());
}

template <typename Scalar>
absl::StatusOr<ImageMatching> MatchImage(const MatcherOptions& options, const PoseView<Scalar>& poses,
                                         const Persons<Scalar>& persons, const std::vector<Scalar>& focal_costs,
                                         const std::vector<Scalar>& doubled_variances, int64_t image) {
  const int64_t first = persons.first[image], count = persons.first[image + 1] - first, queries = poses.queries();
  const Scalar class_weight = static_cast<Scalar>(options.class_cost);
  const Scalar keypoints_weight = static_cast<Scalar>(options.keypoints_cost);
  const Scalar oks_weight = static_cast<Scalar>(options.oks_cost);

  // cost of every query (row) and person (column): which side is which decides between equal costs
  std::vector<double> cost(queries * count);
  for (int64_t query = 0; query < queries; ++query) {
    const Scalar* predicted = poses.Keypoints(image, query);
    for (int64_t p = 0; p < count; ++p) {
      const int64_t label = persons.labels[first + p];
      const Scalar focal = focal_costs[(image * queries + query) * poses.classes() + label];
      const Scalar l1 = VisibleL1(predicted, persons, first + p);
      const Scalar oks = Oks<Scalar>(predicted, persons, first + p, doubled_variances, nullptr);
      // written so that NaN stays NaN
      const Scalar clamped = oks < static_cast<Scalar>(kMinOks) ? static_cast<Scalar>(kMinOks) : oks;
      const Scalar total = class_weight * focal + keypoints_weight * l1 + oks_weight * (1 - clamped);
      if (std::isnan(total)) {
        return absl::InternalError(absl::StrCat("matching cost of image ", image, ", query ", query, ", person ", p,
                                                " is nan (class ", focal, ", keypoints ", l1, ", oks ", oks,
                                                ", area of the person ", persons.area[first + p], ")"));
      }
      cost[query * count + p] = total;
    }
  }

  absl::StatusOr<Assignment> pairs = SolveAssignment(cost, queries, count);
  if (!pairs.ok()) {
    return absl::InternalError(
        absl::StrCat("matching of image ", image, " (rows are queries, columns persons): ", pairs.status().message()));
  }
  ImageMatching matching;
  matching.queries = std::move(pairs->rows);
  matching.persons = std::move(pairs->columns);
  return matching;
}

template <typename Scalar>
absl::StatusOr<Matching> PackAndMatch(const MatcherOptions& options, const PosePrediction& prediction,
                                      const Targets& targets) {
  const int64_t num_body_points = static_cast<int64_t>(options.sigmas.size());
  const PoseView<Scalar> poses(prediction, num_body_points);
  ASSIGN_OR_RETURN(const Persons<Scalar> persons, PackPersons<Scalar>(targets, num_body_points, poses.classes()));
  return Match(options, poses, persons);
}

}  // namespace

template <typename Scalar>
absl::StatusOr<Matching> Match(const MatcherOptions& options, const PoseView<Scalar>& poses,
                               const Persons<Scalar>& persons) {
  GROUPPOSE_CHECK(poses.images() == persons.images(), "predictions of ", poses.images(), " images, targets of ",
                  persons.images());
  const std::vector<Scalar> focal_costs = FocalCosts(poses, options.focal_alpha);
  const std::vector<Scalar> doubled_variances = DoubledVariances<Scalar>(options.sigmas);
  Matching matching;
  for (int64_t image = 0; image < poses.images(); ++image) {
    ASSIGN_OR_RETURN(ImageMatching pairs, MatchImage(options, poses, persons, focal_costs, doubled_variances, image));
    matching.images.push_back(std::move(pairs));
  }
  if (persons.count() > 0 && poses.queries() > 0) {
    matching.mean_class_cost = MeanClassCost(focal_costs, persons, poses.classes());
    matching.mean_keypoints_cost = MeanKeypointsCost(poses, persons);
  }
  return matching;
}

template absl::StatusOr<Matching> Match(const MatcherOptions&, const PoseView<float>&, const Persons<float>&);
template absl::StatusOr<Matching> Match(const MatcherOptions&, const PoseView<double>&, const Persons<double>&);

absl::StatusOr<Matching> Match(const MatcherOptions& options, const PosePrediction& prediction,
                               const Targets& targets) {
  return prediction.logits.scalar_type() == at::kDouble ? PackAndMatch<double>(options, prediction, targets)
                                                        : PackAndMatch<float>(options, prediction, targets);
}

}  // namespace grouppose::loss
