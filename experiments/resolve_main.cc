// Writes the one resolved experiment that a file and overrides name, every field explicit: what a study's cell is
// trained from, so that a new file beside it or a comment trains nothing anew.
//
//   resolve --experiment=experiments/tiny.textproto --set=training.steps=600 --output=FILE
#include <string>
#include <vector>

#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/experiment.h"

namespace grouppose::experiments {
namespace {

absl::Status Run(const std::vector<std::string>& arguments) {
  std::string path, output;
  std::vector<std::string> overrides;
  base::Flags flags("resolve", "Writes the resolved experiment, every field explicit.");
  flags.Required("experiment", &path, "FILE", "experiment textproto");
  flags.Repeated("set", &overrides, "PATH=VALUE", "override of a field, in this order");
  flags.Required("output", &output, "FILE", "where the resolved textproto goes");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Experiment experiment, LoadExperiment(path, overrides));
  return base::WriteFileAtomically(output, ResolvedText(experiment));
}

}  // namespace
}  // namespace grouppose::experiments

int main(int argc, char** argv) {
  return base::RunMain("resolve", [&] { return grouppose::experiments::Run(base::Arguments(argc, argv)); });
}
