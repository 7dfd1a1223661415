#include "grouppose/train/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace grouppose::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor Random(const std::string& name, at::IntArrayRef sizes) {
  at::Tensor tensor = at::empty(sizes, at::TensorOptions(at::kFloat));
  base::RandomStream random(name, {});
  float* data = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = static_cast<float>(random.NextUniform(-1, 1));
  return tensor;
}

nn::NamedTensor Parameter(const std::string& name, at::IntArrayRef sizes, bool trained = true) {
  nn::NamedTensor named{name, Random(name, sizes)};
  named.tensor.set_requires_grad(trained);
  return named;
}

std::vector<nn::NamedTensor> SmallModel() {
  return {Parameter("backbone.conv.weight", {3, 2, 3, 3}), Parameter("head.weight", {7, 5}),
          Parameter("head.bias", {7}), Parameter("scale", {})};
}

void SetGradients(const std::vector<nn::NamedTensor>& model, int64_t step) {
  for (const nn::NamedTensor& named : model) {
    if (named.tensor.requires_grad()) {
      named.tensor.mutable_grad() = Random(named.name + ".grad" + std::to_string(step), named.tensor.sizes());
    }
  }
}

// AdamW of one element, in float64, as the paper writes it.
struct ScalarAdamW {
  double value, first = 0, second = 0;
  void Step(double gradient, double rate, int64_t t, const AdamWOptions& options) {
    value -= rate * options.weight_decay * value;
    first = options.beta1 * first + (1 - options.beta1) * gradient;
    second = options.beta2 * second + (1 - options.beta2) * gradient * gradient;
    const double mean = first / (1 - std::pow(options.beta1, t)), square = second / (1 - std::pow(options.beta2, t));
    value -= rate * mean / (std::sqrt(square) + options.eps);
  }
};

double Norm(const std::vector<nn::NamedTensor>& model) {
  double sum = 0;
  for (const nn::NamedTensor& named : model) {
    const at::Tensor gradient = named.tensor.grad().contiguous();
    for (int64_t i = 0; i < gradient.numel(); ++i) sum += std::pow(gradient.const_data_ptr<float>()[i], 2);
  }
  return std::sqrt(sum);
}

class AdamWValueTest : public ::testing::TestWithParam<double> {};  // clip_max_norm

TEST_P(AdamWValueTest, EqualsTheFormulaInFloat64) {
  AdamWOptions options;
  options.learning_rate = 0.02, options.backbone_learning_rate = 0.005, options.weight_decay = 0.1;
  options.clip_max_norm = GetParam();
  const std::vector<nn::NamedTensor> model = SmallModel();
  std::vector<std::vector<ScalarAdamW>> expected;
  for (const nn::NamedTensor& named : model) {
    expected.emplace_back();
    for (int64_t i = 0; i < named.tensor.numel(); ++i) {
      expected.back().push_back({named.tensor.const_data_ptr<float>()[i]});
    }
  }
  AdamW optimizer(model, options);
  for (int64_t t = 1; t <= 6; ++t) {
    SetGradients(model, t);
    const double norm = Norm(model), factor = 1.0 / static_cast<double>(t);
    const double clip = options.clip_max_norm > 0 ? std::min(1.0, options.clip_max_norm / (norm + 1e-6)) : 1;
    for (size_t p = 0; p < model.size(); ++p) {
      const double rate = (p == 0 ? options.backbone_learning_rate : options.learning_rate) * factor;
      const float* gradient = model[p].tensor.grad().const_data_ptr<float>();
      for (size_t i = 0; i < expected[p].size(); ++i) expected[p][i].Step(clip * gradient[i], rate, t, options);
    }
    const auto returned = optimizer.Step(factor);
    ASSERT_TRUE(returned.ok()) << returned.status();
    EXPECT_NEAR(*returned, norm, 1e-9);
  }
  for (size_t p = 0; p < model.size(); ++p) {
    for (size_t i = 0; i < expected[p].size(); ++i) {
      EXPECT_NEAR(model[p].tensor.const_data_ptr<float>()[i], expected[p][i].value, 2e-6) << model[p].name << " " << i;
    }
  }
}

