#include "grouppose/testing/fixtures.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "base/check.h"
#include "base/files.h"

namespace grouppose::testing {
namespace {

class Leaf : public nn::Module {
 public:
  Leaf(const std::string& name, at::IntArrayRef sizes) : tensor(AddParameter(name, sizes, nn::Init::Zero())) {}
  at::Tensor tensor;
};

// One tensor under the full name given.
class Chain : public nn::Module {
 public:
  Chain(const std::string& name, at::IntArrayRef sizes) {
    const size_t dot = name.rfind('.');
    leaf = Add(name.substr(0, dot), std::make_unique<Leaf>(name.substr(dot + 1), sizes));
  }
  Leaf* leaf;
};

std::string Hexadecimal(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  char text[9];
  std::snprintf(text, sizeof(text), "%08x", bits);
  return text;
}

// One row of recipe_vectors.json: the rules give the offset and the scale, the hash gives the values.
void CheckVector(simdjson::dom::element row) {
  const std::string name{std::string_view(row["name"])};
  SCOPED_TRACE(name);
  std::vector<int64_t> sizes;
  for (simdjson::dom::element size : simdjson::dom::array(row["shape"])) sizes.push_back(int64_t(size));
  Chain chain(name, sizes);
  FillByRecipe(chain, uint64_t(row["seed"]));
  const float* values = chain.leaf->tensor.const_data_ptr<float>();
  int64_t i = 0;
  for (simdjson::dom::element hex : simdjson::dom::array(row["first_hex"])) {
    ASSERT_LT(i, chain.leaf->tensor.numel());
    EXPECT_EQ(Hexadecimal(values[i]), std::string_view(hex)) << i;
    ++i;
  }
  EXPECT_EQ(values[chain.leaf->tensor.numel() - 1], float(double(row["last"])));
  double sum = 0;
  for (int64_t j = 0; j < chain.leaf->tensor.numel(); ++j) sum += values[j];
  // only the order of a double-precision sum differs
  EXPECT_NEAR(sum, double(row["sum_f64"]), 1e-9);
}

TEST(RecipeTest, FillsEveryKindOfTensorAsTheVectorsSay) {
  SKIP_WITHOUT_TEST_DATA();
  simdjson::dom::parser parser;
  const auto json = base::ReadFile(base::JoinPath(TestDataFolder(), "fixtures/recipe_vectors.json"));
  ASSERT_TRUE(json.ok());
  const simdjson::dom::array table = parser.parse(*json)["table"];
  ASSERT_GT(table.size(), 10);
  for (simdjson::dom::element row : table) CheckVector(row);
}

// A head that the tree lists first under its long name.
class Model : public nn::Module {
 public:
  Model() {
    head = Add("decoder.class_embed", std::make_unique<Leaf>("weight", at::IntArrayRef{2, 3}));
    AddAlias("class_embed", head);
  }
  Leaf* head;
};

TEST(RecipeTest, SharedTensorsHaveTheShortName) {
  Model model;
  FillByRecipe(model, 5, "x.");
  EXPECT_TRUE(Near(model.head->tensor, RecipeTensor("x.class_embed.weight", {2, 3}, 5), 0));
  EXPECT_FALSE(Near(model.head->tensor, RecipeTensor("x.decoder.class_embed.weight", {2, 3}, 5), 0));
}

TEST(FixtureTest, ReadsTensorsAndMeta) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture("ops_msda_D30");
  EXPECT_EQ(fixture.Get("value").sizes(), (at::IntArrayRef{1, 30, 2, 30}));
  EXPECT_EQ(fixture.Get("output").scalar_type(), at::kDouble);
  EXPECT_EQ(fixture.Get("spatial_shapes").scalar_type(), at::kLong);
  EXPECT_TRUE(fixture.Has("grad_value"));
  EXPECT_FALSE(fixture.Has("absent"));
  EXPECT_THROW(fixture.Get("absent"), base::CheckError);
  EXPECT_EQ(fixture.Number("tol_f32/grad_value"), 1e-5);
  EXPECT_EQ(fixture.Number("D"), 30);
  EXPECT_EQ(fixture.Number("absent", 4), 4);
  EXPECT_FALSE(fixture.HasMeta("tol_f32/absent"));
  EXPECT_THROW(fixture.Number("absent"), base::CheckError);
  EXPECT_THROW(fixture.Numbers("D"), base::CheckError);
  EXPECT_EQ(fixture.Keys("tol_f64"), (std::vector<std::string>{"rtol", "atol"}));
}

TEST(FixtureTest, AnAbsentFixtureThrows) { EXPECT_THROW(Fixture("no_such_fixture"), base::CheckError); }

TEST(NearTest, FindsTheWorstElement) {
  at::Tensor expected = at::zeros({2, 3, 4}), actual = at::zeros({2, 3, 4});
  EXPECT_TRUE(Near(actual, expected, 0));
  actual.mutable_data_ptr<float>()[1 * 12 + 2 * 4 + 3] = 0.5f;
  actual.mutable_data_ptr<float>()[4] = -0.25f;
  EXPECT_TRUE(Near(actual, expected, 0.5));
  const auto result = Near(actual, expected, 0.1);
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("[1, 2, 3]"), std::string::npos) << result.message();
  EXPECT_NE(std::string(result.message()).find("2 of 24"), std::string::npos) << result.message();
}

TEST(NearTest, ShapesAndSpecialValues) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  EXPECT_FALSE(Near(at::zeros({2, 3}), at::zeros({3, 2}), 1));
  EXPECT_FALSE(Near(at::Tensor(), at::zeros({1}), 1));
  EXPECT_TRUE(Near(at::zeros({0}), at::zeros({0}), 0));
  EXPECT_TRUE(Near(at::full({1}, kInf), at::full({1}, kInf), 0));
  EXPECT_FALSE(Near(at::full({1}, kInf), at::full({1}, -kInf), 1e30));
  EXPECT_TRUE(Near(at::full({1}, nan), at::full({1}, nan), 0));
  EXPECT_FALSE(Near(at::full({1}, nan), at::zeros({1}), 1e30));
  EXPECT_FALSE(Near(at::zeros({}), at::full({}, nan), 1e30));
}

}  // namespace
}  // namespace grouppose::testing
