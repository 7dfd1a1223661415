#include "eval/explain_format.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/json_writer.h"
#include "base/report_page.h"
#include "eval/matching.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

using base::JsonWriter;

std::string Number(double value) { return value < 0 ? "" : absl::StrFormat("%.4f", value); }

void AppendErrorTable(const Explanation& explanation, std::string* text) {
  absl::StrAppendFormat(text, "%-11s %9s %9s  %-42s %s\n", "error", "AP alone", "in turn", "what it is", "how often");
  for (const ErrorCost& cost : explanation.costs.costs) {
    absl::StrAppendFormat(text, "%-11s %+9.4f %+9.4f  %-42s %s\n", ErrorKindName(cost.kind), cost.gain_alone,
                          cost.gain_in_turn, ErrorMeaning(cost.kind), ErrorSize(explanation.diagnosis, cost.kind));
  }
}

void AppendThresholdTable(const Explanation& explanation, std::string* text) {
  absl::StrAppend(text, "\nAP by OKS threshold, errors corrected in turn\n");
  absl::StrAppendFormat(text, "%-11s", "");
  for (const double threshold : OksThresholds()) absl::StrAppendFormat(text, " %7.2f", threshold);
  absl::StrAppend(text, "\n");
  const auto row = [&](const char* name, const ApByThreshold& ap) {
    absl::StrAppendFormat(text, "%-11s", name);
    for (const double at : ap.at) absl::StrAppendFormat(text, " %7s", Number(at));
    absl::StrAppend(text, "\n");
  };
  row("measured", explanation.costs.baseline);
  for (const ErrorCost& cost : explanation.costs.costs) row(ErrorKindName(cost.kind), cost.in_turn);
}

void AppendKindHeads(std::string* text) {
  for (const KeypointKind kind : kShownKinds) absl::StrAppendFormat(text, " %9s", KeypointKindName(kind));
}

void AppendKinds(const std::array<int, kNumKeypointKinds>& counts, std::string* text) {
  int64_t labelled = 0;
  for (const KeypointKind kind : kShownKinds) labelled += counts[static_cast<int>(kind)];
  for (const KeypointKind kind : kShownKinds) {
    absl::StrAppendFormat(text, " %9s", ShareText(counts[static_cast<int>(kind)], labelled));
  }
}

void AppendKeypointTable(const Explanation& explanation, std::string* text) {
  absl::StrAppendFormat(text, "\n%-20s %8s", "keypoint", "labelled");
  AppendKindHeads(text);
  absl::StrAppend(text, "       OKS\n");
  for (const KeypointSummary& keypoint : explanation.keypoints) {
    absl::StrAppendFormat(text, "%-20s %8d", keypoint.name, keypoint.num_labelled);
    AppendKinds(keypoint.counts, text);
    absl::StrAppendFormat(text, " %9s\n", Number(keypoint.mean_similarity));
  }
}

void AppendGroupTables(const Explanation& explanation, std::string* text) {
  for (const PersonGroups& groups : explanation.groups) {
    if (groups.groups.empty()) continue;
    absl::StrAppendFormat(text, "\n%-20s %8s", groups.name, "persons");
    AppendKindHeads(text);
    absl::StrAppend(text, "        AP        AR\n");
    for (const PersonGroup& group : groups.groups) {
      // the superscript two is one column and two bytes
      const int extra = static_cast<int>(std::count(group.name.begin(), group.name.end(), '\xc2'));
      absl::StrAppendFormat(text, "%-*s %8d", 20 + extra, group.name, group.num_persons);
      AppendKinds(group.keypoints, text);
      absl::StrAppendFormat(text, " %9s %9s\n", Number(group.ap), Number(group.ar));
    }
  }
}

// ---- JSON

// Below 0 stands for what does not exist.
void Member(JsonWriter* json, const char* name, double value) {
  json->Member(name, value < 0 ? std::numeric_limits<double>::quiet_NaN() : value);
}

void Values(JsonWriter* json, const std::vector<double>& values) {
  json->BeginArray(JsonWriter::kOneLine);
  for (const double value : values) json->Value(value);
  json->EndArray();
}

