// The weight recipe of recorded outputs: no weights are stored beside them, since every value follows from a name, an
// index and a seed.
//
//   r(name, i, seed) in [-1, 1) from a hash of the three; a weight is float(offset + scale * r), and its offset and
//   scale follow from the parameter's name and shape (frozen statistics, norms, biases, fan-in of the rest).
#ifndef GROUPPOSE_PARITY_RECIPE_H_
#define GROUPPOSE_PARITY_RECIPE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "grouppose/nn/module.h"

namespace grouppose::parity {

// offset + scale * r(name, i, seed), float32.
at::Tensor RecipeTensor(const std::string& name, at::IntArrayRef sizes, uint64_t seed, double offset = 0,
                        double scale = 1);

// Fills a module by the weight recipe; `prefix` ("backbone.") stands in front of every name in the hash and the rules.
// A tensor with several names takes the shortest; integers are left alone.
void FillByRecipe(const nn::Module& module, uint64_t seed, const std::string& prefix = "");

// What a recipe adds and multiplies with.
struct RecipeRule {
  double offset = 0, scale = 1;
};
RecipeRule RecipeRuleFor(const std::string& name, at::IntArrayRef sizes);

// An input as a recording describes it in words.
struct DescribedInput {
  uint64_t seed = 0;
  double scale = 1;
};
// The part r('NAME', SHAPE, SEED) [* SCALE] of `text`: "memory=r('memory',(2,340,256),100)" has the seed 100, and
// "r('src'+l,(2,256,H_l,W_l),100) * 1.5" the seed 100 and the scale 1.5. None where `text` has no such part.
std::optional<DescribedInput> FindDescribedInput(const std::string& text, const std::string& name);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_RECIPE_H_
