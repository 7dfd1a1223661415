#include "grouppose/backbone/backbone.h"

#include "grouppose/backbone/resnet50.h"
#include "grouppose/backbone/small_resnet.h"
#include "grouppose/backbone/swin.h"

namespace grouppose {
namespace {

std::unique_ptr<Backbone> Make(const ResNet50Options& options) { return MakeResNet50(options); }
std::unique_ptr<Backbone> Make(const SmallResNetOptions& options) { return MakeSmallResNet(options); }
std::unique_ptr<Backbone> Make(const SwinOptions& options) { return MakeSwin(options); }

}  // namespace

std::unique_ptr<Backbone> MakeBackbone(const BackboneOptions& options) {
  return std::visit([](const auto& kind) { return Make(kind); }, options);
}

}  // namespace grouppose
