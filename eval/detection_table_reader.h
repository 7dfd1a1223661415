// Result files into tables, on several threads.
//
//   ASSIGN_OR_RETURN(const eval::DetectionTable table, eval::ReadDetectionTable("results.json", {17, 2}));
//
// The file is read in pieces that threads take one by one. A thread cannot know whether the "}, {" that it finds in its
// piece separates two records or stands in a string, so it guesses; afterwards the pieces are put together in order,
// and a piece that does not begin where the one before it has ended is read again from there. The result is that of
// reading from the front, whatever is in the file.
//
// The table holds two doubles a keypoint; of the file, one piece a thread is in memory at a time.
#ifndef EVAL_DETECTION_TABLE_READER_H_
#define EVAL_DETECTION_TABLE_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "eval/detection_table.h"

namespace eval {

struct TableReadOptions {
  // K that every `keypoints` must have; at least 1.
  int num_keypoints = 0;
  int threads = 1;
  // Small enough to stay in a core's own cache between being read and being parsed.
  int64_t piece_bytes = 256 << 10;
};

// Takes and refuses what ReadDetections takes and refuses, in the same words.
absl::StatusOr<DetectionTable> ReadDetectionTable(const std::string& path, const TableReadOptions& options);

// The same from memory; `source` stands for the file in errors.
absl::StatusOr<DetectionTable> ParseDetectionTable(const std::string& json, const std::string& source,
                                                   const TableReadOptions& options);

}  // namespace eval

#endif  // EVAL_DETECTION_TABLE_READER_H_
