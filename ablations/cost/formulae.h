// What the parts of a decoder compute, by formula.
#ifndef ABLATIONS_COST_FORMULAE_H_
#define ABLATIONS_COST_FORMULAE_H_

#include <cstdint>

#include "grouppose/attention/scheme.h"
#include "grouppose/transformer/options.h"

namespace grouppose::cost {

// Floating-point operations of the forward pass on one image, a multiply-add counted as two. Counted is what grows with
// a product of two sizes of the model: linear layers, scores and weighted sums of self-attention, interpolation of
// deformable attention. Softmax, norms, activations and residuals are left out. A backward pass does about twice as
// much, and two and a half times for self-attention, whose fused kernel computes its scores again.

// One layer: `scheme` is its self-attention; `memory_tokens` are the places that cross-attention projects.
int64_t DecoderLayerFlops(const TransformerOptions& options, const AttentionScheme& scheme, int64_t memory_tokens);

// All layers, the position terms in front of each and the refinement of poses between them.
int64_t DecoderFlops(const TransformerOptions& options, const AttentionScheme& scheme, int64_t memory_tokens);

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_FORMULAE_H_
