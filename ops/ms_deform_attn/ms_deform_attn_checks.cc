#include "ops/ms_deform_attn/ms_deform_attn_checks.h"

#include <c10/util/Exception.h>

#include <initializer_list>

namespace ops {
namespace {

using at::Tensor;

// A named precondition: the tensor has this shape; the message has both.
void CheckShape(const char* name, const Tensor& tensor, at::IntArrayRef expected, const char* words) {
  TORCH_CHECK(tensor.sizes() == expected, "ms_deform_attn: ", name, " is ", tensor.sizes(), ", expected ", expected,
              " (", words, ")");
}

// What a message calls a tensor.
struct Named {
  const char* name;
  const Tensor& tensor;
};

// `others` are in the type of value, or in float where that has 16 bits.
void CheckTypes(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                std::initializer_list<Named> others) {
  const at::ScalarType type = value.scalar_type();
  const bool has_16_bits = type == at::kHalf || type == at::kBFloat16;
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || has_16_bits, "ms_deform_attn: value is ", type,
              ", expected Float, Double, Half or BFloat16");
  // half precision cannot address the pixels of a large level
  const at::ScalarType expected = has_16_bits ? at::kFloat : type;
  for (const Named& other : others) {
    TORCH_CHECK(other.tensor.scalar_type() == expected, "ms_deform_attn: ", other.name, " is ",
                other.tensor.scalar_type(), ", expected ", expected, " with value in ", type);
  }
  TORCH_CHECK(spatial_shapes.scalar_type() == at::kLong && level_start_index.scalar_type() == at::kLong,
              "ms_deform_attn: spatial_shapes is ", spatial_shapes.scalar_type(), " and level_start_index ",
              level_start_index.scalar_type(), ", expected Long");
}

// The levels are not empty and fill `value`, one after the other.
void CheckLevels(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index) {
  const int64_t levels = spatial_shapes.size(0);
  const int64_t* shapes = spatial_shapes.const_data_ptr<int64_t>();
  const int64_t* starts = level_start_index.const_data_ptr<int64_t>();
  int64_t size = 0;
  for (int64_t level = 0; level < levels; ++level) {
    const int64_t height = shapes[2 * level], width = shapes[2 * level + 1];
    TORCH_CHECK(height > 0 && width > 0, "ms_deform_attn: level ", level, " is ", height, " x ", width,
                ", expected at least 1 x 1");
    TORCH_CHECK(starts[level] == size, "ms_deform_attn: level_start_index of level ", level, " is ", starts[level],
                ", expected ", size, ", where the level before it ends");
    int64_t pixels = 0;
    const bool overflows =
        __builtin_mul_overflow(height, width, &pixels) || __builtin_add_overflow(size, pixels, &size);
    TORCH_CHECK(!overflows, "ms_deform_attn: level ", level, " is ", height, " x ", width,
                ", expected levels that fill value ", value.sizes());
  }
  TORCH_CHECK(size == value.size(1), "ms_deform_attn: value is ", value.sizes(), " with ", value.size(1),
              " pixels, expected the ", size, " pixels of the levels' shapes");
}

// The sizes that value, the levels and the points' first tensor tell.
MsDeformAttnSizes SizesOf(const Tensor& value, const Tensor& spatial_shapes, int64_t queries, int64_t points) {
  MsDeformAttnSizes sizes;
  sizes.batch = value.size(0);
  sizes.size = value.size(1);
  sizes.heads = value.size(2);
  sizes.channels = value.size(3);
  sizes.levels = spatial_shapes.size(0);
  sizes.queries = queries;
  sizes.points = points;
  sizes.spatial_shapes = spatial_shapes.const_data_ptr<int64_t>();
  return sizes;
}

void CheckRanks(const Tensor& value, const Tensor& spatial_shapes) {
  TORCH_CHECK(value.dim() == 4, "ms_deform_attn: value is ", value.sizes(),
              ", expected [batch, size, heads, channels]");
  TORCH_CHECK(spatial_shapes.dim() == 2 && spatial_shapes.size(1) == 2 && spatial_shapes.size(0) > 0,
              "ms_deform_attn: spatial_shapes is ", spatial_shapes.sizes(), ", expected [levels, 2]");
}

void CheckNotEmpty(const MsDeformAttnSizes& sizes, const Tensor& value, const Named& points) {
  TORCH_CHECK(sizes.heads > 0 && sizes.channels > 0 && sizes.points > 0, "ms_deform_attn: value is ", value.sizes(),
              " and ", points.name, " ", points.tensor.sizes(), ", expected heads, channels and points of at least 1");
}

}  // namespace

