// A file of ImageNet weights into a backbone, as the official program takes it.
//
//   ASSIGN_OR_RETURN(BackboneWeights weights, LoadBackboneWeights(file.tensors, file.Source(), model.backbone(), {}));
//
// Of torchvision's ResNet everything is taken but the classifier (`fc.`) and the counters of batch norms, which are
// frozen here. Of a Swin's file, everything but the classifier (`head.`), the norm in front of it (`norm.`) and masks
// that follow from the size of the image (`.attn_mask`); the norms of the levels (`norm1.` ...) are new and keep their
// initial values, and tables of indices that a file lacks follow from the architecture. In a dilated Swin the last
// stage has other channels: it is left out whole, and the downsampling in front of it with it.
//
// The official program takes a Swin's file whatever else is missing or left over; here that is refused, for then the
// file is another model's.
#ifndef GROUPPOSE_CONFIG_BACKBONE_WEIGHTS_H_
#define GROUPPOSE_CONFIG_BACKBONE_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/nn/module.h"

namespace grouppose::config {

// What became of the names, each ascending.
struct BackboneWeights {
  int64_t taken = 0;
  std::vector<std::string> passed_over;  // names of the file
  std::vector<std::string> kept;         // names of the backbone that kept their initial values
  // One line.
  std::string Text() const;
};

// The names in the file may stand below "backbone.0." and "body.". InvalidArgument lists every other missing,
// unexpected and mis-shaped name after `source`, and then nothing was changed.
absl::StatusOr<BackboneWeights> LoadBackboneWeights(const std::map<std::string, at::Tensor>& file,
                                                    const std::string& source, const nn::Module& backbone,
                                                    bool dilated_swin);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_BACKBONE_WEIGHTS_H_
