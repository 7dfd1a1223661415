#include "grouppose/loss/criterion.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace grouppose::loss {
namespace {

// A scalar whose gradients are known already: forward hands it out, backward multiplies them by what arrives.
class KnownGradients : public torch::autograd::Function<KnownGradients> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::TensorList inputs,
                            const std::vector<at::Tensor>* gradients, double value) {
    context->save_for_backward(*gradients);
    return at::scalar_tensor(value, inputs[0].options().requires_grad(std::nullopt));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list arriving) {
    torch::autograd::variable_list gradients = context->get_saved_variables();
    for (at::Tensor& gradient : gradients) gradient = gradient * arriving[0];
    gradients.resize(gradients.size() + 2);  // nothing for `gradients` and `value`
    return gradients;
  }
};

// One prediction among those of a step.
struct Part {
  const PosePrediction* prediction;
  std::string name;    // for messages
  std::string suffix;  // of the named values
  double weight;       // of all its losses
};

std::vector<Part> PartsOf(const CriterionOptions& options, const ModelOutputs& outputs) {
  std::vector<Part> parts;
  const size_t before_last = outputs.auxiliary.size();
  if (outputs.final.logits.defined()) {
    parts.push_back({&outputs.final, absl::StrCat("decoder layer ", before_last), "", 1});
  }
  for (size_t i = 0; options.auxiliary_losses && i < before_last; ++i) {
    parts.push_back({&outputs.auxiliary[i], absl::StrCat("decoder layer ", i), absl::StrCat("_", i), 1});
  }
  if (outputs.intermediate.logits.defined()) {
    parts.push_back({&outputs.intermediate, "encoder output", "_interm", options.intermediate_weight});
  }
  GROUPPOSE_CHECK(!parts.empty(), "the model gave neither a decoder's nor an encoder's prediction");
  return parts;
}

// The three losses of one prediction, and where their gradients go.
template <typename Scalar>
class PartLoss {
 public:
  PartLoss(const CriterionOptions& options, const PoseView<Scalar>& poses, const Persons<Scalar>& persons,
           const Matching& matching, Scalar* logits_gradient, Scalar* keypoints_gradient)
      : options_(options),
        poses_(poses),
        persons_(persons),
        matching_(matching),
        logits_gradient_(logits_gradient),
        keypoints_gradient_(keypoints_gradient) {}

  // Sum of the focal loss; its gradient times `scale` is written to every element.
  double Focal(double scale) {
    const int64_t queries = poses_.queries(), classes = poses_.classes();
    double sum = 0;
    std::vector<int64_t> label_of_query(queries);
    for (int64_t image = 0; image < poses_.images(); ++image) {
      std::fill(label_of_query.begin(), label_of_query.end(), -1);
      ForEachPair(image, [&](int64_t query, int64_t person) { label_of_query[query] = persons_.labels[person]; });
      for (int64_t query = 0; query < queries; ++query) {
        const Scalar* logits = poses_.Logits(image, query);
        Scalar* gradient = logits_gradient_ + (image * queries + query) * classes;
        for (int64_t c = 0; c < classes; ++c) {
          const bool positive = label_of_query[query] == c;
          Scalar slope;
          sum += FocalTerm(positive ? -logits[c] : logits[c], positive ? alpha() : 1 - alpha(), &slope);
          gradient[c] = static_cast<Scalar>(scale) * (positive ? -slope : slope);
        }
      }
    }
    return sum;
  }

  // Sum of |x - x'| + |y - y'| over visible joints of matched poses; adds its gradient times `scale`.
  double Keypoints(double scale) {
    double sum = 0;
    ForEachMatchedPose([&](const Scalar* predicted, int64_t person, Scalar* gradient) {
      const int64_t num_body_points = persons_.num_body_points;
      const Scalar* annotated = persons_.keypoints.data() + person * 2 * num_body_points;
      const Scalar* visibility = persons_.visibility.data() + person * num_body_points;
      for (int64_t i = 0; i < 2 * num_body_points; ++i) {
        const Scalar difference = predicted[i] - annotated[i];
        const Scalar sign = static_cast<Scalar>(difference > 0) - static_cast<Scalar>(difference < 0);
        gradient[i] += static_cast<Scalar>(scale) * visibility[i / 2] * sign;
      }
      sum += VisibleL1(predicted, persons_, person);
    });
    return sum;
  }

