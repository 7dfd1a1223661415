#include "ops/group_attention/group_attention_reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ops {
namespace {

// `rows` of an array, as a function of row and channel.
template <typename T>
struct View {
  T* data;
  GroupAttentionRows rows;
  T& operator()(int64_t row, int64_t channel) const { return data[rows.begin + row * rows.stride + channel]; }
};

// Queries, keys and values of one task (parts 0, 1 and 2 of a packed token).
template <typename T>
struct Packed {
  Packed(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const GroupAttentionTask& task,
         T* qkv) {
    const GroupAttentionRows rows = GroupAttentionRowsOf(sizes, strides, task);
    queries = {qkv, rows};
    keys = {qkv + sizes.hidden(), rows};
    values = {qkv + 2 * sizes.hidden(), rows};
  }
  View<T> queries, keys, values;
};

double Scale(const GroupAttentionSizes& sizes) { return 1 / std::sqrt(static_cast<double>(sizes.channels)); }

// softmax(q k^T / sqrt(channels)), [length, length]
std::vector<double> Weights(const GroupAttentionSizes& sizes, const Packed<const double>& in) {
  const int64_t length = sizes.length();
  std::vector<double> weights(length * length);
  for (int64_t query = 0; query < length; ++query) {
    double* row = weights.data() + query * length;
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t key = 0; key < length; ++key) {
      double dot = 0;
      for (int64_t channel = 0; channel < sizes.channels; ++channel) {
        dot += in.queries(query, channel) * in.keys(key, channel);
      }
      row[key] = dot * Scale(sizes);
      largest = std::max(largest, row[key]);
    }
    for (int64_t key = 0; key < length; ++key) sum += row[key] = std::exp(row[key] - largest);
    for (int64_t key = 0; key < length; ++key) row[key] /= sum;
  }
  return weights;
}

}  // namespace

void GroupAttentionReferenceForward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                    const double* qkv, double* output) {
  const int64_t length = sizes.length();
  const GroupAttentionStrides dense = DenseGroupAttentionStrides(sizes, sizes.hidden());
  for (int64_t index = 0; index < GroupAttentionTasks(sizes); ++index) {
    const GroupAttentionTask task = GroupAttentionTaskAt(sizes, index);
    const Packed<const double> in(sizes, strides, task, qkv);
    const View<double> out = {output, GroupAttentionRowsOf(sizes, dense, task)};
    const std::vector<double> weights = Weights(sizes, in);
    for (int64_t query = 0; query < length; ++query) {
      for (int64_t channel = 0; channel < sizes.channels; ++channel) {
        double sum = 0;
        for (int64_t key = 0; key < length; ++key) sum += weights[query * length + key] * in.values(key, channel);
        out(query, channel) = sum;
      }
    }
  }
}

void GroupAttentionReferenceBackward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                     const double* qkv, const double* grad_output, double* grad_qkv) {
  const int64_t length = sizes.length(), channels = sizes.channels;
  const GroupAttentionStrides dense = DenseGroupAttentionStrides(sizes, sizes.hidden()),
                              dense_packed = DenseGroupAttentionStrides(sizes, 3 * sizes.hidden());
  std::fill_n(grad_qkv, sizes.batch * dense_packed.batch, 0.0);
  for (int64_t index = 0; index < GroupAttentionTasks(sizes); ++index) {
    const GroupAttentionTask task = GroupAttentionTaskAt(sizes, index);
    const Packed<const double> in(sizes, strides, task, qkv);
    const Packed<double> grad(sizes, dense_packed, task, grad_qkv);
    const View<const double> grad_out = {grad_output, GroupAttentionRowsOf(sizes, dense, task)};
    const std::vector<double> weights = Weights(sizes, in);
    for (int64_t query = 0; query < length; ++query) {
      const double* weight = weights.data() + query * length;
      // the derivative by each weight, and their mean under the weights
      std::vector<double> by_weight(length, 0.0);
      double mean = 0;
      for (int64_t key = 0; key < length; ++key) {
        for (int64_t channel = 0; channel < channels; ++channel) {
          by_weight[key] += grad_out(query, channel) * in.values(key, channel);
          grad.values(key, channel) += weight[key] * grad_out(query, channel);
        }
        mean += weight[key] * by_weight[key];
      }
      for (int64_t key = 0; key < length; ++key) {
        const double by_dot = weight[key] * (by_weight[key] - mean) * Scale(sizes);
        for (int64_t channel = 0; channel < channels; ++channel) {
          grad.queries(query, channel) += by_dot * in.keys(key, channel);
          grad.keys(key, channel) += by_dot * in.queries(query, channel);
        }
      }
    }
  }
}

}  // namespace ops
