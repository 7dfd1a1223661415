#ifndef GROUPPOSE_BACKBONE_SMALL_RESNET_H_
#define GROUPPOSE_BACKBONE_SMALL_RESNET_H_

#include <memory>

#include "grouppose/backbone/backbone.h"

namespace grouppose {

// Names: "body.conv1", "body.norm1", then "body.layerS.B.{conv1, norm1, conv2, norm2, downsample.0, downsample.1}" with
// S from 1 and B from 0.
std::unique_ptr<Backbone> MakeSmallResNet(const SmallResNetOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_SMALL_RESNET_H_