  // Sum of 1 - OKS over matched poses; adds its gradient times `scale`.
  double OneMinusOks(double scale) {
    const std::vector<Scalar> doubled_variances = DoubledVariances<Scalar>(options_.matcher.sigmas);
    std::vector<Scalar> terms(persons_.num_body_points);
    double sum = 0;
    ForEachMatchedPose([&](const Scalar* predicted, int64_t person, Scalar* gradient) {
      const Scalar oks = Oks(predicted, persons_, person, doubled_variances, terms.data());
      const Scalar smallest = static_cast<Scalar>(kMinOks);
      sum += 1 - (oks < smallest ? smallest : oks);
      if (oks < smallest) return;
      // d(-exp(-d^2 / s))/dx = exp(-d^2 / s) * 2 (x - x') / s; an underflown term has none, also at area 0
      const int64_t num_body_points = persons_.num_body_points;
      const Scalar* annotated = persons_.keypoints.data() + person * 2 * num_body_points;
      const Scalar denominator = persons_.num_visible[person] + static_cast<Scalar>(kOksDenominatorEps);
      for (int64_t k = 0; k < num_body_points; ++k) {
        if (terms[k] == 0) continue;
        const Scalar factor =
            static_cast<Scalar>(scale) * terms[k] * 2 / (denominator * persons_.area[person] * doubled_variances[k]);
        gradient[2 * k] += factor * (predicted[2 * k] - annotated[2 * k]);
        gradient[2 * k + 1] += factor * (predicted[2 * k + 1] - annotated[2 * k + 1]);
      }
    });
    return sum;
  }

  // Percent of matched queries whose largest logit is not at the person's label (of equals, the first counts).
  double ClassError() const {
    int64_t right = 0, matched = 0;
    for (int64_t image = 0; image < poses_.images(); ++image) {
      ForEachPair(image, [&](int64_t query, int64_t person) {
        const Scalar* logits = poses_.Logits(image, query);
        right += std::max_element(logits, logits + poses_.classes()) - logits == persons_.labels[person];
        ++matched;
      });
    }
    return matched == 0 ? 100 : 100 - 100.0 * right / matched;
  }

 private:
  Scalar alpha() const { return static_cast<Scalar>(options_.focal_alpha); }

  // With q = sigmoid(z) the probability of the wrong answer: weight * q^2 * -log(1 - q), and its derivative by z.
  static Scalar FocalTerm(Scalar z, Scalar weight, Scalar* slope) {
    const Scalar q = 1 / (1 + std::exp(-z));
    const Scalar cross_entropy = std::max(z, Scalar(0)) + std::log1p(std::exp(-std::abs(z)));
    *slope = weight * q * q * (2 * (1 - q) * cross_entropy + q);
    return weight * q * q * cross_entropy;
  }

  // use(query, person), the person counted through the batch.
  template <typename Use>
  void ForEachPair(int64_t image, Use use) const {
    const ImageMatching& pairs = matching_.images[image];
    for (size_t i = 0; i < pairs.queries.size(); ++i) use(pairs.queries[i], persons_.first[image] + pairs.persons[i]);
  }

  // use(predicted coordinates, person, gradient of those coordinates)
  template <typename Use>
  void ForEachMatchedPose(Use use) {
    for (int64_t image = 0; image < poses_.images(); ++image) {
      ForEachPair(image, [&](int64_t query, int64_t person) {
        use(poses_.Keypoints(image, query), person,
            keypoints_gradient_ + (image * poses_.queries() + query) * poses_.keypoint_values());
      });
    }
  }

  const CriterionOptions& options_;
  const PoseView<Scalar>& poses_;
  const Persons<Scalar>& persons_;
  const Matching& matching_;
  Scalar *logits_gradient_, *keypoints_gradient_;
};

// The total while it grows.
struct Sum {
  double total = 0;
  std::vector<at::Tensor> inputs, gradients;  // logits and keypoints of every part
};

