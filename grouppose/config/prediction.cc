#include "grouppose/config/prediction.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/dataset_description.h"
#include "eval/keypoint_dataset.h"
#include "experiments/metrics.pb.h"
#include "grouppose/config/options.h"
#include "grouppose/config/run_folder.h"
#include "grouppose/config/run_parts.h"
#include "grouppose/data/dataset.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/image_list.h"
#include "grouppose/data/pose_drawing.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/train/evaluate.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;

using DetectionsOfImage = std::map<int64_t, std::vector<const eval::Detection*>>;  // best score first

absl::StatusOr<std::vector<eval::Detection>> PredictAll(const Experiment& experiment, const RunOptions& options,
                                                        const Dataset& dataset, GroupPose* model) {
  train::EvaluateOptions evaluate;
  evaluate.loader = LoaderOf(experiment, experiment.evaluation().batch_size(), options.seed);
  evaluate.num_select = experiment.evaluation().num_select();
  base::Progress progress("predicting", dataset.size(), ProgressOf(options));
  evaluate.on_progress = [&](int64_t images) { progress.Update(images); };
  ASSIGN_OR_RETURN(std::vector<eval::Detection> detections, train::Predict(evaluate, dataset, model));
  progress.Finish();
  return detections;
}

DetectionsOfImage GroupByImage(const std::vector<eval::Detection>& detections, double threshold) {
  DetectionsOfImage grouped;
  for (const eval::Detection& detection : detections) {
    if (detection.score >= threshold) grouped[detection.image_id].push_back(&detection);
  }
  return grouped;
}

// "street.png" for a picture "photos/street.jpg"; with the id where two pictures have that name.
std::map<int64_t, std::string> DrawingNames(const std::vector<eval::Image>& images) {
  const auto stem = [](const eval::Image& image) { return std::filesystem::path(image.file_name).stem().string(); };
  std::map<std::string, int> uses;
  for (const eval::Image& image : images) ++uses[stem(image)];
  std::map<int64_t, std::string> names;
  for (const eval::Image& image : images) {
    names[image.id] =
        uses[stem(image)] == 1 ? absl::StrCat(stem(image), ".png") : absl::StrCat(stem(image), ".", image.id, ".png");
  }
  return names;
}

std::string Line(const eval::Image& image, const std::vector<const eval::Detection*>& persons) {
  std::string line = absl::StrCat(image.file_name, "  ", persons.size(), persons.size() == 1 ? " person" : " persons");
  for (const eval::Detection* person : persons) absl::StrAppend(&line, absl::StrFormat(" %.2f", person->score));
  return line;
}

// Draws, and prints what is drawn. Fills in the sizes of the images.
absl::Status DrawAll(const Dataset& dataset, const DetectionsOfImage& grouped, const std::string& folder,
                     std::vector<eval::Image>* images) {
  RETURN_IF_ERROR(base::MakeDirectories(folder));
  const std::map<int64_t, std::string> names = DrawingNames(*images);
  for (int64_t index = 0; index < dataset.size(); ++index) {
    ASSIGN_OR_RETURN(Sample sample, dataset.Get(index));
    eval::Image& image = (*images)[index];
    image.height = sample.image.height;
    image.width = sample.image.width;
    const auto found = grouped.find(image.id);
    const auto persons = found == grouped.end() ? std::vector<const eval::Detection*>() : found->second;
    std::vector<DrawnKeypoints> poses;
    for (const eval::Detection* person : persons) poses.push_back(person->keypoints);
    DrawPoses(dataset.description(), poses, &sample.image);
    RETURN_IF_ERROR(WritePng(base::JoinPath(folder, names.at(image.id)), sample.image));
    std::printf("%s\n", Line(image, persons).c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> HashOfFiles(const std::vector<eval::Image>& images) {
  std::string hashes;
  for (const eval::Image& image : images) {
    ASSIGN_OR_RETURN(const std::string hash, base::Sha256OfFile(image.file_name));
    hashes += hash;
  }
  return base::Sha256(hashes);
}

}  // namespace

absl::Status RunPrediction(const Experiment& experiment, const PredictionOptions& prediction,
                           const RunOptions& options) {
  SetThreads(options);
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  RETURN_IF_ERROR(CheckNoTrainingIsThere(options));
  ASSIGN_OR_RETURN(const eval::KeypointDataset keypoints, eval::KeypointDatasetOf(experiment.data()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> dataset, OpenImageList(prediction.images, keypoints));
  GroupPose model(model_options);
  RETURN_IF_ERROR(LoadCheckpoint(prediction.checkpoint, experiment, options, &model));
  ASSIGN_OR_RETURN(const std::vector<eval::Detection> detections, PredictAll(experiment, options, *dataset, &model));

  ASSIGN_OR_RETURN(RunFolder folder, RunFolder::OpenForEvaluation(experiment, options));
  eval::Dataset pictures;
  pictures.images = dataset->ground_truth().images;
  RETURN_IF_ERROR(
      DrawAll(*dataset, GroupByImage(detections, prediction.threshold), folder.Path("drawings"), &pictures.images));
  RETURN_IF_ERROR(folder.WriteResults(detections));
  RETURN_IF_ERROR(eval::WriteDataset(folder.Path("images.json"), pictures));
  experiments::Provenance provenance;
  ASSIGN_OR_RETURN(*provenance.mutable_data_sha256(), HashOfFiles(pictures.images));
  ASSIGN_OR_RETURN(*provenance.mutable_initial_checkpoint_sha256(), base::Sha256OfFile(prediction.checkpoint));
  RETURN_IF_ERROR(folder.WriteProvenance(provenance));
  return folder.WriteTimes();
}

}  // namespace grouppose::config
