// mod_position_encoding, mod_gen_sineembed, mod_encoder_output_proposals, mod_reference_points: what depends on sizes
// and padding alone.
#include "grouppose/transformer/level_geometry.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include "grouppose/backbone/level_mask.h"
#include "grouppose/nn/position_encoding.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

LevelSizes SizesOf(const at::Tensor& spatial_shapes) {
  const std::vector<int64_t> values = Integers(spatial_shapes);
  LevelSizes sizes;
  for (size_t i = 0; i + 1 < values.size(); i += 2) sizes.emplace_back(values[i], values[i + 1]);
  return sizes;
}

// [batch, size] -> one [batch, height, width] a level.
std::vector<at::Tensor> SplitMask(const at::Tensor& flat, const LevelSizes& sizes) {
  std::vector<at::Tensor> masks;
  int64_t start = 0;
  for (const auto& [height, width] : sizes) {
    masks.push_back(flat.narrow(1, start, height * width).view({-1, height, width}));
    start += height * width;
  }
  return masks;
}

}  // namespace

void CheckPixelPositionEncoding(const Fixture& fixture, Report* report) {
  const at::Tensor expected = fixture.Get("pos");
  // the published temperature, unless the recording has another
  const nn::PositionTemperature temperature = {fixture.Number("temperature_height", 20),
                                               fixture.Number("temperature_width", 20)};
  report->Compare("pos", nn::PixelPositionEncoding(fixture.Get("mask"), expected.size(1), temperature),
                  expected.flatten(2).transpose(1, 2), ToleranceOf(fixture, "pos"));
}

void CheckPointPositionEncoding(const Fixture& fixture, Report* report) {
  const at::Tensor expected = fixture.Get("out");
  report->Compare("out", nn::PointPositionEncoding(fixture.Get("pos_tensor"), expected.size(-1)), expected,
                  ToleranceOf(fixture, "out"));
}

void CheckEncoderProposals(const Fixture& fixture, Report* report) {
  const LevelSizes sizes = SizesOf(fixture.Get("spatial_shapes"));
  const at::Tensor mask = fixture.Get("padding_mask");
  const Proposals proposals = EncoderProposals(sizes, SplitMask(mask, sizes), at::kFloat);
  // invalid tokens count as zero memory
  const at::Tensor zero_rows = fixture.Get("output_memory_zero_rows").to(at::kBool);
  report->Compare("output_memory_zero_rows", proposals.invalid, zero_rows, Tolerance::Exact());
  report->Compare("output_proposals", proposals.logits, fixture.Get("output_proposals"),
                  ToleranceOf(fixture, "output_proposals"));
  if (fixture.Has("memory")) {
    report->Expect("memory", fixture.Get("memory").size(1) == mask.size(1), "as many rows as padding_mask");
  }
  if (fixture.HasMeta("n_valid")) {
    report->Equal("n_valid", Integers(proposals.invalid.logical_not().sum(1)), [&] {
      std::vector<int64_t> valid;
      for (double count : fixture.Numbers("n_valid")) valid.push_back(static_cast<int64_t>(count));
      return valid;
    }());
  }
  // the mask of the levels follows from that of the images
  if (!fixture.Has("image_mask")) return;
  const at::Tensor image_mask = fixture.Get("image_mask");
  std::vector<at::Tensor> levels;
  for (const auto& [height, width] : sizes) levels.push_back(LevelMask(image_mask, height, width).flatten(1));
  report->Compare("padding_mask", at::cat(levels, 1), mask, Tolerance::Exact());
}

void CheckReferencePoints(const Fixture& fixture, Report* report) {
  const LevelSizes sizes = SizesOf(fixture.Get("spatial_shapes"));
  const at::Tensor ratios = ValidRatios(SplitMask(fixture.Get("mask_flatten"), sizes));
  report->Compare("valid_ratios", ratios, fixture.Get("valid_ratios"), ToleranceOf(fixture, "valid_ratios"));
  report->Compare("reference_points", EncoderReferencePoints(sizes, ratios, at::kFloat),
                  fixture.Get("reference_points"), ToleranceOf(fixture, "reference_points"));
}

}  // namespace grouppose::parity
