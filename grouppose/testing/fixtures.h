// Golden outputs of the official implementation, for tests. They lie outside the repository, under
// $GROUPPOSE_TEST_DATA/fixtures; a test that needs them starts with SKIP_WITHOUT_TEST_DATA().
#ifndef GROUPPOSE_TESTING_FIXTURES_H_
#define GROUPPOSE_TESTING_FIXTURES_H_

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <string>

#include "grouppose/parity/fixture.h"
#include "grouppose/parity/recipe.h"

namespace grouppose::testing {

using parity::FillByRecipe;
using parity::RecipeTensor;

// $GROUPPOSE_TEST_DATA, or "" where it is not set or no folder.
std::string TestDataFolder();

#define SKIP_WITHOUT_TEST_DATA()                                                           \
  if (::grouppose::testing::TestDataFolder().empty()) {                                    \
    GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set to a folder with the outside results"; \
  }

// One of them by its name. Throws base::CheckError where a file or a name is missing.
class Fixture : public parity::Fixture {
 public:
  explicit Fixture(const std::string& name);
};

// max |actual - expected| <= tolerance, with the place of the worst element in the message. Shapes must be equal.
::testing::AssertionResult Near(const at::Tensor& actual, const at::Tensor& expected, double tolerance);

}  // namespace grouppose::testing

#endif  // GROUPPOSE_TESTING_FIXTURES_H_
