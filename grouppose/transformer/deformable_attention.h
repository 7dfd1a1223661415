// Multi-scale deformable attention as a module (Zhu et al. 2021, "Deformable DETR", section 4.1): the query says where
// to look around its reference point and how much each place counts.
#ifndef GROUPPOSE_TRANSFORMER_DEFORMABLE_ATTENTION_H_
#define GROUPPOSE_TRANSFORMER_DEFORMABLE_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/module.h"

namespace grouppose {

struct DeformableAttentionOptions {
  int64_t hidden_dim = 256;
  int64_t num_heads = 8;
  int64_t num_levels = 4;
  int64_t num_points = 4;  // per head and level
};

// Parameters "sampling_offsets.*", "attention_weights.*", "value_proj.*", "output_proj.*".
class DeformableAttention : public nn::Module {
 public:
  explicit DeformableAttention(const DeformableAttentionOptions& options);

  //   query              [batch, queries, hidden]
  //   reference_points   one of
  //                        [1 or batch, queries, 1 or levels, 2]: (x, y), offsets in pixels of the level
  //                        [1 or batch, queries, 1 or levels, 4]: (x, y, w, h), offsets in halves of the box
  //                        [batch, instances, levels, 2T], T > 2: T points an instance, queries = instances * T
  //                      normalised by the padded level
  //   memory             [batch, size, hidden], the flattened levels
  //   spatial_shapes, level_start_index   as in ops/ms_deform_attn
  //   padding_mask       [batch, size] bool, its values read as zero; undefined where nothing is padded
  //   returns            [batch, queries, hidden]
  at::Tensor Forward(const at::Tensor& query, const at::Tensor& reference_points, const at::Tensor& memory,
                     const at::Tensor& spatial_shapes, const at::Tensor& level_start_index,
                     const at::Tensor& padding_mask) const;

 private:
  DeformableAttentionOptions options_;
  nn::Linear* sampling_offsets_;
  nn::Linear* attention_weights_;
  nn::Linear* value_proj_;
  nn::Linear* output_proj_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_DEFORMABLE_ATTENTION_H_
