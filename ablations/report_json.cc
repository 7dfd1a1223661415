#include "ablations/report_json.h"

#include <vector>

#include "ablations/report_notes.h"
#include "base/json_writer.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace grouppose {
namespace {

using base::JsonWriter;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void WriteMessage(const Message& message, JsonWriter* json);

// One value of a field; `index` counts in a list and is -1 elsewhere.
void WriteFieldValue(const Message& message, const FieldDescriptor* field, int index, JsonWriter* json) {
  const auto* reflection = message.GetReflection();
  const bool listed = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      WriteMessage(
          listed ? reflection->GetRepeatedMessage(message, field, index) : reflection->GetMessage(message, field),
          json);
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      json->Value(
          (listed ? reflection->GetRepeatedEnum(message, field, index) : reflection->GetEnum(message, field))->name());
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      json->Value(listed ? reflection->GetRepeatedString(message, field, index)
                         : reflection->GetString(message, field));
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      json->Value(listed ? reflection->GetRepeatedBool(message, field, index) : reflection->GetBool(message, field));
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      json->Value(listed ? reflection->GetRepeatedDouble(message, field, index)
                         : reflection->GetDouble(message, field));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      json->Value(listed ? reflection->GetRepeatedFloat(message, field, index) : reflection->GetFloat(message, field));
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      json->Value(listed ? reflection->GetRepeatedInt32(message, field, index) : reflection->GetInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      json->Value(listed ? reflection->GetRepeatedInt64(message, field, index) : reflection->GetInt64(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      json->Value(listed ? reflection->GetRepeatedUInt32(message, field, index)
                         : reflection->GetUInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      json->Value(listed ? reflection->GetRepeatedUInt64(message, field, index)
                         : reflection->GetUInt64(message, field));
      return;
  }
}

// The fields that are set, under their names.
void WriteMessage(const Message& message, JsonWriter* json) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  json->BeginObject();
  for (const FieldDescriptor* field : fields) {
    json->Key(field->name());
    if (!field->is_repeated()) {
      WriteFieldValue(message, field, -1, json);
      continue;
    }
    json->BeginArray(field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ? JsonWriter::kAsOptions
                                                                           : JsonWriter::kOneLine);
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      WriteFieldValue(message, field, i, json);
    }
    json->EndArray();
  }
  json->EndObject();
}

void WriteInterval(const char* key, const std::optional<base::Interval>& interval, JsonWriter* json) {
  json->Key(key);
  if (!interval.has_value()) {
    json->Null();
    return;
  }
  json->BeginArray(JsonWriter::kOneLine).Value(interval->low).Value(interval->high).EndArray();
}

void WriteCurve(const char* key, const std::vector<CurvePoint>& curve, JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const CurvePoint& point : curve) {
    json->BeginArray(JsonWriter::kOneLine).Value(point.step).Value(point.value).EndArray();
  }
  json->EndArray();
}

void WriteCell(const Cell& cell, JsonWriter* json) {
  json->BeginObject();
  json->Member("seed", cell.seed);
  json->Member("ap", cell.ap());
  json->Key("evaluations").BeginArray();
  for (const experiments::Metrics::Evaluation& evaluation : cell.metrics.evaluations()) {
    json->BeginObject(JsonWriter::kOneLine);
    json->Member("step", evaluation.step());
    json->Member("split", evaluation.split());
    json->Member("images", evaluation.images());
    for (const auto& value : evaluation.values()) json->Member(value.name(), value.value());
    json->EndObject();
  }
  json->EndArray();
  json->Member("training_steps", cell.metrics.training_steps());
  json->Member("final_loss", cell.metrics.final_loss());
  WriteCurve("losses", cell.losses, json);
  json->Member("cpu_seconds", cell.times.cpu_seconds());
  json->Member("wall_seconds", cell.times.wall_seconds());
  json->Member("processor", cell.times.processor());
  json->Key("times");
  WriteMessage(cell.times, json);
  json->Key("provenance");
  WriteMessage(cell.provenance, json);
  json->EndObject();
}

void WriteComparison(const Comparison& comparison, JsonWriter* json) {
  const base::PairedComparison& paired = comparison.paired;
  json->Key("differences_to_baseline").BeginArray(JsonWriter::kOneLine);
  for (const SeedDifference& at_seed : comparison.seeds) json->Value(at_seed.difference);
  json->EndArray();
  json->Key("paired_seeds").BeginArray(JsonWriter::kOneLine);
  for (const SeedDifference& at_seed : comparison.seeds) json->Value(at_seed.seed);
  json->EndArray();
  json->Member("mean_difference", paired.mean);
  json->Member("difference_standard_deviation", paired.deviation);
  WriteInterval("difference_interval", paired.interval, json);
  json->Member("p_value", paired.p_value);
  json->Member("p_value_holm", comparison.holm_p_value);
  json->Member("verdict", base::VerdictName(paired.verdict));
  json->Key("evaluation_noise").BeginArray();
  for (const SeedDifference& at_seed : comparison.seeds) {
    json->BeginObject(JsonWriter::kOneLine).Member("seed", at_seed.seed);
    WriteInterval("interval", at_seed.evaluation_noise, json);
    json->EndObject();
  }
  json->EndArray();
}

void WriteRow(const Row& row, const Comparison* comparison, JsonWriter* json) {
  const std::vector<double> values = row.Aps();
  const experiments::Metrics& metrics = row.first().metrics;
  json->BeginObject();
  json->Member("variant", row.variant);
  json->Member("mean_ap", base::Mean(values));
  json->Key("ap_standard_deviation");
  if (values.size() > 1) {
    json->Value(base::SampleStandardDeviation(values));
  } else {
    json->Null();
  }
  if (comparison != nullptr) WriteComparison(*comparison, json);
  json->Member("trainable_parameters", metrics.trainable_parameters());
  json->Member("decoder_parameters", metrics.decoder_parameters());
  json->Member("attention_parameters", metrics.attention_parameters());
  json->Member("attention_pairs", metrics.attention_pairs());
  json->Member("mean_cpu_seconds", row.CpuSeconds());
  json->Key("experiment");
  WriteMessage(row.first().experiment, json);
  json->Key("cells").BeginArray();
  for (const Cell* cell : row.cells) WriteCell(*cell, json);
  json->EndArray();
  json->EndObject();
}

// The numbers behind the control's note.
void WriteControls(const Comparisons& comparisons, JsonWriter* json) {
  json->Key("content_controls").BeginArray();
  for (const Comparisons::Control& control : comparisons.controls) {
    json->BeginObject();
    json->Member("variant", control.row->variant);
    json->Member("control", control.with_content.row->variant);
    json->Member("control_of_baseline", control.with_content.other->variant);
    WriteComparison(control.with_content, json);
    const base::PairedComparison lost = LostWithContent(*comparisons.Find(*control.row), control.with_content);
    json->Member("mean_lost_with_content", lost.mean);
    WriteInterval("lost_with_content_interval", lost.interval, json);
    json->EndObject();
  }
  json->EndArray();
}

void WriteNotes(const char* key, const std::vector<std::string>& notes, JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const std::string& note : notes) json->Value(note);
  json->EndArray();
}

}  // namespace

std::string ReportJson(const Study& study, const Comparisons& comparisons, const experiments::Cost* cost) {
  std::string text;
  JsonWriter::Options options;
  options.indent = 1;
  options.not_finite = JsonWriter::kNull;  // a loss, the deviation of one value
  JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("study", study.name);
  json.Member("label", study.label);
  json.Member("baseline", study.baseline_name);
  json.Member("confidence", kConfidence);
  json.Member("bootstrap_resamples", comparisons.resamples);
  WriteNotes("image_notes", ImageNotes(study), &json);
  WriteNotes("budget_notes", BudgetNotes(study, comparisons), &json);
  WriteNotes("effect_notes", EffectNotes(study, comparisons), &json);
  json.Key("variants").BeginArray();
  for (const Row& row : study.rows) WriteRow(row, comparisons.Find(row), &json);
  json.EndArray();
  WriteControls(comparisons, &json);
  if (!study.pretraining.cells.empty()) {
    json.Key("pretraining");
    WriteRow(study.pretraining, nullptr, &json);
  }
  if (cost != nullptr) {
    json.Key("cost");
    WriteMessage(*cost, &json);
  }
  json.EndObject();
  json.Finish();
  return text;
}

}  // namespace grouppose
