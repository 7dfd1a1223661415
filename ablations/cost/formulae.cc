#include "ablations/cost/formulae.h"

namespace grouppose::cost {
namespace {

// A linear layer on `rows` tokens.
int64_t LinearFlops(int64_t rows, int64_t in, int64_t out) { return 2 * rows * in * out; }

int64_t CrossAttentionFlops(const TransformerOptions& options, int64_t memory_tokens) {
  const int64_t tokens = options.num_queries * (options.num_keypoints + 1), hidden = options.hidden_dim;
  const int64_t samples_per_head = options.num_levels * options.decoder_points;
  const int64_t samples = options.num_heads * samples_per_head;
  const int64_t value = LinearFlops(memory_tokens, hidden, hidden);
  const int64_t locations_and_weights = LinearFlops(tokens, hidden, 3 * samples);
  // a sample mixes the four pixels around it, in the channels of its head
  const int64_t interpolation = 2 * 4 * tokens * samples_per_head * hidden;
  const int64_t output = LinearFlops(tokens, hidden, hidden);
  return value + locations_and_weights + interpolation + output;
}

}  // namespace

int64_t DecoderLayerFlops(const TransformerOptions& options, const AttentionScheme& scheme, int64_t memory_tokens) {
  const int64_t tokens = options.num_queries * (options.num_keypoints + 1);
  const int64_t feed_forward = 2 * LinearFlops(tokens, options.hidden_dim, options.feedforward_dim);
  return scheme.Flops(options.num_queries, options.num_keypoints) + CrossAttentionFlops(options, memory_tokens) +
         feed_forward;
}

int64_t DecoderFlops(const TransformerOptions& options, const AttentionScheme& scheme, int64_t memory_tokens) {
  const int64_t keypoints = options.num_queries * options.num_keypoints, hidden = options.hidden_dim;
  // an MLP of two layers; its input is the sine encoding of a point
  const int64_t position_term = 2 * LinearFlops(keypoints, hidden, hidden);
  // an MLP of three layers with an offset (x, y) as output
  const int64_t refinement = 2 * LinearFlops(keypoints, hidden, hidden) + LinearFlops(keypoints, hidden, 2);
  return options.decoder_layers * (DecoderLayerFlops(options, scheme, memory_tokens) + position_term) +
         (options.decoder_layers - 1) * refinement;
}

}  // namespace grouppose::cost
