#include "eval/input_files.h"

#include <optional>
#include <thread>
#include <utility>

#include "base/files.h"
#include "base/status.h"
#include "eval/detection_table_reader.h"

namespace eval {
namespace {

absl::StatusOr<std::vector<DetectionTable>> ReadTables(const std::vector<std::string>& paths,
                                                       const TableReadOptions& options) {
  std::vector<DetectionTable> tables;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(DetectionTable table, ReadDetectionTable(base::UserPath(path), options));
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace

absl::StatusOr<InputFiles> ReadInputFiles(const std::string& annotations_path,
                                          const std::vector<std::string>& detections_paths, int num_keypoints,
                                          int threads) {
  ReadOptions read_options;
  read_options.num_keypoints = num_keypoints;
  TableReadOptions table_options;
  table_options.num_keypoints = num_keypoints;
  table_options.threads = threads;

  absl::StatusOr<Dataset> dataset;
  const auto read_dataset = [&] { dataset = ReadDataset(base::UserPath(annotations_path), read_options); };
  std::optional<std::thread> beside;
  if (threads > 1) {
    beside.emplace(read_dataset);
  } else {
    read_dataset();
    RETURN_IF_ERROR(dataset.status());
  }
  absl::StatusOr<std::vector<DetectionTable>> detections = ReadTables(detections_paths, table_options);
  if (beside.has_value()) beside->join();
  RETURN_IF_ERROR(dataset.status());
  RETURN_IF_ERROR(detections.status());
  return InputFiles{*std::move(dataset), *std::move(detections)};
}

}  // namespace eval
