#include "eval/metrics_format.h"

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "eval/json_text.h"

namespace eval {
namespace {

// What the number of that name is.
std::string Meaning(const std::string& name) {
  const std::string kind = name.compare(0, 2, "AP") == 0 ? "average precision" : "average recall";
  const std::string rest = name.substr(2);
  if (rest.empty()) return kind + ", mean over OKS 0.50 to 0.95, all persons";
  if (rest == "50") return kind + " at OKS 0.50, all persons";
  if (rest == "75") return kind + " at OKS 0.75, all persons";
  if (rest == "m") return kind + ", persons of medium area (32^2 to 96^2 pixels)";
  if (rest == "l") return kind + ", persons of large area (from 96^2 pixels)";
  if (rest == "_easy") return kind + ", images of a low crowd index";
  if (rest == "_medium") return kind + ", images of a medium crowd index";
  if (rest == "_hard") return kind + ", images of a high crowd index";
  return "always 0 in the official tool";
}

template <typename Values, typename Append>
void AppendArray(const Values& values, Append append, std::string* out) {
  out->push_back('[');
  bool first = true;
  for (const auto& value : values) {
    if (!first) out->push_back(',');
    first = false;
    append(value, out);
  }
  out->push_back(']');
}

void AppendInteger(int64_t value, std::string* out) { absl::StrAppend(out, value); }

// [threshold][category][area] of value(t, k, a).
void AppendTable(const Metrics& metrics, const std::function<double(int, int, int)>& value, std::string* out) {
  out->push_back('[');
  for (int t = 0; t < metrics.num_thresholds; ++t) {
    out->append(t > 0 ? ",[" : "[");
    for (size_t k = 0; k < metrics.category_ids.size(); ++k) {
      out->append(k > 0 ? ",[" : "[");
      for (size_t a = 0; a < metrics.area_labels.size(); ++a) {
        if (a > 0) out->push_back(',');
        AppendJsonDouble(value(t, static_cast<int>(k), static_cast<int>(a)), out);
      }
      out->push_back(']');
    }
    out->push_back(']');
  }
  out->push_back(']');
}

void AppendCurves(const Metrics& metrics, std::string* out) {
  if (metrics.category_ids.empty()) {
    out->append("null");
    return;
  }
  AppendArray(
      std::vector<int>{0, 5},  // OKS 0.5 and 0.75
      [&](int threshold, std::string* text) {
        std::vector<double> curve;
        for (int r = 0; r < metrics.num_recalls; ++r) curve.push_back(metrics.Precision(threshold, r, 0, 0));
        AppendJsonDoubles(curve.data(), curve.size(), text);
      },
      out);
}

void AppendImageDetails(const ImageDetails& details, std::string* out) {
  const auto list = [&](const char* key, const auto& values) {
    absl::StrAppend(out, ",\"", key, "\":");
    AppendArray(values, AppendInteger, out);
  };
  absl::StrAppend(out, "{\"image_id\":", details.image_id, ",\"category_id\":", details.category_id);
  list("dtIds", details.detection_ids);
  out->append(",\"dtScores\":");
  AppendJsonDoubles(details.scores.data(), details.scores.size(), out);
  list("gtIds_sorted", details.annotation_ids);
  list("gtIgnore", details.annotation_ignored);
  list("dtMatches_T0", details.matches_50);
  list("dtMatches_T5", details.matches_75);
  list("dtIgnore_T0", details.detection_ignored_50);
  out->append(",\"oks_dt_by_gt_file_order\":[");
  const size_t columns = details.annotation_ids.size();
  for (size_t i = 0; i * columns < details.oks.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonDoubles(details.oks.data() + i * columns, columns, out);
  }
  out->append("]}");
}

}  // namespace

std::string FormatMetricsTable(const Metrics& metrics) {
  std::string text;
  for (size_t i = 0; i < metrics.names.size(); ++i) {
    absl::StrAppendFormat(&text, "%-10s %8.4f  %s\n", metrics.names[i], metrics.stats[i], Meaning(metrics.names[i]));
  }
  absl::StrAppendFormat(&text, "%d images, %d annotations (%d count), %d detections\n", metrics.num_images,
                        metrics.num_annotations, metrics.num_positives, metrics.num_detections);
  return text;
}

std::string FormatMetricsJson(const Metrics& metrics, bool details) {
  std::string out = "{\"names\":";
  AppendArray(metrics.names, AppendJsonString, &out);
  out.append(",\n\"stats\":");
  AppendJsonDoubles(metrics.stats.data(), metrics.stats.size(), &out);
  out.append(",\n\"area_labels\":");
  AppendArray(metrics.area_labels, AppendJsonString, &out);
  absl::StrAppend(&out, ",\n\"counts\":{\"images\":", metrics.num_images, ",\"gt\":", metrics.num_annotations,
                  ",\"dt\":", metrics.num_detections, ",\"npig_all\":", metrics.num_positives, "}");
  out.append(",\n\"recall_TA\":");
  AppendTable(
      metrics, [&](int t, int k, int a) { return metrics.Recall(t, k, a); }, &out);
  out.append(",\n\"precision_mean_TA\":");
  AppendTable(
      metrics, [&](int t, int k, int a) { return metrics.MeanPrecision(t, k, a); }, &out);
  if (details) {
    out.append(",\n\"precision_all_k0\":");
    AppendCurves(metrics, &out);
    out.append(",\n\"per_image_all\":");
    AppendArray(
        metrics.per_image,
        [](const ImageDetails& image, std::string* text) {
          text->push_back('\n');
          AppendImageDetails(image, text);
        },
        &out);
  }
  out.append("}\n");
  return out;
}

}  // namespace eval
