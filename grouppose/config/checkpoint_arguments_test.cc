#include "grouppose/config/checkpoint_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/experiment.h"

namespace grouppose::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

experiments::Experiment Published(const std::string& name) {
  const auto experiment = experiments::LoadExperiment("experiments/" + name + ".textproto", {});
  EXPECT_TRUE(experiment.ok()) << experiment.status();
  return *experiment;
}

// Those of the official configuration.
const std::map<std::string, std::string>& Official() {
  static const auto& arguments = *new std::map<std::string, std::string>{
      {"dataset_file", "\"coco\""},
      {"backbone", "\"resnet50\""},
      {"dilation", "false"},
      {"return_interm_indices", "[1,2,3]"},
      {"hidden_dim", "256"},
      {"nheads", "8"},
      {"dim_feedforward", "2048"},
      {"dropout", "0.0"},
      {"transformer_activation", "\"relu\""},
      {"enc_layers", "6"},
      {"dec_layers", "6"},
      {"enc_n_points", "4"},
      {"dec_n_points", "4"},
      {"num_feature_levels", "4"},
      {"num_queries", "100"},
      {"num_classes", "2"},
      {"num_body_points", "17"},
      {"pe_temperatureH", "20"},
      {"pe_temperatureW", "20"},
      {"dec_pred_class_embed_share", "false"},
      {"dec_pred_pose_embed_share", "false"},
      {"two_stage_class_embed_share", "false"},
      {"cls_no_bias", "false"},
      {"num_select", "50"},
      {"coco_path", "\"anything\""},
  };
  return arguments;
}

TEST(DisagreementsTest, ThePublishedConfigurationAgreesWithItself) {
  EXPECT_THAT(Disagreements(Official(), Published("grouppose_r50_coco")), IsEmpty());
  EXPECT_THAT(Disagreements({}, Published("grouppose_r50_coco")), IsEmpty());
}

TEST(DisagreementsTest, EachOtherValueIsALine) {
  std::map<std::string, std::string> arguments = Official();
  arguments["num_queries"] = "900";
  arguments["cls_no_bias"] = "true";
  arguments["return_interm_indices"] = "[0,1,2,3]";
  EXPECT_THAT(Disagreements(arguments, Published("grouppose_r50_coco")),
              ElementsAre("args.return_interm_indices is [0,1,2,3], model.backbone.output_stages is [1,2,3]",
                          "args.num_queries is 900, model.num_queries is 100",
                          "args.cls_no_bias is true, not model.class_head_bias is false"));
  EXPECT_THAT(Disagreements(Official(), Published("grouppose_swin_l_crowdpose")),
              ElementsAre("args.dataset_file is \"coco\", data.source is \"CROWDPOSE\"",
                          "args.backbone is \"resnet50\", model.backbone.kind is \"SWIN_L_384_22K\"",
                          "args.num_body_points is 17, model.num_body_points is 14"));
}

// Every argument that is compared was seen to differ.
TEST(DisagreementsTest, NothingComparedIsOverlooked) {
  for (const auto& [name, value] : Official()) {
    if (name == "coco_path") continue;
    EXPECT_EQ(Disagreements({{name, "\"something else\""}}, Published("grouppose_r50_coco")).size(), 1) << name;
  }
}

}  // namespace
}  // namespace grouppose::config
