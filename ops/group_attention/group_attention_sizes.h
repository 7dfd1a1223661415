// The sizes of one call of group attention, for code without LibTorch.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_SIZES_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_SIZES_H_

#include <cstdint>

// CUDA kernels compute these too.
#ifdef __CUDACC__
#define OPS_HOST_DEVICE __host__ __device__
#else
#define OPS_HOST_DEVICE
#endif

namespace ops {

// Tokens whose storage is 16 bits wide; all arithmetic on them is in float.
struct BFloat16Bits {
  uint16_t bits;
};
struct HalfBits {
  uint16_t bits;
};

// What a token attends to: the keypoints of its own instance, or its own keypoint of all instances.
enum class GroupAttentionAlong { kInstances, kKeypoints };

// Strides of tokens [batch, instances, keypoints, ...], in elements; the last dimension is dense.
struct GroupAttentionStrides {
  int64_t batch = 0, instance = 0, keypoint = 0;
};

// Any of batch, instances and keypoints may be 0; heads and channels are at least 1.
struct GroupAttentionSizes {
  int64_t batch = 0;
  int64_t instances = 0;
  int64_t keypoints = 0;
  int64_t heads = 0;
  int64_t channels = 0;  // of one head
  GroupAttentionAlong along = GroupAttentionAlong::kKeypoints;

  OPS_HOST_DEVICE int64_t hidden() const { return heads * channels; }
  OPS_HOST_DEVICE int64_t length() const { return along == GroupAttentionAlong::kKeypoints ? keypoints : instances; }
  OPS_HOST_DEVICE int64_t sequences_of_image() const {
    return along == GroupAttentionAlong::kKeypoints ? instances : keypoints;
  }
};

// Of tokens that lie one after the other, `width` elements each.
OPS_HOST_DEVICE inline GroupAttentionStrides DenseGroupAttentionStrides(const GroupAttentionSizes& sizes,
                                                                        int64_t width) {
  return {sizes.instances * sizes.keypoints * width, sizes.keypoints * width, width};
}

// A task is one head of one sequence of one image, with the heads innermost.
struct GroupAttentionTask {
  int64_t image, sequence, head;
};

OPS_HOST_DEVICE inline int64_t GroupAttentionTasks(const GroupAttentionSizes& sizes) {
  return sizes.batch * sizes.sequences_of_image() * sizes.heads;
}

inline GroupAttentionTask GroupAttentionTaskAt(const GroupAttentionSizes& sizes, int64_t index) {
  const int64_t sequence = index / sizes.heads, sequences = sizes.sequences_of_image();
  return {sequence / sequences, sequence % sequences, index % sizes.heads};
}

// The rows of one task in an array: `length` rows of `channels` elements each.
struct GroupAttentionRows {
  int64_t begin, stride;
};

OPS_HOST_DEVICE inline GroupAttentionRows GroupAttentionRowsOf(const GroupAttentionSizes& sizes,
                                                               const GroupAttentionStrides& strides,
                                                               const GroupAttentionTask& task) {
  const bool is_within = sizes.along == GroupAttentionAlong::kKeypoints;
  return {task.image * strides.batch + task.sequence * (is_within ? strides.instance : strides.keypoint) +
              task.head * sizes.channels,
          is_within ? strides.keypoint : strides.instance};
}

}  // namespace ops

#undef OPS_HOST_DEVICE

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_SIZES_H_