MsDeformAttnSizes CheckedMsDeformAttnSizes(const Tensor& value, const Tensor& spatial_shapes,
                                           const Tensor& level_start_index, const Tensor& sampling_locations,
                                           const Tensor& attention_weights) {
  CheckTypes(value, spatial_shapes, level_start_index,
             {{"sampling_locations", sampling_locations}, {"attention_weights", attention_weights}});
  CheckRanks(value, spatial_shapes);
  TORCH_CHECK(attention_weights.dim() == 5, "ms_deform_attn: attention_weights is ", attention_weights.sizes(),
              ", expected [batch, queries, heads, levels, points]");
  const MsDeformAttnSizes sizes = SizesOf(value, spatial_shapes, attention_weights.size(1), attention_weights.size(4));
  CheckShape("level_start_index", level_start_index, {sizes.levels}, "levels of spatial_shapes");
  CheckShape("attention_weights", attention_weights,
             {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points},
             "batch and heads of value, levels of spatial_shapes");
  CheckShape("sampling_locations", sampling_locations,
             {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points, 2}, "attention_weights and 2");
  CheckNotEmpty(sizes, value, {"attention_weights", attention_weights});
  CheckLevels(value, spatial_shapes, level_start_index);
  return sizes;
}

CheckedMsDeformAttnFused CheckedMsDeformAttnFusedSizes(const Tensor& value, const Tensor& spatial_shapes,
                                                       const Tensor& level_start_index, const Tensor& reference_points,
                                                       const Tensor& sampling_offsets, const Tensor& attention_logits) {
  CheckTypes(value, spatial_shapes, level_start_index,
             {{"reference_points", reference_points},
              {"sampling_offsets", sampling_offsets},
              {"attention_logits", attention_logits}});
  CheckRanks(value, spatial_shapes);
  TORCH_CHECK(sampling_offsets.dim() == 6, "ms_deform_attn: sampling_offsets is ", sampling_offsets.sizes(),
              ", expected [batch, queries, heads, levels, points, 2]");
  const MsDeformAttnSizes sizes = SizesOf(value, spatial_shapes, sampling_offsets.size(1), sampling_offsets.size(4));
  CheckShape("level_start_index", level_start_index, {sizes.levels}, "levels of spatial_shapes");
  CheckShape("sampling_offsets", sampling_offsets,
             {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points, 2},
             "batch and heads of value, levels of spatial_shapes");
  if (attention_logits.dim() == 5) {
    CheckShape("attention_logits", attention_logits,
               {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points}, "sampling_offsets without 2");
  } else {
    CheckShape("attention_logits", attention_logits,
               {sizes.batch, sizes.queries, sizes.heads, sizes.levels * sizes.points}, "sampling_offsets without 2");
  }
  const at::IntArrayRef reference = reference_points.sizes();
  TORCH_CHECK(reference.size() == 4 && (reference[0] == sizes.batch || reference[0] == 1) &&
                  reference[1] == sizes.queries && (reference[2] == sizes.levels || reference[2] == 1) &&
                  (reference[3] == 2 || reference[3] == 4),
              "ms_deform_attn: reference_points is ", reference, ", expected [", sizes.batch, " or 1, ", sizes.queries,
              ", ", sizes.levels, " or 1, 2 or 4] (batch and queries of sampling_offsets, levels of spatial_shapes)");
  CheckNotEmpty(sizes, value, {"sampling_offsets", sampling_offsets});
  CheckLevels(value, spatial_shapes, level_start_index);
  return {sizes, {reference[0], reference[2], reference[3]}};
}

void CheckMsDeformAttnGradOutput(const MsDeformAttnSizes& sizes, const Tensor& grad_output, const Tensor& value) {
  CheckShape("grad_output", grad_output, {sizes.batch, sizes.queries, sizes.heads * sizes.channels}, "the output");
  TORCH_CHECK(grad_output.scalar_type() == value.scalar_type(), "ms_deform_attn: grad_output is ",
              grad_output.scalar_type(), ", expected ", value.scalar_type(), " as value");
}

}  // namespace ops
