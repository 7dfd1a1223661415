#include "grouppose/checkpoint/load.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Head : public nn::Module {
 public:
  Head() : weight(AddParameter("weight", {2, 3}, nn::Init::Zero())), scale(AddBuffer("scale", {2}, nn::Init::One())) {}
  at::Tensor weight, scale;
};

// A head under two names, and one tensor of its own.
class Model : public nn::Module {
 public:
  Model() : bias(AddParameter("bias", {4}, nn::Init::Zero())) {
    head = Add("decoder.head", std::make_unique<Head>());
    AddAlias("head", head);
    nn::Initialise(*this, 0);
  }
  at::Tensor bias;
  Head* head;
};

using Tensors = std::map<std::string, at::Tensor>;

Tensors Complete() {
  return {{"bias", at::full({4}, 1.0)}, {"head.weight", at::full({2, 3}, 2.0)}, {"head.scale", at::full({2}, 3.0)}};
}

void ExpectLoaded(const Model& model) {
  EXPECT_TRUE(at::equal(model.bias, at::full({4}, 1.0)));
  EXPECT_TRUE(at::equal(model.head->weight, at::full({2, 3}, 2.0)));
  EXPECT_TRUE(at::equal(model.head->scale, at::full({2}, 3.0)));
}

void ExpectUntouched(const Model& model) {
  EXPECT_TRUE(at::equal(model.bias, at::full({4}, 0.0)));
  EXPECT_TRUE(at::equal(model.head->weight, at::full({2, 3}, 0.0)));
  EXPECT_TRUE(at::equal(model.head->scale, at::full({2}, 1.0)));
}

TEST(LoadTest, ASharedTensorIsFoundUnderAnyOfItsNames) {
  Model first, second, both;
  EXPECT_TRUE(LoadIntoModule(Complete(), first).ok());
  ExpectLoaded(first);

  Tensors other = Complete();
  other["decoder.head.weight"] = other["head.weight"];
  other.erase("head.weight");
  EXPECT_TRUE(LoadIntoModule(other, second).ok());
  ExpectLoaded(second);

  // as the official state dict: the same values twice
  other["head.weight"] = other["decoder.head.weight"].clone();
  EXPECT_TRUE(LoadIntoModule(other, both).ok());
  ExpectLoaded(both);
  EXPECT_TRUE(both.bias.requires_grad());
}

TEST(LoadTest, NamesEveryMissingUnexpectedAndMisshapedTensorAndChangesNothing) {
  Model model;
  Tensors tensors = Complete();
  tensors.erase("bias");
  tensors["head.weight"] = at::full({3, 2}, 2.0);
  tensors["head.scale"] = at::full({2}, 1, at::kLong);
  tensors["stray.one"] = tensors["stray.two"] = at::full({1}, 0.0);
  const absl::Status status = LoadIntoModule(tensors, model, {.source = "there.safetensors"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message,
              HasSubstr("there.safetensors: 1 missing: bias; 2 unexpected: stray.one, stray.two; 2 not fitting"));
  EXPECT_THAT(message, HasSubstr("head.weight (found [3, 2] Float, expected [2, 3] Float)"));
  EXPECT_THAT(message, HasSubstr("head.scale (found [2] Long, expected [2] Float)"));
  ExpectUntouched(model);
}

TEST(LoadTest, ManyNamesAreCountedInFront) {
  Model model;
  Tensors tensors = Complete();
  for (int i = 0; i < 20; ++i) tensors[absl::StrCat("stray.", i)] = at::full({1}, 0.0);
  const std::string message(LoadIntoModule(tensors, model, {.source = "there.pth"}).message());
  EXPECT_THAT(message,
              HasSubstr("there.pth: found 0 names missing, 20 unexpected and 0 of another shape or type, expected "
                        "those of the model. 20 unexpected: stray.0, stray.1"));
  EXPECT_THAT(message, HasSubstr("stray.19"));
}

TEST(LoadTest, AMissingSharedTensorIsListedOnce) {
  Model model;
  Tensors tensors = Complete();
  tensors.erase("head.weight");
  const std::string message(LoadIntoModule(tensors, model).message());
  EXPECT_THAT(message, HasSubstr("1 missing: decoder.head.weight"));
  ExpectUntouched(model);
}

TEST(LoadTest, TwoNamesOfOneTensorMustAgree) {
  Model model;
  Tensors tensors = Complete();
  tensors["decoder.head.weight"] = at::full({2, 3}, 7.0);
  EXPECT_THAT(std::string(LoadIntoModule(tensors, model).message()), HasSubstr("they are one tensor"));
  ExpectUntouched(model);
  // a diverged checkpoint agrees with itself
  tensors["decoder.head.weight"] = tensors["head.weight"] = at::full({2, 3}, std::numeric_limits<double>::quiet_NaN());
  tensors["decoder.head.weight"] = tensors["head.weight"].clone();
  EXPECT_TRUE(LoadIntoModule(tensors, model).ok());
}

TEST(LoadTest, WithoutStrictOnlyShapesCount) {
  Model model;
  LoadOptions options;
  options.strict = false;
  EXPECT_TRUE(LoadIntoModule({{"stray", at::full({1}, 0.0)}}, model, options).ok());
  ExpectUntouched(model);
  std::vector<std::string> passed_over;
  options.passed_over = &passed_over;
  EXPECT_TRUE(LoadIntoModule({{"bias", at::full({4}, 0.0)}, {"stray", at::full({1}, 0.0)}}, model, options).ok());
  EXPECT_THAT(passed_over, ::testing::ElementsAre("missing: decoder.head.weight", "missing: decoder.head.scale",
                                                  "unexpected: stray"));
  EXPECT_FALSE(LoadIntoModule({{"bias", at::full({1}, 0.0)}}, model, options).ok());
  EXPECT_TRUE(LoadIntoModule({{"bias", at::full({4}, 5.0)}}, model, options).ok());
  EXPECT_TRUE(at::equal(model.bias, at::full({4}, 5.0)));
}

TEST(LoadTest, IgnoredNamesAreLeftAlone) {
  Model model;
  LoadOptions options;
  options.ignored = {"head.", "optimiser"};
  Tensors tensors = Complete();
  tensors["head.weight"] = at::full({9}, 0.0);
  tensors["optimiser.step"] = at::full({1}, 0.0);
  tensors.erase("head.scale");
  EXPECT_TRUE(LoadIntoModule(tensors, model, options).ok());
  EXPECT_TRUE(at::equal(model.bias, at::full({4}, 1.0)));
  EXPECT_TRUE(at::equal(model.head->weight, at::full({2, 3}, 0.0)));
}

TEST(LoadTest, ConvertsFloatingTypes) {
  Model model;
  Tensors tensors = Complete();
  for (auto& [name, tensor] : tensors) tensor = tensor.to(name == "bias" ? at::kHalf : at::kDouble);
  EXPECT_TRUE(LoadIntoModule(tensors, model).ok());
  ExpectLoaded(model);
}

}  // namespace
}  // namespace grouppose::checkpoint
