// What training, evaluation and their dry runs share: the files of weights that a run starts from, the state that it
// goes on from, and the facts of its model.
#ifndef GROUPPOSE_CONFIG_RUN_PARTS_H_
#define GROUPPOSE_CONFIG_RUN_PARTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/progress.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "grouppose/checkpoint/read_checkpoint.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/config/run.h"
#include "grouppose/data/loader.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/train/optimizer.h"
#include "grouppose/train/weight_average.h"

namespace grouppose::config {

using Weights = std::map<std::string, at::Tensor>;

inline constexpr char kStateFile[] = "checkpoints/latest.safetensors";
inline constexpr char kInitialSha256[] = "initial_checkpoint_sha256";  // in a state's metadata

// torch's threads as the options say; its deterministic algorithms where they ask for these.
void SetThreads(const RunOptions& options);
base::ProgressOptions ProgressOf(const RunOptions& options);
LoaderOptions LoaderOf(const experiments::Experiment& experiment, int64_t batch_size, uint64_t seed);

// A program links the schemes it trains: refuses the others before anything is drawn or read.
absl::Status CheckScheme(const GroupPoseOptions& options);

// Trained parameters, and what of them is in decoder and attention; pairs of queries and keys.
void CountParameters(const GroupPose& model, experiments::Metrics* metrics);

// Under every official name; the tensors share the model's memory.
Weights WeightsOf(const GroupPose& model);

// The weights of a file of any format, options.weights of them. Warns on stderr of arguments in it that disagree with
// the experiment.
absl::StatusOr<checkpoint::Checkpoint> ReadWeights(const std::string& path, const experiments::Experiment& experiment,
                                                   const RunOptions& options);

// A whole model's weights.
absl::Status LoadCheckpoint(const std::string& path, const experiments::Experiment& experiment,
                            const RunOptions& options, GroupPose* model);

// Names of the model that contain one of `keywords`: what --init_ignore leaves at its initial values.
std::vector<std::string> IgnoredNames(const GroupPose& model, const std::vector<std::string>& keywords);

// options.init into the model: a whole model, or the weights of a pretraining. With options.init_lenient names that
// only one side has are passed over, with a warning on stderr for each. The names that options.init_ignore leaves alone
// are listed there too; InvalidArgument for a keyword that is a part of no name of either side.
absl::Status LoadInitial(const experiments::Experiment& experiment, const RunOptions& options, GroupPose* model);

// options.init_backbone into the backbone (backbone_weights.h). Says on stderr what was taken, kept and passed over.
absl::Status LoadBackbone(const RunOptions& options, GroupPose* model);

// The file that the run starts from, into the model: one of --init and --init_backbone. "" where there is none, else
// its SHA-256.
absl::StatusOr<std::string> LoadStart(const experiments::Experiment& experiment, const RunOptions& options,
                                      GroupPose* model);

// What names a run in the files that it is resumed from.
std::map<std::string, std::string> IdentityOf(const experiments::Experiment& experiment, const RunOptions& options);

// Where training goes on: steps done, and the optimiser's state.
struct ResumePoint {
  int64_t step = 0;
  std::string path;
  checkpoint::TensorFile file;
};

// The state that --resume names; nothing where there is none to go on from.
absl::StatusOr<std::optional<ResumePoint>> FindResumePoint(const experiments::Experiment& experiment,
                                                           const RunOptions& options);

// Hours of training are not overwritten because somebody pressed arrow-up.
absl::Status CheckNoRunIsLost(const RunOptions& options);
// An evaluation does not write into the folder of a training.
absl::Status CheckNoTrainingIsThere(const RunOptions& options);

absl::Status SaveState(const experiments::Experiment& experiment, const RunOptions& options, const GroupPose& model,
                       const train::AdamW& optimizer, const std::optional<train::WeightAverage>& average, int64_t step,
                       const std::string& initial_sha256, const std::string& path);
absl::Status RestoreState(const ResumePoint& point, const GroupPose& model, train::AdamW* optimizer,
                          std::optional<train::WeightAverage>* average);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_RUN_PARTS_H_
