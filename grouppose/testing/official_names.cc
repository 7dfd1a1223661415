#include "grouppose/testing/official_names.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "grouppose/testing/fixtures.h"
#include "simdjson.h"

namespace grouppose::testing {

Shapes OfficialShapes(const std::string& file) {
  const auto text = base::ReadFile(TestDataFolder() + "/fixtures/" + file);
  EXPECT_TRUE(text.ok()) << text.status();
  simdjson::dom::parser parser;
  Shapes shapes;
  // simdjson's iterators point into the object they come from, so every object has a name
  const simdjson::dom::object tensors = parser.parse(*text).get_object().value();
  for (const simdjson::dom::key_value_pair tensor : tensors) {
    std::vector<int64_t>& shape = shapes[std::string(tensor.key)];
    const simdjson::dom::array sizes = tensor.value["shape"].get_array().value();
    for (const simdjson::dom::element size : sizes) shape.push_back(size.get_int64().value());
  }
  return shapes;
}

Shapes OurShapes(const nn::Module& module) {
  Shapes shapes;
  for (const nn::NamedTensor& named : module.StateDict()) {
    const bool inserted = shapes.emplace(named.name, named.tensor.sizes().vec()).second;
    EXPECT_TRUE(inserted) << named.name << " is there twice";
  }
  return shapes;
}

}  // namespace grouppose::testing
