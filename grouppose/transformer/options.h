// The transformer's configuration; the defaults are the published ones.
#ifndef GROUPPOSE_TRANSFORMER_OPTIONS_H_
#define GROUPPOSE_TRANSFORMER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "grouppose/nn/position_encoding.h"

namespace grouppose {

// What an instance token starts from. In the published model all N of them are one shared embedding; the control adds
// the detached memory that was selected for the instance, as the keypoint tokens have it.
enum class InstanceQuery { kEmbedding, kEmbeddingPlusMemory };

// Between the two layers of a feed-forward block.
enum class Activation { kRelu, kGelu, kSelu };

struct TransformerOptions {
  int64_t hidden_dim = 256;
  int64_t num_heads = 8;
  int64_t num_levels = 4;
  int64_t encoder_layers = 6;
  // 0: stage one alone. The model then has no decoder parameters and predicts the intermediate poses only.
  int64_t decoder_layers = 6;
  int64_t feedforward_dim = 2048;
  double dropout = 0;
  int64_t encoder_points = 4;  // sampled per head and level
  int64_t decoder_points = 4;
  int64_t num_queries = 100;                     // N, instances
  int64_t num_keypoints = 17;                    // K
  int64_t num_classes = 2;                       // a person is class 1
  nn::PositionTemperature position_temperature;  // of the sine encoding of pixels
  Activation activation = Activation::kRelu;     // of every feed-forward block
  bool share_class_heads = false;                // one class head for all decoder layers
  bool share_pose_heads = false;                 // one pose head for all decoder layers
  // The selection of queries scores with the class head of the decoder layers, which they share then.
  bool share_selection_class_head = false;
  bool class_head_bias = true;
  std::string attention_scheme = "GROUP";
  InstanceQuery instance_query = InstanceQuery::kEmbedding;
};

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_OPTIONS_H_
