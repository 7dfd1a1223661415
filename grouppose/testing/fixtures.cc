#include "grouppose/testing/fixtures.h"

#include <cstdlib>

#include "base/files.h"
#include "grouppose/parity/difference.h"

namespace grouppose::testing {

std::string TestDataFolder() {
  const char* folder = std::getenv("GROUPPOSE_TEST_DATA");
  return folder != nullptr && base::IsDirectory(folder) ? folder : "";
}

Fixture::Fixture(const std::string& name) : parity::Fixture(base::JoinPath(TestDataFolder(), "fixtures"), name) {}

::testing::AssertionResult Near(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  const parity::Tolerance allowed = parity::Tolerance::Absolute(tolerance);
  const parity::Difference difference = parity::Compare(actual, expected, allowed);
  if (difference.within()) return ::testing::AssertionSuccess() << "max |difference| " << difference.absolute;
  return ::testing::AssertionFailure() << difference.Text(allowed);
}

}  // namespace grouppose::testing