// The official focal loss is NaN at every infinite logit, also where the limit would be a number.
template <typename Scalar>
absl::Status CheckLogits(const PoseView<Scalar>& poses, const Part& part) {
  for (int64_t image = 0; image < poses.images(); ++image) {
    for (int64_t query = 0; query < poses.queries(); ++query) {
      for (int64_t c = 0; c < poses.classes(); ++c) {
        const Scalar logit = poses.Logits(image, query)[c];
        if (std::isfinite(logit)) continue;
        return absl::InternalError(absl::StrCat("loss is not finite: loss_ce", part.suffix, " (", part.name,
                                                "): the logit of image ", image, ", query ", query, ", class ", c,
                                                " is ", logit));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(double value, const Part& part, const char* loss) {
  if (std::isfinite(value)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("loss is not finite: ", loss, part.suffix, " (", part.name, ") is ", value));
}

template <typename Scalar>
absl::Status AddPart(const CriterionOptions& options, const Part& part, const Persons<Scalar>& persons,
                     double num_boxes, Sum* sum, Losses* losses) {
  const PoseView<Scalar> poses(*part.prediction, persons.num_body_points);
  const absl::Status finite_logits = CheckLogits(poses, part);
  if (options.refuse_not_finite) RETURN_IF_ERROR(finite_logits);
  absl::StatusOr<Matching> matching = Match(options.matcher, poses, persons);
  if (!matching.ok()) {
    return absl::Status(matching.status().code(),
                        absl::StrCat("loss is not finite: ", part.name, ": ", matching.status().message()));
  }

  const at::TensorOptions plain = at::TensorOptions(c10::CppTypeToScalarType<Scalar>::value);
  const at::Tensor logits_gradient =
      at::empty_like(part.prediction->logits, plain.device(at::kCPU), at::MemoryFormat::Contiguous);
  const at::Tensor keypoints_gradient =
      at::zeros_like(part.prediction->keypoints, plain.device(at::kCPU), at::MemoryFormat::Contiguous);
  PartLoss<Scalar> loss(options, poses, persons, *matching, logits_gradient.mutable_data_ptr<Scalar>(),
                        keypoints_gradient.mutable_data_ptr<Scalar>());
  const double class_weight = part.weight * options.class_weight / num_boxes;
  const double keypoints_weight = part.weight * options.keypoints_weight / num_boxes;
  const double oks_weight = part.weight * options.oks_weight / num_boxes;
  double focal = loss.Focal(class_weight);
  if (!finite_logits.ok()) focal = std::numeric_limits<double>::quiet_NaN();
  const double keypoints = loss.Keypoints(keypoints_weight);
  const double oks = loss.OneMinusOks(oks_weight);
  if (options.refuse_not_finite) {
    RETURN_IF_ERROR(CheckFinite(focal, part, "loss_ce"));
    RETURN_IF_ERROR(CheckFinite(keypoints, part, "loss_keypoints"));
    RETURN_IF_ERROR(CheckFinite(oks, part, "loss_oks"));
  }

  sum->total += class_weight * focal + keypoints_weight * keypoints + oks_weight * oks;
  for (const auto& [input, gradient] : {std::pair(part.prediction->logits, logits_gradient),
                                        std::pair(part.prediction->keypoints, keypoints_gradient)}) {
    sum->inputs.push_back(input);
    sum->gradients.push_back(gradient.to(input.device(), input.scalar_type()));
  }
  auto add = [&](const char* name, double value) { losses->values.emplace_back(name + part.suffix, value); };
  add("loss_ce", focal / num_boxes);
  if (part.suffix.empty()) add("class_error", loss.ClassError());
  add("loss_keypoints", keypoints / num_boxes);
  add("loss_oks", oks / num_boxes);
  add("set_class", matching->mean_class_cost);
  add("set_keypoints", matching->mean_keypoints_cost);
  losses->matchings.push_back(*std::move(matching));
  return absl::OkStatus();
}

template <typename Scalar>
absl::StatusOr<Losses> Compute(const CriterionOptions& options, const std::vector<Part>& parts, const Targets& targets,
                               double num_boxes) {
  const int64_t num_body_points = static_cast<int64_t>(options.matcher.sigmas.size());
  const int64_t classes = parts[0].prediction->logits.size(-1);
  ASSIGN_OR_RETURN(const Persons<Scalar> persons, PackPersons<Scalar>(targets, num_body_points, classes));
  Losses losses;
  Sum sum;
  for (const Part& part : parts) {
    GROUPPOSE_CHECK(part.prediction->logits.size(-1) == classes, part.name, " has another number of classes");
    RETURN_IF_ERROR(AddPart(options, part, persons, num_boxes, &sum, &losses));
  }
  losses.total = KnownGradients::apply(at::TensorList(sum.inputs), &std::as_const(sum.gradients), sum.total);
  return losses;
}

}  // namespace

absl::StatusOr<Losses> ComputeLosses(const CriterionOptions& options, const ModelOutputs& outputs,
                                     const Targets& targets, double num_boxes) {
  GROUPPOSE_CHECK(!options.matcher.sigmas.empty(), "the criterion needs a sigma for every joint");
  GROUPPOSE_CHECK(std::isfinite(num_boxes), "num_boxes is ", num_boxes);
  const std::vector<Part> parts = PartsOf(options, outputs);
  num_boxes = std::max(num_boxes, 1.0);
  return parts[0].prediction->logits.scalar_type() == at::kDouble ? Compute<double>(options, parts, targets, num_boxes)
                                                                  : Compute<float>(options, parts, targets, num_boxes);
}

int64_t NumPersons(const Targets& targets) {
  int64_t count = 0;
  for (const ImageTargets& target : targets) count += target.labels.size(0);
  return count;
}

}  // namespace grouppose::loss
