#include "grouppose/parity/stages.h"

#include <ATen/TensorOperators.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

// Compares where the recording has the stage, whole or in part.
void CompareStage(const Fixture& fixture, const std::string& name, const at::Tensor& actual, int64_t dimension,
                  Report* report) {
  for (const std::string& stored : {name, name + "_sub"}) {
    if (!fixture.Has(stored)) continue;
    CompareRows(fixture, stored, actual, dimension, StageTolerance(fixture, name), report);
  }
}

// [batch, N, T, 2] -> [N, batch, 2T], as the official program keeps its first points.
at::Tensor InstancesFirst(const at::Tensor& points) { return points.flatten(2).transpose(0, 1); }

void CompareSelection(const Fixture& fixture, const Transformer& transformer, const Memory& memory,
                      const SelectedQueries& selected, Report* report) {
  CompareStage(fixture, "memory", memory.tokens, 1, report);
  CompareStage(fixture, "enc_class", transformer.selection().ClassLogits(memory.tokens, *memory.geometry), 1, report);
  if (fixture.Has("topk")) report->Equal("topk", Integers(selected.indices), Integers(fixture.Get("topk")));
  CompareStage(fixture, "mix_refpoint", selected.pose.flatten(2), 1, report);
  CompareStage(fixture, "mix_embedding", selected.memory, 1, report);
  CompareStage(fixture, "tgt", transformer.QueryTokens(selected), 1, report);
  CompareStage(fixture, "refpoints_sigmoid", InstancesFirst(WithCentre(selected.pose)), 0, report);
}

void CompareDecoder(const Fixture& fixture, const Transformer& transformer, const LevelGeometry& geometry,
                    const DecoderOutputs& decoded, Report* report) {
  const size_t layers = decoded.tokens.size();
  for (size_t i = 0; i < layers; ++i) {
    CompareStage(fixture, absl::StrCat("hs_pose", i), decoded.tokens[i], 1, report);
    CompareStage(fixture, absl::StrCat("refpoint_pose", i), decoded.reference_points[i].flatten(2), 1, report);
    // what the layer gave, before the next one added its position term in place
    at::Tensor raw = decoded.tokens[i];
    if (i + 1 < layers) raw = raw - transformer.decoder()->PositionTerm(decoded.reference_points[i + 1], geometry);
    CompareStage(fixture, absl::StrCat("dec", i, "_raw"), raw.transpose(0, 1), 0, report);
  }
}

// [batch, hidden, height, width] a level
void ComparePositions(const Fixture& fixture, const LevelGeometry& geometry, Report* report) {
  int64_t start = 0;
  for (size_t level = 0; level < geometry.sizes.size(); ++level) {
    const int64_t size = geometry.sizes[level].first * geometry.sizes[level].second;
    const std::string name = absl::StrCat("pos", level);
    if (fixture.Has(name)) {
      report->Compare(name, geometry.positions.narrow(1, start, size), fixture.Get(name).flatten(2).transpose(1, 2),
                      StageTolerance(fixture, name));
    }
    start += size;
  }
}

}  // namespace

Tolerance StageTolerance(const Fixture& fixture, const std::string& name) {
  const std::optional<Tolerance> own = FindTolerance(fixture, name);
  return own.has_value() ? *own : ToleranceOf(fixture, "pred_logits");
}

void CompareStages(const Fixture& fixture, Transformer& transformer, const std::vector<at::Tensor>& levels,
                   const std::vector<at::Tensor>& masks,
                   const std::function<at::Tensor(const DecoderOutputs&)>& final_pose, Report* report) {
  const Memory memory = transformer.Encode(levels, masks);
  const SelectedQueries selected = transformer.Select(memory);
  CompareSelection(fixture, transformer, memory, selected, report);
  const DecoderOutputs decoded = transformer.Decode(memory, selected);
  CompareDecoder(fixture, transformer, *memory.geometry, decoded, report);
  CompareStage(fixture, absl::StrCat("refpoint_pose", decoded.tokens.size()),
               WithCentre(final_pose(decoded)).flatten(2), 1, report);
  ComparePositions(fixture, *memory.geometry, report);
}

}  // namespace grouppose::parity
