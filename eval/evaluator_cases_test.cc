// Every recorded case of the official tools against ours, by way of the JSON that pose_eval writes.
//
// The summary, the recalls, the precisions and the matches depend on doubles only through comparisons and one fixed
// order of additions, so they are compared to the last bit. An OKS has passed through exp, whose last bit is the
// machine's.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/evaluator.h"
#include "eval/json_reader.h"
#include "eval/metrics_format.h"

namespace eval {
namespace {

constexpr double kOksTolerance = 1e-12;

// The folder of the cases, or "" where there is none.
std::string CasesFolder() {
  const char* data = std::getenv("GROUPPOSE_TEST_DATA");
  if (data == nullptr || *data == '\0') return "";
  const std::string folder = base::JoinPath(data, "data/eval_cases");
  return base::IsDirectory(folder) ? folder : "";
}

#define SKIP_WITHOUT_CASES() \
  if (CasesFolder().empty()) GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set to a folder with data/eval_cases"

// Results as a file has them: every array of numbers under its path ("per_image_all[3].dtIds"), flattened; the number
// of elements of every array under "PATH#", so that shapes are compared as well.
struct Results {
  bool refused = false;  // `stats` is null
  std::vector<std::string> names, area_labels;
  std::map<std::string, std::vector<double>> numbers;
};

class ResultsReader {
 public:
  ResultsReader(const std::string& source, std::string json) : reader_(source, std::move(json)) {}

  absl::StatusOr<Results> Read() {
    RETURN_IF_ERROR(reader_.Run([&](JsonReader::Value root) {
      return reader_.Entries(root, {}, [&](absl::string_view key, JsonReader::Value value) -> absl::Status {
        const std::string name(key);
        if (name == "names") return Strings(value, &results_.names);
        if (name == "area_labels") return Strings(value, &results_.area_labels);
        if (name == "stats" && IsNull(value)) {
          results_.refused = true;
          return absl::OkStatus();
        }
        static const std::set<std::string> compared = {
            "stats", "counts", "recall_TA", "precision_mean_TA", "precision_all_k0", "per_image_all"};
        return compared.count(name) > 0 ? Numbers(value, name) : absl::OkStatus();
      });
    }));
    return results_;
  }

 private:
  static bool IsNull(JsonReader::Value value) {
    bool null = false;
    return !value.is_null().get(null) && null;
  }

  absl::Status Strings(JsonReader::Value value, std::vector<std::string>* out) {
    return reader_.Elements(value, {}, [&](int64_t, JsonReader::Value element) {
      return reader_.String(element, {}, &out->emplace_back());
    });
  }

  absl::Status Numbers(JsonReader::Value value, const std::string& path) {
    simdjson::ondemand::json_type type;
    if (value.type().get(type)) return absl::InvalidArgumentError(path);
    if (type == simdjson::ondemand::json_type::object) {
      return reader_.Entries(value, {}, [&](absl::string_view key, JsonReader::Value entry) {
        return Numbers(entry, absl::StrCat(path, ".", key));
      });
    }
    if (type != simdjson::ondemand::json_type::array) {
      return reader_.Double(value, {}, &results_.numbers[path].emplace_back());
    }
    int64_t count = 0;
    RETURN_IF_ERROR(reader_.Elements(value, {}, [&](int64_t index, JsonReader::Value element) {
      count = index + 1;
      return Numbers(element, absl::StrCat(path, "[", index, "]"));
    }));
    results_.numbers[path + "#"] = {static_cast<double>(count)};
    return absl::OkStatus();
  }

