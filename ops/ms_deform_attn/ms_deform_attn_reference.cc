#include "ops/ms_deform_attn/ms_deform_attn_reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ops {
namespace {

// One of the four pixels around a point: where its channels begin in `value`, its bilinear weight, and the derivatives
// of that weight by the pixel position (x, y) of the point.
struct Corner {
  int64_t value_index;
  double weight, weight_by_x, weight_by_y;
};

// One sampling point: its level and its index in the attention weights.
struct Point {
  int64_t batch, head, level, level_start, weight_index;
};

// Calls visit(point) for every point, and gives it the index of the first channel of its output.
template <typename Visit>
void ForEachPoint(const MsDeformAttnSizes& sizes, Visit visit) {
  int64_t weight_index = 0;
  for (int64_t batch = 0; batch < sizes.batch; ++batch) {
    for (int64_t query = 0; query < sizes.queries; ++query) {
      for (int64_t head = 0; head < sizes.heads; ++head) {
        const int64_t output_index = ((batch * sizes.queries + query) * sizes.heads + head) * sizes.channels;
        int64_t level_start = 0;
        for (int64_t level = 0; level < sizes.levels; ++level) {
          for (int64_t point = 0; point < sizes.points; ++point) {
            visit(Point{batch, head, level, level_start, weight_index++}, output_index);
          }
          level_start += sizes.spatial_shapes[2 * level] * sizes.spatial_shapes[2 * level + 1];
        }
      }
    }
  }
}

// Calls visit(corner) for the corners inside the level.
template <typename Visit>
void ForEachCorner(const MsDeformAttnSizes& sizes, const double* sampling_locations, const Point& point, Visit visit) {
  const int64_t height = sizes.spatial_shapes[2 * point.level], width = sizes.spatial_shapes[2 * point.level + 1];
  const double x = sampling_locations[2 * point.weight_index] * static_cast<double>(width) - 0.5;
  const double y = sampling_locations[2 * point.weight_index + 1] * static_cast<double>(height) - 0.5;
  const bool takes_part = x > -1 && x < static_cast<double>(width) && y > -1 && y < static_cast<double>(height);
  if (!takes_part) return;
  const double left = std::floor(x), top = std::floor(y);
  for (int64_t down = 0; down < 2; ++down) {
    for (int64_t right = 0; right < 2; ++right) {
      const int64_t column = static_cast<int64_t>(left) + right, row = static_cast<int64_t>(top) + down;
      if (column < 0 || column >= width || row < 0 || row >= height) continue;
      const double by_column = right ? x - left : 1 - (x - left), by_row = down ? y - top : 1 - (y - top);
      const int64_t pixel = point.batch * sizes.size + point.level_start + row * width + column;
      visit(Corner{(pixel * sizes.heads + point.head) * sizes.channels, by_column * by_row, (right ? 1 : -1) * by_row,
                   (down ? 1 : -1) * by_column});
    }
  }
}

// What the plain form takes, made of what the fused one does.
struct Plain {
  std::vector<double> locations, weights;
};

// Where the reference point of a point begins.
int64_t ReferenceIndex(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                       int64_t weight_index) {
  const int64_t level = weight_index / sizes.points % sizes.levels;
  const int64_t row = weight_index / (sizes.points * sizes.levels * sizes.heads);  // [batch, queries]
  const int64_t query = reference.batch == 1 ? row % sizes.queries : row;
  return (query * reference.levels + (reference.levels == 1 ? 0 : level)) * reference.coordinates;
}

// What an offset of one is in shares of the level; axis 0 is x.
double LocationByOffset(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                        const double* reference_point, int64_t weight_index, int64_t axis) {
  if (reference.coordinates == 4) return reference_point[2 + axis] * 0.5 / static_cast<double>(sizes.points);
  return 1 / static_cast<double>(sizes.spatial_shapes[2 * (weight_index / sizes.points % sizes.levels) + 1 - axis]);
}

Plain MakePlain(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                const MsDeformAttnFusedInputs<double>& inputs) {
  const int64_t all_points = sizes.levels * sizes.points,
                count = sizes.batch * sizes.queries * sizes.heads * all_points;
  Plain plain;
  for (int64_t i = 0; i < count; ++i) {
    const double* point = inputs.reference_points + ReferenceIndex(sizes, reference, i);
    for (int64_t axis = 0; axis < 2; ++axis) {
      plain.locations.push_back(point[axis] + inputs.sampling_offsets[2 * i + axis] *
                                                  LocationByOffset(sizes, reference, point, i, axis));
    }
  }
  for (int64_t first = 0; first < count; first += all_points) {
    const double* logits = inputs.attention_logits + first;
    const double largest = *std::max_element(logits, logits + all_points);
    double sum = 0;
    for (int64_t i = 0; i < all_points; ++i) sum += std::exp(logits[i] - largest);
    for (int64_t i = 0; i < all_points; ++i) plain.weights.push_back(std::exp(logits[i] - largest) / sum);
  }
  return plain;
}

}  // namespace

