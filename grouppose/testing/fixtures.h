// Golden outputs of the official implementation, for tests. They lie outside the repository, under
// $GROUPPOSE_TEST_DATA/fixtures; a test that needs them starts with SKIP_WITHOUT_TEST_DATA().
#ifndef GROUPPOSE_TESTING_FIXTURES_H_
#define GROUPPOSE_TESTING_FIXTURES_H_

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "grouppose/nn/module.h"

namespace grouppose::testing {

// $GROUPPOSE_TEST_DATA, or "" where it is not set or no folder.
std::string TestDataFolder();

#define SKIP_WITHOUT_TEST_DATA()                                                           \
  if (::grouppose::testing::TestDataFolder().empty()) {                                    \
    GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set to a folder with the outside results"; \
  }

// One NAME.safetensors with the NAME.json beside it. Throws base::CheckError where a file or a name is missing.
class Fixture {
 public:
  explicit Fixture(const std::string& name);

  at::Tensor Get(const std::string& tensor) const;
  bool Has(const std::string& tensor) const;
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

  // Values of `meta` by a JSON pointer without its first slash: Number("config/num_queries"), Number("tol/feat0").
  double Number(const std::string& pointer) const;
  double Number(const std::string& pointer, double otherwise) const;
  bool HasMeta(const std::string& pointer) const;
  std::vector<std::string> Keys(const std::string& pointer) const;  // keys of an object, in file order
  std::vector<std::string> Strings(const std::string& pointer) const;
  std::vector<double> Numbers(const std::string& pointer) const;  // a flat array; null becomes NaN

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::string json_;
};

// offset + scale * r(name, i, seed) of the fixtures' README, float32.
at::Tensor RecipeTensor(const std::string& name, at::IntArrayRef sizes, uint64_t seed, double offset = 0,
                        double scale = 1);

// Fills a module by the weight recipe; `prefix` ("backbone.") stands in front of every name in the hash and the rules.
void FillByRecipe(const nn::Module& module, uint64_t seed, const std::string& prefix = "");

// max |actual - expected| <= tolerance, with the place of the worst element in the message. Shapes must be equal.
::testing::AssertionResult Near(const at::Tensor& actual, const at::Tensor& expected, double tolerance);

}  // namespace grouppose::testing

#endif  // GROUPPOSE_TESTING_FIXTURES_H_