  JsonReader reader_;
  Results results_;
};

Results MustRead(const std::string& source, std::string json) {
  auto results = ResultsReader(source, std::move(json)).Read();
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : Results();
}

bool Same(double a, double b, double tolerance) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance;
}

void ExpectSame(const Results& actual, const Results& expected) {
  EXPECT_EQ(actual.names, expected.names);
  EXPECT_EQ(actual.area_labels, expected.area_labels);
  int compared = 0;
  for (const auto& [path, values] : expected.numbers) {
    const auto found = actual.numbers.find(path);
    ASSERT_NE(found, actual.numbers.end()) << "we have no " << path;
    ASSERT_EQ(found->second.size(), values.size()) << path;
    const double tolerance = path.find("oks_dt_by_gt") != std::string::npos ? kOksTolerance : 0;
    for (size_t i = 0; i < values.size(); ++i, ++compared) {
      EXPECT_TRUE(Same(found->second[i], values[i], tolerance))
          << path << ": ours " << absl::StrCat(found->second[i]) << ", official " << absl::StrCat(values[i])
          << ", difference " << found->second[i] - values[i];
    }
  }
  EXPECT_GT(compared, 60);
}

struct Case {
  const char* name;
  const char* refusal;  // what our error says where the official tool refuses; "" where it gives numbers
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class OfficialCase : public ::testing::TestWithParam<Case> {
 protected:
  std::string Path(const std::string& file) const {
    return base::JoinPath(base::JoinPath(CasesFolder(), GetParam().name), file);
  }

  absl::StatusOr<Metrics> Ours() const {
    EvaluatorOptions options;
    if (std::string(GetParam().name).compare(0, 9, "crowdpose") == 0) options.dataset = CrowdPose();
    options.details = true;
    ReadOptions read_options;
    read_options.num_keypoints = options.dataset.num_keypoints();
    ASSIGN_OR_RETURN(const Dataset dataset, ReadDataset(Path("gt.json"), read_options));
    ASSIGN_OR_RETURN(const std::vector<Detection> detections, ReadDetections(Path("dt.json"), read_options));
    return Evaluate(dataset, detections, options);
  }
};

TEST_P(OfficialCase, GivesTheOfficialNumbers) {
  SKIP_WITHOUT_CASES();
  auto text = base::ReadFile(Path("expected.json"));
  ASSERT_TRUE(text.ok()) << text.status();
  const Results expected = MustRead("expected.json", *text);
  const auto metrics = Ours();
  const std::string refusal = GetParam().refusal;
  if (!refusal.empty()) {
    EXPECT_TRUE(expected.refused);
    EXPECT_EQ(metrics.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(metrics.status().message()).find(refusal), std::string::npos) << metrics.status();
    return;
  }
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  if (expected.refused) {
    // the official tool crashes on an empty class without detections; a class without images has no AP
    EXPECT_EQ(std::string(GetParam().name), "crowdpose_no_detections_empty_class");
    EXPECT_EQ(metrics->Stat("AP"), 0);
    EXPECT_EQ(metrics->Stat("AP_hard"), -1);
    return;
  }
  ExpectSame(MustRead("ours", FormatMetricsJson(*metrics, true)), expected);
}

TEST_P(OfficialCase, SurvivesOurWriter) {
  SKIP_WITHOUT_CASES();
  const auto dataset = ReadDataset(Path("gt.json"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const std::string json = FormatDataset(*dataset);
  const auto dataset_again = ParseDataset(json, "ours");
  ASSERT_TRUE(dataset_again.ok()) << dataset_again.status();
  EXPECT_EQ(FormatDataset(*dataset_again), json);

  const auto detections = ReadDetections(Path("dt.json"));
  ASSERT_TRUE(detections.ok()) << detections.status();
  const std::string results = FormatDetections(*detections);
  const auto detections_again = ParseDetections(results, "ours");
  ASSERT_TRUE(detections_again.ok()) << detections_again.status();
  EXPECT_EQ(FormatDetections(*detections_again), results);
}

constexpr char kNoBox[] = "detections[22] (image 188417): has no 'bbox'";

const Case kCases[] = {
    {"coco_all_gt_ignored", ""},
    {"coco_all_scores_equal", ""},
    {"coco_area_boundaries", ""},
    {"coco_crowd", ""},
    {"coco_gt_id_zero", ""},
    {"coco_gt_ignore_field", ""},
    {"coco_hrnet_example", ""},
    {"coco_large", ""},
    {"coco_mixed_bbox_first_with", kNoBox},
    {"coco_mixed_bbox_first_without", ""},
    {"coco_more_than_20", ""},
    {"coco_nan_inf_keypoints", ""},
    {"coco_nan_inf_scores", ""},
    {"coco_no_detections", ""},
    {"coco_no_gt", ""},
    {"coco_no_visible_but_counted", ""},
    {"coco_num_keypoints_inconsistent", ""},
    {"coco_official_val2014_fake100", ""},
    {"coco_other_categories", ""},
    {"coco_perfect", ""},
    {"coco_recall_grid_100", ""},
    {"coco_score_ties", ""},
    {"coco_single_person", ""},
    {"coco_two_categories", ""},
    {"coco_unknown_image", "detections[23]: image 999999999 is not among the 10 images"},
    {"coco_unsorted", ""},
    {"coco_with_bbox", ""},
    {"crowdpose_crowd", ""},
    {"crowdpose_gt_area_is_ignored", ""},
    {"crowdpose_hrnet_example", ""},
    {"crowdpose_index_boundaries", ""},
    {"crowdpose_large", ""},
    {"crowdpose_more_than_20", ""},
    {"crowdpose_nan_inf", ""},
    {"crowdpose_nk0_head_neck", ""},
    {"crowdpose_no_detections", ""},
    {"crowdpose_no_detections_empty_class", ""},
    {"crowdpose_no_gt", ""},
    {"crowdpose_only_easy", ""},
    {"crowdpose_other_categories", ""},
    {"crowdpose_perfect", ""},
    {"crowdpose_score_ties", ""},
    {"crowdpose_unknown_image", "detections[125]: image 1 is not among the 10 images"},
    {"crowdpose_zero_box", ""},
};

INSTANTIATE_TEST_SUITE_P(All, OfficialCase, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OfficialCases, NoneIsForgotten) {
  SKIP_WITHOUT_CASES();
  std::set<std::string> listed, there;
  for (const Case& c : kCases) listed.insert(c.name);
  for (const auto& entry : std::filesystem::directory_iterator(CasesFolder())) {
    there.insert(entry.path().filename().string());
  }
  EXPECT_EQ(listed, there);
}

}  // namespace
}  // namespace eval
