#include "grouppose/backbone/swin.h"

#include "base/check.h"

namespace grouppose {

std::unique_ptr<Backbone> MakeSwin(const SwinOptions&) {
  GROUPPOSE_CHECK(false, "Swin backbones are not built yet");
  return nullptr;
}

}  // namespace grouppose
