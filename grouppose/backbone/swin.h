#ifndef GROUPPOSE_BACKBONE_SWIN_H_
#define GROUPPOSE_BACKBONE_SWIN_H_

#include <memory>

#include "grouppose/backbone/backbone.h"

namespace grouppose {

// Levels of base, 2, 4 and 8 times as many channels (96 for Swin-T, 128 for B, 192 for L) at strides 4, 8, 16 and 32,
// those of `output_stages`. All of it is trained but for `freeze_keywords`. No absolute position embedding.
std::unique_ptr<Backbone> MakeSwin(const SwinOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_SWIN_H_
