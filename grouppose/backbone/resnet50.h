#ifndef GROUPPOSE_BACKBONE_RESNET50_H_
#define GROUPPOSE_BACKBONE_RESNET50_H_

#include <memory>

#include "grouppose/backbone/backbone.h"

namespace grouppose {

// Levels of 256, 512, 1024 and 2048 channels at strides 4, 8, 16 and 32, those of `output_stages`. Names as
// torchvision's resnet50 without "fc". conv1 and layer1 are not trained (requires_grad is off), as in DETR.
std::unique_ptr<Backbone> MakeResNet50(const ResNet50Options& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_RESNET50_H_