void WriteCounts(const Explanation& explanation, JsonWriter* json) {
  const Diagnosis& diagnosis = explanation.diagnosis;
  json->Key("counts").BeginObject();
  json->Member("images", explanation.metrics.num_images).Member("annotations", explanation.metrics.num_annotations);
  json->Member("detections", explanation.metrics.num_detections).Member("persons", diagnosis.num_persons);
  json->Member("kept_detections", diagnosis.num_detections);
  json->Member("detected_persons", diagnosis.persons.size()).Member("labelled_keypoints", diagnosis.num_labelled());
  json->Member("exchanged_persons", diagnosis.CountBetterExchanged());
  json->Member("mirrored_persons", diagnosis.CountMirrored()).Member("missed_persons", diagnosis.missed.size());
  json->Member("background_detections", diagnosis.CountUnmatched(UnmatchedKind::kBackground));
  json->Member("second_detections", diagnosis.CountUnmatched(UnmatchedKind::kSecond));
  json->Member("detections_of_ignored", diagnosis.num_on_ignored).EndObject();
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void WriteKeypointCounts(const Diagnosis& diagnosis, KeypointKind kind, JsonWriter* json) {
  const int keypoints = diagnosis.Count(kind), persons = diagnosis.CountPersons(kind);
  json->Member("keypoints", keypoints).Member("keypoint_share", Share(keypoints, diagnosis.num_labelled()));
  json->Member("persons", persons);
  json->Member("person_share", Share(persons, static_cast<int64_t>(diagnosis.persons.size())));
}

void WriteErrors(const Diagnosis& diagnosis, const ErrorCosts& costs, JsonWriter* json) {
  json->Key("errors").BeginArray();
  for (const ErrorCost& cost : costs.costs) {
    json->BeginObject(JsonWriter::kOneLine).Member("kind", ErrorKindName(cost.kind));
    for (const KeypointKind kind : kShownKinds) {
      if (std::string(KeypointKindName(kind)) == ErrorKindName(cost.kind)) WriteKeypointCounts(diagnosis, kind, json);
    }
    if (cost.kind == ErrorKind::kInversion) {
      json->Member("exchanged_share",
                   Share(diagnosis.CountBetterExchanged(), static_cast<int64_t>(diagnosis.persons.size())));
    }
    Member(json, "ap_alone", cost.alone.ap);
    json->Member("gain_alone", cost.gain_alone);
    Member(json, "ap_in_turn", cost.in_turn.ap);
    json->Member("gain_in_turn", cost.gain_in_turn);
    json->Key("gain_in_turn_at");
    Values(json, cost.gain_in_turn_at);
    json->EndObject();
  }
  json->EndArray();
}

void WriteKinds(const std::array<int, kNumKeypointKinds>& counts, JsonWriter* json) {
  for (const KeypointKind kind : kShownKinds) {
    json->Member(KeypointKindName(kind), counts[static_cast<int>(kind)]);
  }
}

void WriteKeypoints(const Explanation& explanation, JsonWriter* json) {
  json->Key("keypoints").BeginArray();
  for (const KeypointSummary& keypoint : explanation.keypoints) {
    json->BeginObject(JsonWriter::kOneLine).Member("name", keypoint.name).Member("labelled", keypoint.num_labelled);
    WriteKinds(keypoint.counts, json);
    Member(json, "mean_similarity", keypoint.mean_similarity);
    json->EndObject();
  }
  json->EndArray();
}

void WriteGroups(const Explanation& explanation, JsonWriter* json) {
  json->Key("groups").BeginObject();
  for (const PersonGroups& groups : explanation.groups) {
    json->Key(groups.json_name).BeginArray();
    for (const PersonGroup& group : groups.groups) {
      json->BeginObject(JsonWriter::kOneLine).Member("name", group.name).Member("persons", group.num_persons);
      json->Member("detected_persons", group.num_matched);
      Member(json, "ap", group.ap);
      Member(json, "ar", group.ar);
      WriteKinds(group.keypoints, json);
      json->EndObject();
    }
    json->EndArray();
  }
  json->EndObject();
}

void WriteCurves(const Explanation& explanation, JsonWriter* json) {
  json->Key("oks_thresholds");
  Values(json, {OksThresholds().begin(), OksThresholds().end()});
  json->Key("precision").BeginObject();
  const auto curves = [&](const char* name, const ApByThreshold& ap) {
    json->Key(name).BeginArray();
    for (int t = 0; t < kNumThresholds; ++t) {
      Values(json, {ap.precision.begin() + t * kNumRecalls, ap.precision.begin() + (t + 1) * kNumRecalls});
    }
    json->EndArray();
  };
  curves("measured", explanation.costs.baseline);
  for (const ErrorCost& cost : explanation.costs.costs) curves(ErrorKindName(cost.kind), cost.in_turn);
  json->EndObject();
}

std::string KindLetters(const DiagnosedPerson& person) {
  constexpr char kLetters[kNumKeypointKinds + 1] = "-gjism";
  std::string letters;
  for (const DiagnosedKeypoint& keypoint : person.keypoints) letters += kLetters[static_cast<int>(keypoint.kind)];
  return letters;
}

void WritePeople(const Explanation& explanation, const Dataset& dataset, JsonWriter* json) {
  json->Key("people").BeginArray();
  for (const DiagnosedPerson& person : explanation.diagnosis.persons) {
    json->BeginObject(JsonWriter::kOneLine).Member("annotation_id", dataset.annotations[person.annotation].id);
    json->Member("detection", person.detection).Member("oks", person.oks).Member("mirrored", person.mirrored);
    json->Member("kinds", KindLetters(person)).EndObject();
  }
  json->EndArray().Key("missed").BeginArray(JsonWriter::kOneLine);
  for (const int missed : explanation.diagnosis.missed) json->Value(dataset.annotations[missed].id);
  json->EndArray();
  for (const auto& [name, kind] :
       {std::make_pair("background", UnmatchedKind::kBackground), std::make_pair("second", UnmatchedKind::kSecond)}) {
    json->Key(name).BeginArray(JsonWriter::kOneLine);
    for (const UnmatchedDetection& unmatched : explanation.diagnosis.unmatched) {
      if (unmatched.kind == kind) json->Value(unmatched.detection);
    }
    json->EndArray();
  }
}

}  // namespace