// Not clipped; always clipped; a limit that is never reached.
INSTANTIATE_TEST_SUITE_P(Clipping, AdamWValueTest, ::testing::Values(0, 0.1, 1000));

TEST(AdamWTest, GroupsByNameAndLeavesFrozenParametersOut) {
  const std::vector<nn::NamedTensor> model = {Parameter("transformer.a", {2}), Parameter("backbone.0.body.b", {2}),
                                              Parameter("backbone.0.body.frozen", {2}, false),
                                              Parameter("input_proj.c", {2})};
  const at::Tensor frozen = model[2].tensor.clone();
  AdamW optimizer(model, {});
  auto names = [&](int group) {
    std::vector<std::string> out;
    for (const auto& parameter : optimizer.groups()[group].parameters) out.push_back(parameter.name);
    return out;
  };
  EXPECT_THAT(names(0), ElementsAre("transformer.a", "input_proj.c"));
  EXPECT_THAT(names(1), ElementsAre("backbone.0.body.b"));
  SetGradients(model, 1);
  ASSERT_TRUE(optimizer.Step(1).ok());
  EXPECT_TRUE(at::equal(model[2].tensor, frozen));
}

TEST(AdamWTest, ParametersWithoutGradientStayAsTheyAre) {
  const std::vector<nn::NamedTensor> model = SmallModel();
  AdamWOptions options;
  options.weight_decay = 0.5;
  AdamW optimizer(model, options);
  SetGradients(model, 1);
  optimizer.ZeroGradients();
  for (const nn::NamedTensor& named : model) EXPECT_FALSE(named.tensor.grad().defined());
  model[1].tensor.mutable_grad() = at::ones({7, 5});
  const at::Tensor before = model[2].tensor.detach().clone(), moved = model[1].tensor.detach().clone();
  const auto norm = optimizer.Step(1);
  ASSERT_TRUE(norm.ok());
  EXPECT_NEAR(*norm, std::sqrt(35.0), 1e-12);
  EXPECT_TRUE(at::equal(model[2].tensor, before));
  EXPECT_FALSE(at::equal(model[1].tensor, moved));
  EXPECT_EQ(optimizer.State().at("head.bias.step").item<float>(), 0);
  EXPECT_EQ(optimizer.State().at("head.weight.step").item<float>(), 1);
}

// Gradients may come in another memory order than their parameter.
TEST(AdamWTest, TakesGradientsWithOtherStrides) {
  const std::vector<nn::NamedTensor> plain = {Parameter("w", {6, 5})}, strided = {Parameter("w", {6, 5})};
  AdamW first(plain, {}), second(strided, {});
  const at::Tensor gradient = Random("g", {6, 5});
  plain[0].tensor.mutable_grad() = gradient.clone();
  strided[0].tensor.mutable_grad() = gradient.t().contiguous().t();
  ASSERT_TRUE(first.Step(1).ok() && second.Step(1).ok());
  EXPECT_TRUE(at::equal(plain[0].tensor, strided[0].tensor));
}

TEST(AdamWTest, RefusesAGradientThatIsNotFinite) {
  for (const float poison : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const std::vector<nn::NamedTensor> model = SmallModel();
    AdamW optimizer(model, {});
    SetGradients(model, 1);
    model[1].tensor.mutable_grad().mutable_data_ptr<float>()[34] = poison;
    const at::Tensor before = model[2].tensor.detach().clone();
    const auto norm = optimizer.Step(1);
    EXPECT_EQ(norm.status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(norm.status().message()), HasSubstr("gradient of head.weight"));
    EXPECT_TRUE(at::equal(model[2].tensor, before));
    EXPECT_EQ(optimizer.State().at("scale.step").item<float>(), 0);
  }
}

