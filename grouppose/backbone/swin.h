#ifndef GROUPPOSE_BACKBONE_SWIN_H_
#define GROUPPOSE_BACKBONE_SWIN_H_

#include <memory>

#include "grouppose/backbone/backbone.h"

namespace grouppose {

std::unique_ptr<Backbone> MakeSwin(const SwinOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_SWIN_H_
