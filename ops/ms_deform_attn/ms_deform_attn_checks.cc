#include "ops/ms_deform_attn/ms_deform_attn_checks.h"

#include <c10/util/Exception.h>

namespace ops {
namespace {

using at::Tensor;

// A named precondition: the tensor has this shape; the message has both.
void CheckShape(const char* name, const Tensor& tensor, at::IntArrayRef expected, const char* words) {
  TORCH_CHECK(tensor.sizes() == expected, "ms_deform_attn: ", name, " is ", tensor.sizes(), ", expected ", expected,
              " (", words, ")");
}

void CheckTypes(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                const Tensor& sampling_locations, const Tensor& attention_weights) {
  const at::ScalarType type = value.scalar_type();
  const bool has_16_bits = type == at::kHalf || type == at::kBFloat16;
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || (has_16_bits && value.is_cuda()),
              "ms_deform_attn: value is ", type, ", expected Float or Double",
              value.is_cuda() ? ", Half or BFloat16" : "");
  // half precision cannot address the pixels of a large level
  const at::ScalarType expected = has_16_bits ? at::kFloat : type;
  TORCH_CHECK(sampling_locations.scalar_type() == expected && attention_weights.scalar_type() == expected,
              "ms_deform_attn: sampling_locations is ", sampling_locations.scalar_type(), " and attention_weights ",
              attention_weights.scalar_type(), ", expected ", expected, " with value in ", type);
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

}  // namespace

MsDeformAttnSizes CheckedMsDeformAttnSizes(const Tensor& value, const Tensor& spatial_shapes,
                                           const Tensor& level_start_index, const Tensor& sampling_locations,
                                           const Tensor& attention_weights) {
  CheckTypes(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  TORCH_CHECK(value.dim() == 4, "ms_deform_attn: value is ", value.sizes(),
              ", expected [batch, size, heads, channels]");
  TORCH_CHECK(spatial_shapes.dim() == 2 && spatial_shapes.size(1) == 2 && spatial_shapes.size(0) > 0,
              "ms_deform_attn: spatial_shapes is ", spatial_shapes.sizes(), ", expected [levels, 2]");
  TORCH_CHECK(attention_weights.dim() == 5, "ms_deform_attn: attention_weights is ", attention_weights.sizes(),
              ", expected [batch, queries, heads, levels, points]");
  MsDeformAttnSizes sizes;
  sizes.batch = value.size(0);
  sizes.size = value.size(1);
  sizes.heads = value.size(2);
  sizes.channels = value.size(3);
  sizes.levels = spatial_shapes.size(0);
  sizes.queries = attention_weights.size(1);
  sizes.points = attention_weights.size(4);
  sizes.spatial_shapes = spatial_shapes.const_data_ptr<int64_t>();
  CheckShape("level_start_index", level_start_index, {sizes.levels}, "levels of spatial_shapes");
  CheckShape("attention_weights", attention_weights,
             {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points},
             "batch and heads of value, levels of spatial_shapes");
  CheckShape("sampling_locations", sampling_locations,
             {sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points, 2}, "attention_weights and 2");
  TORCH_CHECK(sizes.heads > 0 && sizes.channels > 0 && sizes.points > 0, "ms_deform_attn: value is ", value.sizes(),
              " and attention_weights ", attention_weights.sizes(),
              ", expected heads, channels and points of at least 1");
  CheckLevels(value, spatial_shapes, level_start_index);
  return sizes;
}

void CheckMsDeformAttnGradOutput(const MsDeformAttnSizes& sizes, const Tensor& grad_output, const Tensor& value) {
  CheckShape("grad_output", grad_output, {sizes.batch, sizes.queries, sizes.heads * sizes.channels}, "the output");
  TORCH_CHECK(grad_output.scalar_type() == value.scalar_type(), "ms_deform_attn: grad_output is ",
              grad_output.scalar_type(), ", expected ", value.scalar_type(), " as value");
}

}  // namespace ops
