// mod_msdeformattn_*, mod_encoder_layer, mod_decoder_layer: single layers, forward and backward.
#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>

#include "grouppose/parity/checks.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/recipe.h"
#include "grouppose/parity/tolerances.h"
#include "grouppose/transformer/decoder.h"
#include "grouppose/transformer/deformable_attention.h"
#include "grouppose/transformer/encoder.h"

namespace grouppose::parity {
namespace {

// Heads are no part of any shape.
constexpr int64_t kHeads = 8;

uint64_t Seed(const Fixture& fixture) { return static_cast<uint64_t>(fixture.Integer("seed")); }
std::string Prefix(const Fixture& fixture) { return fixture.Text("prefix", ""); }

// The absolute tolerance of outputs, which is the relative one of norms and of gradients.
double SingleTolerance(const Fixture& fixture) { return fixture.Number("tol"); }

int64_t Heads(const Fixture& fixture) { return fixture.HasMeta("num_heads") ? fixture.Integer("num_heads") : kHeads; }

// Of a layer whose recorded parameters have the shapes of meta.params, those of its deformable attention below
// `attention`; the published sizes where they are not told.
TransformerOptions LayerOptions(const Fixture& fixture, const std::string& attention, int64_t hidden, int64_t levels) {
  TransformerOptions options;
  options.hidden_dim = hidden;
  options.num_heads = Heads(fixture);
  options.num_levels = levels;
  if (fixture.HasMeta("params/linear1.weight/0")) options.feedforward_dim = fixture.Integer("params/linear1.weight/0");
  const std::string rows = "params/" + attention + "attention_weights.weight/0";
  if (fixture.HasMeta(rows)) {
    options.encoder_points = options.decoder_points = fixture.Integer(rows) / (options.num_heads * levels);
  }
  return options;
}

}  // namespace

void CheckDeformableAttention(const Fixture& fixture, Report* report) {
  const double tolerance = SingleTolerance(fixture);
  const Tolerance absolute = Tolerance::Absolute(tolerance);
  const at::Tensor expected = fixture.Get("out"), points = fixture.Get("reference_points"),
                   mask = fixture.Get("padding_mask"), shapes = fixture.Get("spatial_shapes");
  const int64_t batch = expected.size(0), size = mask.size(1), hidden = expected.size(2);
  const TransformerOptions layer = LayerOptions(fixture, "", hidden, shapes.size(0));
  DeformableAttention attention({hidden, layer.num_heads, layer.num_levels, layer.encoder_points});
  FillByRecipe(attention, Seed(fixture), Prefix(fixture));
  const bool stored = fixture.Has("input_flatten");
  const at::Tensor query = Leaf(fixture.Get("query")), leaf_points = Leaf(points),
                   memory = Leaf(stored ? fixture.Get("input_flatten")
                                        : DescribedTensor(fixture, "memory", {batch, size, hidden}));
  const at::Tensor out = attention.Forward(query, leaf_points, memory, shapes, fixture.Get("level_start_index"), mask);
  report->Compare("out", out, expected, absolute);

  // the gradient that enters is named after the form: encoder, decoder
  const bool encoder = fixture.Text("grad_out_recipe", "").find("'grad_out'") != std::string::npos;
  out.backward(DescribedTensor(fixture, encoder ? "grad_out" : "grad_out_d", out.sizes()));
  CompareRows(fixture, "grad_query", query.grad(), 1, absolute, report);
  if (fixture.Has("grad_input")) CompareRows(fixture, "grad_input", memory.grad(), 1, absolute, report);
  if (fixture.Has("gradsum_input")) {
    report->Compare("gradsum_input", memory.grad().sum(1), fixture.Get("gradsum_input"), absolute);
  }
  if (fixture.Has("grad_reference_points")) {
    // gradients of locations carry the level's size, so their tolerance is relative
    CompareRows(fixture, "grad_reference_points", leaf_points.grad(), 1, Tolerance::OfLargest(tolerance), report);
  }
  if (fixture.HasMeta("params")) CompareGradients(fixture, attention, tolerance, report);
}

void CheckEncoderLayer(const Fixture& fixture, Report* report) {
  const double tolerance = SingleTolerance(fixture);
  const at::Tensor expected = fixture.Get("out"), shapes = fixture.Get("spatial_shapes");
  EncoderLayer layer(LayerOptions(fixture, "self_attn.", expected.size(2), shapes.size(0)));
  FillByRecipe(layer, Seed(fixture), Prefix(fixture));
  const at::Tensor memory = Leaf(DescribedTensor(fixture, "memory", expected.sizes())),
                   position = Leaf(DescribedTensor(fixture, "pos", expected.sizes()));
  const at::Tensor out = layer.Forward(memory, position, fixture.Get("reference_points"), shapes,
                                       fixture.Get("level_start_index"), fixture.Get("padding_mask"));
  report->Compare("out", out, expected, Tolerance::Absolute(tolerance));
  out.backward(DescribedTensor(fixture, "grad_out", out.sizes()));
  CompareRows(fixture, "grad_src", memory.grad(), 1, Tolerance::Absolute(tolerance), report);
  CompareRows(fixture, "grad_pos", position.grad(), 1, Tolerance::Absolute(tolerance), report);
  CompareGradients(fixture, layer, tolerance, report);
}

void CheckDecoderLayer(const Fixture& fixture, Report* report) {
  const double tolerance = SingleTolerance(fixture);
  const Tolerance absolute = Tolerance::Absolute(tolerance);
  const at::Tensor shapes = fixture.Get("spatial_shapes"), mask = fixture.Get("padding_mask");
  // the recorded tokens are [N, batch, ...]
  const at::Tensor tokens = Leaf(fixture.Get("tgt").transpose(0, 1).contiguous()),
                   query_pos = Leaf(fixture.Get("query_pos").transpose(0, 1).contiguous());
  const int64_t batch = tokens.size(0), hidden = tokens.size(3);
  DecoderLayer layer(LayerOptions(fixture, "cross_attn.", hidden, shapes.size(0)));
  FillByRecipe(layer, Seed(fixture), Prefix(fixture));
  const at::Tensor memory = Leaf(DescribedTensor(fixture, "memory", {batch, mask.size(1), hidden}));

  // nothing is added to the instance token
  const at::Tensor position = at::constant_pad_nd(query_pos, {0, 0, 1, 0}, 0);
  const at::Tensor entered = tokens + position;
  report->Compare("tgt_after", entered.transpose(0, 1), fixture.Get("tgt_after"), Tolerance::Exact());
  const at::Tensor out = layer
                             .Forward(entered, position, fixture.Get("reference_points").transpose(0, 1), memory,
                                      shapes, fixture.Get("level_start_index"), mask)
                             .transpose(0, 1);
  report->Compare("out", out, fixture.Get("out"), absolute);
  out.backward(DescribedTensor(fixture, "grad_out", out.sizes()));
  report->Compare("grad_tgt", tokens.grad().transpose(0, 1), fixture.Get("grad_tgt"), absolute);
  report->Compare("grad_query_pos", query_pos.grad().transpose(0, 1), fixture.Get("grad_query_pos"), absolute);
  report->Compare("gradsum_memory", memory.grad().sum(1), fixture.Get("gradsum_memory"), absolute);
  CompareGradients(fixture, layer, tolerance, report);
}

}  // namespace grouppose::parity
