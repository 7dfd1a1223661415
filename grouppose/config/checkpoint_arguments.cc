#include "grouppose/config/checkpoint_arguments.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace grouppose::config {
namespace {

// An official argument, our field, and what the experiment has there as JSON.
struct Argument {
  const char* official;
  const char* field;
  std::string value;
};

std::string Bool(bool value) { return value ? "true" : "false"; }

// Enums are in capitals here and in small letters there; letters are compared without their case.
std::string Enum(const std::string& name) { return absl::StrCat("\"", name, "\""); }

// Empty means the published ones.
std::string OutputStages(const experiments::Backbone& backbone) {
  if (backbone.output_stages().empty()) return "[1,2,3]";
  return absl::StrCat("[", absl::StrJoin(backbone.output_stages(), ","), "]");
}

std::vector<Argument> ArgumentsOf(const experiments::Experiment& experiment) {
  const experiments::Model& model = experiment.model();
  const experiments::Backbone& backbone = model.backbone();
  // 0: as the height
  const double width =
      model.position_temperature_width() != 0 ? model.position_temperature_width() : model.position_temperature();
  return {
      {"dataset_file", "data.source", Enum(experiments::Data::Source_Name(experiment.data().source()))},
      {"backbone", "model.backbone.kind", Enum(experiments::Backbone::Kind_Name(backbone.kind()))},
      {"dilation", "model.backbone.dilation", Bool(backbone.dilation())},
      {"return_interm_indices", "model.backbone.output_stages", OutputStages(backbone)},
      {"hidden_dim", "model.hidden_dim", absl::StrCat(model.hidden_dim())},
      {"nheads", "model.num_heads", absl::StrCat(model.num_heads())},
      {"dim_feedforward", "model.feedforward_dim", absl::StrCat(model.feedforward_dim())},
      {"dropout", "model.dropout", absl::StrCat(model.dropout())},
      {"transformer_activation", "model.activation", Enum(experiments::Model::Activation_Name(model.activation()))},
      {"enc_layers", "model.encoder_layers", absl::StrCat(model.encoder_layers())},
      {"dec_layers", "model.decoder_layers", absl::StrCat(model.decoder_layers())},
      {"enc_n_points", "model.encoder_points", absl::StrCat(model.encoder_points())},
      {"dec_n_points", "model.decoder_points", absl::StrCat(model.decoder_points())},
      {"num_feature_levels", "model.num_feature_levels", absl::StrCat(model.num_feature_levels())},
      {"num_queries", "model.num_queries", absl::StrCat(model.num_queries())},
      {"num_classes", "model.num_classes", absl::StrCat(model.num_classes())},
      {"num_body_points", "model.num_body_points", absl::StrCat(model.num_body_points())},
      {"pe_temperatureH", "model.position_temperature", absl::StrCat(model.position_temperature())},
      {"pe_temperatureW", "model.position_temperature_width", absl::StrCat(width)},
      {"dec_pred_class_embed_share", "model.share_class_heads", Bool(model.share_class_heads())},
      {"dec_pred_pose_embed_share", "model.share_pose_heads", Bool(model.share_pose_heads())},
      {"two_stage_class_embed_share", "model.share_selection_class_head", Bool(model.share_selection_class_head())},
      {"cls_no_bias", "not model.class_head_bias", Bool(!model.class_head_bias())},
      {"num_select", "evaluation.num_select", absl::StrCat(experiment.evaluation().num_select())},
  };
}

bool Same(const std::string& a, const std::string& b) {
  double first = 0, second = 0;
  if (absl::SimpleAtod(a, &first) && absl::SimpleAtod(b, &second)) return first == second;
  return absl::AsciiStrToLower(a) == absl::AsciiStrToLower(b);
}

}  // namespace

std::vector<std::string> Disagreements(const std::map<std::string, std::string>& arguments,
                                       const experiments::Experiment& experiment) {
  std::vector<std::string> lines;
  for (const Argument& argument : ArgumentsOf(experiment)) {
    const auto found = arguments.find(argument.official);
    if (found == arguments.end() || Same(found->second, argument.value)) continue;
    lines.push_back(absl::StrCat("args.", argument.official, " is ", found->second.substr(0, 100), ", ", argument.field,
                                 " is ", argument.value));
  }
  return lines;
}

}  // namespace grouppose::config