// The squares of these gradients do not fit a float.
TEST(AdamWTest, LargeGradientsAreClippedToo) {
  const std::vector<nn::NamedTensor> model = {Parameter("w", {9})};
  AdamW optimizer(model, {});
  model[0].tensor.mutable_grad() = at::full({9}, 1e30, at::TensorOptions(at::kFloat));
  const auto norm = optimizer.Step(1);
  ASSERT_TRUE(norm.ok()) << norm.status();
  EXPECT_NEAR(*norm / 3e30, 1, 1e-6);
  EXPECT_NEAR(model[0].tensor.grad().abs().max().item<float>(), 0.1 / 3, 1e-6);
}

TEST(AdamWTest, ContinuesFromASavedState) {
  AdamWOptions options;
  options.learning_rate = 0.01;
  auto run = [&](AdamW& optimizer, const std::vector<nn::NamedTensor>& model, int64_t first, int64_t last) {
    for (int64_t t = first; t <= last; ++t) {
      SetGradients(model, t);
      ASSERT_TRUE(optimizer.Step(1).ok());
    }
  };
  const std::vector<nn::NamedTensor> whole = SmallModel();
  AdamW optimizer(whole, options);
  run(optimizer, whole, 1, 3);
  std::map<std::string, at::Tensor> saved;
  for (const auto& [name, tensor] : optimizer.State()) saved[name] = tensor.clone();
  std::vector<nn::NamedTensor> copy = whole;
  for (nn::NamedTensor& named : copy) {
    named.tensor = named.tensor.detach().clone();
    named.tensor.set_requires_grad(true);
  }
  run(optimizer, whole, 4, 6);

  AdamW resumed(copy, options);
  ASSERT_TRUE(resumed.LoadState(saved).ok());
  run(resumed, copy, 4, 6);
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(at::equal(whole[i].tensor, copy[i].tensor)) << whole[i].name;
}

TEST(AdamWTest, RefusesAStateThatDoesNotFit) {
  AdamW optimizer(SmallModel(), {});
  auto message = [&](auto change) {
    std::map<std::string, at::Tensor> state;
    for (const auto& [name, tensor] : optimizer.State()) state[name] = tensor.clone();
    change(&state);
    const absl::Status status = optimizer.LoadState(state);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  using State = std::map<std::string, at::Tensor>;
  EXPECT_THAT(message([](State* state) { state->erase("head.bias.exp_avg"); }), HasSubstr("lacks head.bias.exp_avg"));
  EXPECT_THAT(message([](State* state) { (*state)["tail.step"] = at::ones({}); }), HasSubstr("has tail.step"));
  EXPECT_THAT(message([](State* state) { (*state)["head.bias.exp_avg_sq"] = at::ones({8}); }),
              HasSubstr("head.bias.exp_avg_sq is [8], expected [7]"));
}

// Sizes around the kernel's vectors and above torch's threshold for several threads.
TEST(AdamWTest, TheNumberOfThreadsChangesNothing) {
  const int threads = at::get_num_threads();
  std::vector<std::vector<nn::NamedTensor>> results;
  std::vector<double> norms;
  for (const int n : {1, 3}) {
    at::set_num_threads(n);
    const std::vector<nn::NamedTensor> model = {Parameter("a", {100003}), Parameter("b", {1}), Parameter("c", {17}),
                                                Parameter("backbone.d", {257, 129})};
    AdamW optimizer(model, {});
    for (int64_t t = 1; t <= 2; ++t) {
      SetGradients(model, t);
      norms.push_back(*optimizer.Step(1));
    }
    results.push_back(model);
  }
  at::set_num_threads(threads);
  EXPECT_EQ(norms[0], norms[2]);
  EXPECT_EQ(norms[1], norms[3]);
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(at::equal(results[0][i].tensor, results[1][i].tensor)) << results[0][i].name;
  }
}

