// Object keypoint similarity: how well a detected pose agrees with an annotated one, from 0 to 1.
//
//   e_k = d_k^2 / (2 sigma_k)^2 / (area + 2^-52) / 2        d_k: distance of keypoint k, pixels
//   OKS = mean over the labelled keypoints of exp(-e_k)
//
// (pycocotools, cocoeval.py, computeOks, to the order of the operations.) Where no keypoint is labelled, d_k is the
// distance to the annotated box, made three times as wide and high around its centre, and the mean is over all K.
//
// NaN and infinite coordinates follow IEEE arithmetic: a NaN at a labelled keypoint makes the OKS NaN.
#ifndef EVAL_OKS_H_
#define EVAL_OKS_H_

#include <cstddef>
#include <vector>

#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"

namespace eval {

// The annotated side of OKS. The pointers are into an Annotation, which has to outlive it.
struct OksTarget {
  const double* keypoints = nullptr;  // [3K]: x, y, v
  Box bbox = {};
  double area = 0;  // square pixels, by the data set's area rule
};

class Oks {
 public:
  explicit Oks(const KeypointDataset& dataset);

  int num_keypoints() const { return static_cast<int>(variances_.size()); }
  const std::vector<double>& variances() const { return variances_; }

  // `detected` is [stride * K]: x, y, and with a stride of 3 a third number that is ignored.
  double operator()(const double* detected, const OksTarget& target, int stride = 3) const;

  // exp(-e_k) of every keypoint k into `similarities` [K]; returns how many keypoints of the target are labelled.
  int PerKeypoint(const double* detected, const OksTarget& target, double* similarities, int stride = 3) const;

 private:
  std::vector<double> variances_;  // (2 sigma)^2
};

// A bound on the OKS with one target, for a tenth of the price: exp(-e) is at most 1 / (1 + e + e^2 / 2), so no
// exponential is needed, and the keypoints are taken four at a time.
class OksBound {
 public:
  using Four = double __attribute__((vector_size(32)));

  // A detection, laid out for bounds.
  class Pose {
   public:
    void Set(const Oks& oks, const double* detected, int stride);

   private:
    friend class OksBound;
    std::vector<Four> x_, y_;
  };

  void Set(const Oks& oks, const OksTarget& target);

  // True only if the OKS is below the threshold. Always false where the OKS could be NaN.
  bool IsBelow(const Pose& pose, double threshold) const;

 private:
  // A keypoint's distance is how far it lies outside of [low, high]: for labelled ones low is high.
  std::vector<Four> low_x_, high_x_, low_y_, high_y_;
  std::vector<Four> inverse_;  // e_k = d_k^2 * inverse
  std::vector<Four> counts_;   // 1 where the keypoint goes into the mean, else 0
  double num_counted_ = 0;
  bool usable_ = false;
};

// Keypoints of an annotation with v > 0.
int NumLabelled(const Annotation& annotation);

// The area of an annotated person. An annotation without `area` under AreaRule::kAnnotated counts as 0; Evaluate
// refuses those.
double AreaOf(const Annotation& annotation, AreaRule rule);

// The sum as numpy forms it: eight running sums in blocks of up to 128, halves above. The order of additions decides
// the last bits, and these are compared.
double NumpySum(const double* values, size_t count);

}  // namespace eval

#endif  // EVAL_OKS_H_
