// Where two sets of named tensors differ.
#ifndef GROUPPOSE_CHECKPOINT_DIFFERENCE_H_
#define GROUPPOSE_CHECKPOINT_DIFFERENCE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace grouppose::checkpoint {

struct TensorDifference {
  enum class Kind {
    kOnlyInFirst,
    kOnlyInSecond,
    kShape,
    kType,  // the values may be equal: see max_difference
    kValues,
  };
  std::string name;
  Kind kind = Kind::kValues;
  std::string first, second;  // "float32 [4, 8]", "" where there is none
  // kType, kValues: max |a - b|, NaN where one side alone is NaN somewhere. Two NaN are equal, two equal infinities
  // too.
  double max_difference = 0;
};

// By name; empty where names, shapes, types and values are the same.
std::vector<TensorDifference> Differences(const std::map<std::string, at::Tensor>& first,
                                          const std::map<std::string, at::Tensor>& second);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_DIFFERENCE_H_