std::vector<nn::NamedTensor> NamedLikeTheModel() {
  return {Parameter("backbone.0.patch_embed.proj.weight", {2}),
          Parameter("backbone.0.norm1.weight", {2}),
          Parameter("backbone.0.relative_position_bias_table", {2}),
          Parameter("transformer.encoder.layers.0.self_attn.sampling_offsets.weight", {2}),
          Parameter("transformer.encoder.layers.0.self_attn.sampling_offsets.bias", {2}),
          Parameter("transformer.encoder.layers.0.linear1.weight", {2}),
          Parameter("transformer.enc_output_norm.weight", {2})};
}

struct Expected {
  double learning_rate, weight_decay;
  std::vector<std::string> last_names;  // the end of every parameter's name
};

void ExpectGroups(ParameterGroups groups, const std::vector<Expected>& expected) {
  AdamWOptions options;
  options.groups = groups;
  options.learning_rate = 0.5, options.backbone_learning_rate = 0.25, options.offsets_factor = 0.125;
  options.weight_decay = 0.1;
  const AdamW optimizer(NamedLikeTheModel(), options);
  ASSERT_EQ(optimizer.groups().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const AdamW::Group& group = optimizer.groups()[i];
    SCOPED_TRACE(group.name);
    EXPECT_EQ(group.learning_rate, expected[i].learning_rate);
    EXPECT_EQ(group.weight_decay, expected[i].weight_decay);
    ASSERT_EQ(group.parameters.size(), expected[i].last_names.size());
    for (size_t j = 0; j < group.parameters.size(); ++j) {
      EXPECT_THAT(group.parameters[j].name, ::testing::EndsWith(expected[i].last_names[j]));
    }
  }
}

TEST(ParameterGroupsTest, AreThoseOfTheOfficialProgram) {
  ExpectGroups(ParameterGroups::kBackbone,
               {{0.5, 0.1, {"offsets.weight", "offsets.bias", "linear1.weight", "output_norm.weight"}},
                {0.25, 0.1, {"proj.weight", "norm1.weight", "bias_table"}}});
  ExpectGroups(ParameterGroups::kBackboneAndOffsets, {{0.5, 0.1, {"linear1.weight", "output_norm.weight"}},
                                                      {0.25, 0.1, {"proj.weight", "norm1.weight", "bias_table"}},
                                                      {0.0625, 0.1, {"offsets.weight", "offsets.bias"}}});
  ExpectGroups(ParameterGroups::kNormsAndBiasesApart, {{0.5, 0.1, {"offsets.weight", "linear1.weight"}},
                                                       {0.25, 0, {"norm1.weight", "bias_table"}},
                                                       {0.25, 0.1, {"proj.weight"}},
                                                       {0.5, 0, {"offsets.bias", "output_norm.weight"}}});
}

TEST(ParameterGroupsTest, NormsAndBiasesAreNotDecayed) {
  AdamWOptions options;
  options.groups = ParameterGroups::kNormsAndBiasesApart;
  options.learning_rate = 0.5, options.weight_decay = 0.1;
  const std::vector<nn::NamedTensor> model = {Parameter("linear.weight", {2}), Parameter("linear.bias", {2})};
  std::vector<at::Tensor> before;
  for (const nn::NamedTensor& named : model) {
    before.push_back(named.tensor.detach().clone());
    // without a gradient of its own only decay moves a weight
    named.tensor.mutable_grad() = at::zeros_like(named.tensor.detach());
  }
  AdamW optimizer(model, options);
  ASSERT_TRUE(optimizer.Step(1).ok());
  EXPECT_TRUE(at::allclose(model[0].tensor.detach(), before[0] * (1 - 0.5 * 0.1)));
  EXPECT_TRUE(model[1].tensor.detach().equal(before[1]));
}

}  // namespace
}  // namespace grouppose::train
