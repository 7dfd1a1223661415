// What several checks need.
#ifndef GROUPPOSE_PARITY_PIECES_H_
#define GROUPPOSE_PARITY_PIECES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "grouppose/data/targets.h"
#include "grouppose/nn/module.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

// A copy that a gradient flows into.
at::Tensor Leaf(const at::Tensor& value);

// Recordings keep every n-th row of some tensors. Every n-th of `tensor` along `dimension`, n being what meta.note or
// meta.grad_out_recipe says of `name` ("NAME[:, ::3]", or "[:, ::3]" of all), else the n that gives `expected` rows.
at::Tensor EveryNth(const Fixture& fixture, const std::string& name, const at::Tensor& tensor, int64_t dimension,
                    int64_t expected);

// Compares `actual` with the tensor `name`, of which every n-th row may be stored.
void CompareRows(const Fixture& fixture, const std::string& name, const at::Tensor& actual, int64_t dimension,
                 const Tolerance& tolerance, Report* report);

// r(name, sizes, seed) * scale as meta.inputs, meta.NAME_recipe or another text of meta describes it.
at::Tensor DescribedTensor(const Fixture& fixture, const std::string& name, at::IntArrayRef sizes);

// Norms "gradnorm.NAME" of all parameters and the gradients "grad.NAME" that are stored, each relative to its size.
void CompareGradients(const Fixture& fixture, const nn::Module& module, double tolerance, Report* report);

// "targets0.labels", ...: one an image.
Targets StoredTargets(const Fixture& fixture);

// The annotators' spreads of K keypoints: the official program knows COCO's 17 and CrowdPose's 14.
std::vector<double> OfficialSigmas(int64_t num_keypoints);

std::vector<int64_t> Integers(const at::Tensor& tensor);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_PIECES_H_
