// The sizes of one call of multi-scale deformable attention, for code without LibTorch. The arrays beside it are dense
// and row-major, laid out as ms_deform_attn.h says.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_SIZES_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_SIZES_H_

#include <cstdint>

namespace ops {

// Of batch and queries each may be 0; everything else is at least 1.
struct MsDeformAttnSizes {
  int64_t batch = 0;
  int64_t size = 0;  // pixels of all levels, one level after the other
  int64_t heads = 0;
  int64_t channels = 0;  // of one head
  int64_t queries = 0;
  int64_t levels = 0;
  int64_t points = 0;                       // of one level
  const int64_t* spatial_shapes = nullptr;  // [levels, 2], (h, w)
};

// Pointers to the inputs. Where values are stored in 16 bits, the locations and weights are Real = float.
template <typename T, typename Real = T>
struct MsDeformAttnInputs {
  const T* value = nullptr;
  const Real* sampling_locations = nullptr;
  const Real* attention_weights = nullptr;
};

// Pointers to the gradients of the inputs, each of its input's shape. Every element is written.
template <typename T, typename Real = T>
struct MsDeformAttnGradients {
  T* value = nullptr;
  Real* sampling_locations = nullptr;
  Real* attention_weights = nullptr;
};

// The layout of the fused entry's reference points: [batch or 1, queries, levels or 1, 2 or 4].
struct MsDeformAttnReferenceSizes {
  int64_t batch = 0;        // 1: the same for all images
  int64_t levels = 0;       // 1: the same for all levels
  int64_t coordinates = 0;  // 2: (x, y), offsets in pixels; 4: (x, y, w, h), offsets in halves of the box
};

// Pointers to the inputs of the fused entry.
template <typename T, typename Real = T>
struct MsDeformAttnFusedInputs {
  const T* value = nullptr;
  const Real* reference_points = nullptr;
  const Real* sampling_offsets = nullptr;
  const Real* attention_logits = nullptr;
};

// Pointers to their gradients. Every element is written; that of the reference points is null where nobody wants it.
template <typename T, typename Real = T>
struct MsDeformAttnFusedGradients {
  T* value = nullptr;
  Real* reference_points = nullptr;
  Real* sampling_offsets = nullptr;
  Real* attention_logits = nullptr;
};

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_SIZES_H_
