// A study in a test's folder: cells as a training leaves them, and the report on them.
#ifndef ABLATIONS_REPORT_FIXTURE_H_
#define ABLATIONS_REPORT_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "ablations/report.h"
#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "eval/evaluator.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"

namespace grouppose {

class ReportFixture : public ::testing::Test {
 protected:
  ReportFixture()
      : folder_(base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
  }

  // What a test changes in a cell before it is written.
  struct CellFiles {
    experiments::Metrics metrics;
    experiments::Times times;
    experiments::Experiment experiment;
    experiments::Provenance provenance;
  };
  using Change = std::function<void(CellFiles*)>;

  // A cell whose AP is 0.9 of the last one at half of 20 steps; synthetic people, 40 test images.
  void AddCell(const std::string& variant, int64_t seed, double ap, const Change& change = {}) {
    CellFiles files;
    AddEvaluation(10, 0.95 * ap, &files.metrics);
    AddEvaluation(20, ap, &files.metrics);
    files.metrics.set_training_steps(20);
    files.metrics.set_final_loss(12.5);
    files.metrics.set_attention_pairs(288);
    files.times.set_cpu_seconds(7);
    files.experiment.mutable_data()->set_source(experiments::Data::SYNTHETIC);
    files.experiment.mutable_data()->set_evaluation_split("test");
    if (change) change(&files);
    const std::string cell = CellFolder(variant, seed);
    ASSERT_TRUE(base::MakeDirectories(cell).ok());
    Write(cell + "/metrics.textproto", files.metrics);
    Write(cell + "/times.textproto", files.times);
    Write(cell + "/experiment.textproto", files.experiment);
    Write(cell + "/provenance.textproto", files.provenance);
    cells_.push_back(absl::StrCat(variant, ":", seed, ":", cell));
  }

  // One person an image at (10, 10) ... (50, 50).
  static eval::Dataset People(int images) {
    eval::Dataset dataset;
    dataset.categories.push_back({1, "person"});
    for (int64_t id = 1; id <= images; ++id) {
      dataset.images.push_back({id, 64, 64, absl::StrCat(id, ".png")});
      eval::Annotation person;
      person.id = person.image_id = id;
      person.bbox = {10, 10, 40, 40};
      person.area = 1600;
      person.num_keypoints = 17;
      for (int k = 0; k < 17; ++k) person.keypoints.insert(person.keypoints.end(), {10 + 2.5 * k, 10 + 2.5 * k, 2});
      dataset.annotations.push_back(person);
    }
    return dataset;
  }

  // A pose an image, moved by `errors` pixels; the AP of the cell becomes what the evaluator says of it.
  void AddCellWithPoses(const std::string& variant, int64_t seed, const eval::Dataset& people,
                        const std::vector<double>& errors, const Change& change = {}) {
    std::vector<eval::Detection> detections;
    for (size_t i = 0; i < errors.size(); ++i) {
      eval::Detection detection;
      detection.image_id = people.images[i].id;
      detection.score = 0.9 - 0.001 * static_cast<double>(i);
      detection.keypoints = people.annotations[i].keypoints;
      for (size_t k = 0; k < detection.keypoints.size(); k += 3) detection.keypoints[k] += errors[i];
      detections.push_back(detection);
    }
    const auto metrics = eval::Evaluate(people, detections);
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    AddCell(variant, seed, metrics->Stat("AP"), change);
    const std::string cell = CellFolder(variant, seed);
    ASSERT_TRUE(eval::WriteDetections(cell + "/results.json", detections).ok());
    ASSERT_TRUE(eval::WriteDataset(cell + "/ground_truth.json", people).ok());
  }

  static void AddEvaluation(int64_t step, double ap, experiments::Metrics* metrics) {
    experiments::Metrics::Evaluation* evaluation = metrics->add_evaluations();
    evaluation->set_step(step);
    evaluation->set_split("test");
    evaluation->set_images(40);
    experiments::Metrics::Value* value = evaluation->add_values();
    value->set_name("AP");
    value->set_value(ap);
  }

  static void Write(const std::string& path, const google::protobuf::Message& message) {
    ASSERT_TRUE(experiments::WriteTextproto(path, message).ok()) << path;
  }

  static std::string ReadText(const std::string& path) {
    const auto text = base::ReadFile(path);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }

  std::string CellFolder(const std::string& variant, int64_t seed) const {
    return absl::StrCat(folder_, "/", variant, seed);
  }

  Study MustRead(const std::string& baseline) const {
    auto study = ReadStudy("study", baseline, cells_);
    EXPECT_TRUE(study.ok()) << study.status();
    return *std::move(study);
  }

  // The flags of a report with all its files.
  std::vector<std::string> Arguments(const std::string& baseline) const {
    std::vector<std::string> arguments = {"--study=depth", "--baseline=" + baseline,
                                          "--text=" + folder_ + "/report.txt", "--json=" + folder_ + "/report.json",
                                          "--html=" + folder_ + "/report.html"};
    for (const std::string& cell : cells_) arguments.push_back("--cell=" + cell);
    return arguments;
  }

  std::string folder_;
  std::vector<std::string> cells_;  // VARIANT:SEED:FOLDER
};

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_FIXTURE_H_
