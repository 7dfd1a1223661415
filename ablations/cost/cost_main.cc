// What every linked attention scheme costs: time, memory, floating-point operations.
//
//   ./bazelw run //ablations/cost                                          at the size of the published model
//   ./bazelw run //ablations/cost -- --experiment=experiments/tiny.textproto --batch=8
#include <cstdio>
#include <string>
#include <vector>

#include "ablations/cost/measure.h"
#include "ablations/cost/table.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "experiments/textproto.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/backbone/backbone.h"
#include "grouppose/config/options.h"

namespace grouppose::cost {
namespace {

using experiments::Experiment;

// What the experiment says of the decoder and of the images that it evaluates on.
void TakeFrom(const Experiment& experiment, CostOptions* options) {
  const GroupPoseOptions model = config::ModelOptions(experiment);
  options->transformer = model.transformer;
  options->backbone_strides = MakeBackbone(model.backbone)->strides();
  if (experiment.data().source() == experiments::Data::SYNTHETIC) {
    options->image_height = options->image_width = experiment.data().synthetic().image_size();
  }
}

absl::Status CheckPositive(const std::string& name, int64_t value) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": expected a positive number, found ", value));
}

absl::Status Run(const std::vector<std::string>& arguments) {
  CostOptions options;
  std::string experiment_path, output, text;
  std::vector<std::string> overrides, schemes;
  int64_t threads = options.threads, height = 0, width = 0;
  base::Flags flags("cost", "Measures what the attention schemes cost beside each other.");
  flags.Optional("experiment", &experiment_path, "FILE", "experiment textproto; without it the published model");
  flags.Repeated("set", &overrides, "PATH=VALUE", "override of a field of the experiment");
  flags.Repeated("scheme", &schemes, "NAME", "only this scheme (GROUP, FULL, ...); without it all");
  flags.Optional("batch", &options.batch, "N", "images at once");
  flags.Optional("image_height", &height, "PIXELS", "0: of the synthetic images, or 800");
  flags.Optional("image_width", &width, "PIXELS", "0: of the synthetic images, or 1066");
  flags.Optional("threads", &threads, "N", "threads of one operator");
  flags.Optional("seconds", &options.seconds_per_part, "S",
                 "of CPU time on each thread for the rounds of each of the three parts; at least three rounds");
  flags.Optional("output", &output, "FILE", "cost.textproto");
  flags.Optional("text", &text, "FILE", "the table, instead of on stdout");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  for (const auto& [name, value] : {std::pair("batch", options.batch), std::pair("threads", threads)}) {
    RETURN_IF_ERROR(CheckPositive(name, value));
  }
  if (!experiment_path.empty()) {
    ASSIGN_OR_RETURN(const Experiment experiment,
                     experiments::LoadExperiment(base::UserPath(experiment_path), overrides));
    TakeFrom(experiment, &options);
  } else if (!overrides.empty()) {
    return absl::InvalidArgumentError("--set needs an --experiment");
  }
  if (options.transformer.decoder_layers == 0) {
    return absl::InvalidArgumentError("model.decoder_layers: expected a decoder to measure, found 0 layers");
  }
  if (height != 0) options.image_height = height;
  if (width != 0) options.image_width = width;
  RETURN_IF_ERROR(CheckPositive("image_height", options.image_height));
  RETURN_IF_ERROR(CheckPositive("image_width", options.image_width));
  options.threads = static_cast<int>(threads);
  if (schemes.empty()) schemes = LinkedAttentionSchemes();
  for (const std::string& scheme : schemes) {
    const absl::Status found = FindAttentionScheme(scheme).status();
    if (!found.ok()) return absl::InvalidArgumentError(absl::StrCat("--scheme: ", std::string(found.message())));
  }

  const experiments::Cost cost = MeasureCost(options, schemes);
  if (!output.empty()) RETURN_IF_ERROR(experiments::WriteTextproto(base::UserPath(output), cost));
  if (!text.empty()) return base::WriteFileAtomically(base::UserPath(text), CostTable(cost));
  std::fputs(CostTable(cost).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace grouppose::cost

int main(int argc, char** argv) {
  return base::RunMain("cost", [&] { return grouppose::cost::Run(base::Arguments(argc, argv)); });
}