std::string ShareText(int64_t part, int64_t whole) {
  if (whole == 0) return "";
  return absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::vector<std::string> ExplanationNotes(const Explanation& explanation) {
  const Diagnosis& diagnosis = explanation.diagnosis;
  std::vector<std::string> notes;
  notes.push_back(
      absl::StrCat(base::Thousands(explanation.metrics.num_images), " images, ", base::Thousands(diagnosis.num_persons),
                   " persons who count, ", base::Thousands(static_cast<int64_t>(diagnosis.persons.size())),
                   " of them detected (OKS from 0.1) with ", base::Thousands(diagnosis.num_labelled()),
                   " labelled keypoints; ", base::Thousands(diagnosis.num_detections), " detections count."));
  notes.push_back(
      "Alone: AP gained by correcting this kind and nothing else. In turn: after all kinds above it; these add up to "
      "1 - AP. Corrected keypoints are not perfect: jitter becomes as near as annotators agree, a miss as near as "
      "counts at all, inversions and swaps as near to their own place as they were to the other.");
  if (diagnosis.CountMirrored() > 0) {
    notes.push_back(absl::StrCat(
        base::Thousands(diagnosis.CountMirrored()),
        " persons are detected only once left and right are exchanged. The paper's matching calls those background and "
        "missed; with it, inversions are ",
        ErrorSize(explanation.paper_diagnosis, ErrorKind::kInversion),
        absl::StrFormat(", +%.4f AP in turn.",
                        explanation.paper_costs.costs[static_cast<int>(ErrorKind::kInversion)].gain_in_turn)));
  }
  for (const std::string& warning : explanation.metrics.warnings) notes.push_back(warning);
  return notes;
}

std::string FormatExplanationText(const Explanation& explanation) {
  std::string text = explanation.Headline() + "\n\n";
  if (explanation.costs.baseline.ap < 0) return text;
  AppendErrorTable(explanation, &text);
  AppendThresholdTable(explanation, &text);
  AppendKeypointTable(explanation, &text);
  AppendGroupTables(explanation, &text);
  text += "\n";
  for (const std::string& note : ExplanationNotes(explanation)) absl::StrAppend(&text, note, "\n");
  return text;
}

std::string FormatExplanationJson(const Explanation& explanation, const Dataset& dataset) {
  std::string text;
  JsonWriter::Options options;
  options.indent = 1;
  options.not_finite = JsonWriter::kNull;
  JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("gt", explanation.annotations_name).Member("dt", explanation.detections_name);
  json.Member("dataset", explanation.dataset.name).Member("headline", explanation.Headline());
  Member(&json, "ap", explanation.costs.baseline.ap);
  const bool any = explanation.costs.baseline.ap >= 0 && explanation.costs.largest().gain_in_turn >= 1e-9;
  json.Key("largest_error");
  if (any) {
    json.Value(ErrorKindName(explanation.costs.largest().kind));
  } else {
    json.Null();
  }
  WriteCounts(explanation, &json);
  json.Key("good").BeginObject(JsonWriter::kOneLine);
  WriteKeypointCounts(explanation.diagnosis, KeypointKind::kGood, &json);
  json.EndObject();
  WriteErrors(explanation.diagnosis, explanation.costs, &json);
  json.Key("paper_matching").BeginObject();
  json.Member("detected_persons", explanation.paper_diagnosis.persons.size());
  WriteErrors(explanation.paper_diagnosis, explanation.paper_costs, &json);
  json.EndObject();
  WriteKeypoints(explanation, &json);
  WriteGroups(explanation, &json);
  WriteCurves(explanation, &json);
  WritePeople(explanation, dataset, &json);
  json.EndObject();
  json.Finish();
  return text;
}

}  // namespace eval