void MsDeformAttnReferenceForward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<double>& inputs,
                                  double* output) {
  std::fill_n(output, sizes.batch * sizes.queries * sizes.heads * sizes.channels, 0.0);
  ForEachPoint(sizes, [&](const Point& point, int64_t output_index) {
    ForEachCorner(sizes, inputs.sampling_locations, point, [&](const Corner& corner) {
      const double weight = inputs.attention_weights[point.weight_index] * corner.weight;
      for (int64_t channel = 0; channel < sizes.channels; ++channel) {
        output[output_index + channel] += weight * inputs.value[corner.value_index + channel];
      }
    });
  });
}

void MsDeformAttnReferenceBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<double>& inputs,
                                   const double* grad_output, const MsDeformAttnGradients<double>& gradients) {
  std::fill_n(gradients.value, sizes.batch * sizes.size * sizes.heads * sizes.channels, 0.0);
  ForEachPoint(sizes, [&](const Point& point, int64_t output_index) {
    const double weight = inputs.attention_weights[point.weight_index];
    double by_weight = 0, by_x = 0, by_y = 0;
    ForEachCorner(sizes, inputs.sampling_locations, point, [&](const Corner& corner) {
      double dot = 0;
      for (int64_t channel = 0; channel < sizes.channels; ++channel) {
        const double grad = grad_output[output_index + channel];
        dot += grad * inputs.value[corner.value_index + channel];
        gradients.value[corner.value_index + channel] += weight * corner.weight * grad;
      }
      by_weight += corner.weight * dot;
      by_x += weight * corner.weight_by_x * dot;
      by_y += weight * corner.weight_by_y * dot;
    });
    // a location is in units of the level's size
    gradients.attention_weights[point.weight_index] = by_weight;
    gradients.sampling_locations[2 * point.weight_index] =
        by_x * static_cast<double>(sizes.spatial_shapes[2 * point.level + 1]);
    gradients.sampling_locations[2 * point.weight_index + 1] =
        by_y * static_cast<double>(sizes.spatial_shapes[2 * point.level]);
  });
}

void MsDeformAttnFusedReferenceForward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                       const MsDeformAttnFusedInputs<double>& inputs, double* output) {
  const Plain plain = MakePlain(sizes, reference, inputs);
  MsDeformAttnReferenceForward(sizes, {inputs.value, plain.locations.data(), plain.weights.data()}, output);
}

void MsDeformAttnFusedReferenceBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                        const MsDeformAttnFusedInputs<double>& inputs, const double* grad_output,
                                        const MsDeformAttnFusedGradients<double>& gradients) {
  const Plain plain = MakePlain(sizes, reference, inputs);
  std::vector<double> by_location(plain.locations.size()), by_weight(plain.weights.size());
  MsDeformAttnReferenceBackward(sizes, {inputs.value, plain.locations.data(), plain.weights.data()}, grad_output,
                                {gradients.value, by_location.data(), by_weight.data()});
  if (gradients.reference_points != nullptr) {
    const int64_t points = reference.batch * sizes.queries * reference.levels;
    std::fill_n(gradients.reference_points, points * reference.coordinates, 0.0);
  }
  const int64_t all_points = sizes.levels * sizes.points, count = static_cast<int64_t>(plain.weights.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = ReferenceIndex(sizes, reference, i);
    for (int64_t axis = 0; axis < 2; ++axis) {
      const double gradient = by_location[2 * i + axis];
      gradients.sampling_offsets[2 * i + axis] =
          gradient * LocationByOffset(sizes, reference, inputs.reference_points + index, i, axis);
      if (gradients.reference_points == nullptr) continue;
      gradients.reference_points[index + axis] += gradient;
      if (reference.coordinates == 2) continue;
      gradients.reference_points[index + 2 + axis] +=
          gradient * inputs.sampling_offsets[2 * i + axis] * 0.5 / static_cast<double>(sizes.points);
    }
  }
  // the softmax
  for (int64_t first = 0; first < count; first += all_points) {
    double sum = 0;
    for (int64_t i = first; i < first + all_points; ++i) sum += plain.weights[i] * by_weight[i];
    for (int64_t i = first; i < first + all_points; ++i) {
      gradients.attention_logits[i] = plain.weights[i] * (by_weight[i] - sum);
    }
  }
}

}  // namespace ops
