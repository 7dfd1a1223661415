// backbone_*: feature levels and their masks.
#include "grouppose/backbone/backbone.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "grouppose/backbone/level_mask.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/model_options.h"
#include "grouppose/parity/recipe.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {

void CheckBackbone(const Fixture& fixture, Report* report) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> channels;
  for (int i = 0; fixture.Has(absl::StrCat("feat", i)); ++i) {
    channels.push_back(fixture.Get(absl::StrCat("feat", i)).size(1));
  }
  // levels have the channels of one backbone alone; windows of 7 and 12 differ in their number of parameters
  const std::unique_ptr<Backbone> backbone =
      MakeBackbone(fixture.HasMeta("config/backbone")
                       ? BackboneByName(fixture.Text("config/backbone"))
                       : BackboneByChannels(channels, static_cast<int64_t>(fixture.Number("n_params", 0))));
  backbone->SetTraining(false);
  // the official program wraps it with its position encoding, so its names begin with "0."
  FillByRecipe(*backbone, static_cast<uint64_t>(fixture.Integer("seed")), fixture.Text("prefix") + "0.");
  const std::vector<at::Tensor> levels = backbone->Forward(fixture.Get("images"));
  report->Expect("levels", levels.size() == channels.size(),
                 absl::StrCat(levels.size(), " levels, expected ", channels.size()));
  for (size_t i = 0; i < levels.size() && i < channels.size(); ++i) {
    const std::string name = absl::StrCat("feat", i), mask = absl::StrCat("mask", i);
    report->Compare(name, levels[i], fixture.Get(name), ToleranceOf(fixture, name));
    report->Compare(mask, LevelMask(fixture.Get("image_mask"), levels[i].size(2), levels[i].size(3)), fixture.Get(mask),
                    Tolerance::Exact());
  }
}

}  // namespace grouppose::parity
