#include "grouppose/config/backbone_weights.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "grouppose/checkpoint/load.h"

namespace grouppose::config {
namespace {

// The last stage of a dilated Swin, which is another one than that of the file.
bool BelongsToDilatedStage(const std::string& name) { return absl::StrContains(name, "layers.3."); }

// Whether a name of the file has no place in a backbone.
bool IsPassedOver(const std::string& name, bool dilated_swin) {
  for (const char* prefix : {"fc.", "head.", "norm."}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  if (absl::EndsWith(name, ".num_batches_tracked") || absl::EndsWith(name, ".attn_mask")) return true;
  return dilated_swin && (BelongsToDilatedStage(name) || absl::StartsWith(name, "layers.2.downsample."));
}

// Whether the backbone's tensor may keep its initial values: "norm1.weight", but not "layers.0.blocks.0.norm1.weight".
bool MayBeMissing(const nn::NamedTensor& named, bool dilated_swin) {
  return absl::StartsWith(named.name, "norm") || !at::isFloatingType(named.tensor.scalar_type()) ||
         (dilated_swin && BelongsToDilatedStage(named.name));
}

}  // namespace

std::string BackboneWeights::Text() const {
  std::string text = absl::StrCat(taken, " tensors for the backbone");
  if (!kept.empty()) absl::StrAppend(&text, "; not in the file, so initial values: ", absl::StrJoin(kept, ", "));
  if (!passed_over.empty()) absl::StrAppend(&text, "; passed over: ", absl::StrJoin(passed_over, ", "));
  return text;
}

absl::StatusOr<BackboneWeights> LoadBackboneWeights(const std::map<std::string, at::Tensor>& file,
                                                    const std::string& source, const nn::Module& backbone,
                                                    bool dilated_swin) {
  const std::vector<nn::NamedTensor> own = backbone.StateDict();
  // torchvision's names stand below "body." here
  const std::string body = absl::StartsWith(own.front().name, "body.") ? "body." : "";
  BackboneWeights result;
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, tensor] : file) {
    const std::string local = std::string(absl::StripPrefix(absl::StripPrefix(name, "backbone.0."), "body."));
    if (IsPassedOver(local, dilated_swin)) {
      result.passed_over.push_back(name);
    } else {
      weights[body + local] = tensor;
    }
  }
  result.taken = static_cast<int64_t>(weights.size());
  for (const nn::NamedTensor& named : own) {
    if (MayBeMissing(named, dilated_swin) && weights.emplace(named.name, named.tensor).second) {
      result.kept.push_back(named.name);
    }
  }
  std::sort(result.kept.begin(), result.kept.end());
  checkpoint::LoadOptions load;
  load.source = source;
  RETURN_IF_ERROR(checkpoint::LoadIntoModule(weights, backbone, load));
  return result;
}

}  // namespace grouppose::config
