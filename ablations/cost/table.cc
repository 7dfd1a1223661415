#include "ablations/cost/table.h"

#include "ablations/cost/reading.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace grouppose::cost {
namespace {

using experiments::Cost;

std::string Heading(const Cost& cost) {
  const Cost::Setting& setting = cost.setting();
  const Cost::Conditions& conditions = cost.conditions();
  std::string text = absl::StrFormat(
      "N = %d, K = %d, d = %d, %d heads, %d layers, feed-forward %d, %d x %d pixels (%d memory tokens), batch %d\n",
      setting.num_queries(), setting.num_body_points(), setting.hidden_dim(), setting.num_heads(),
      setting.decoder_layers(), setting.feedforward_dim(), setting.image_height(), setting.image_width(),
      setting.memory_tokens(), setting.batch());
  absl::StrAppendFormat(&text,
                        "%s, torch %s with %s kernels, %d thread%s, load average %.2f to %.2f, %.0f %% of a core\n",
                        conditions.processor(), conditions.torch_version(), conditions.instruction_set(),
                        conditions.threads(), conditions.threads() == 1 ? "" : "s", conditions.load_average_at_start(),
                        conditions.load_average_at_end(), 100 * conditions.cpu_share());
  if (WasDisturbed(conditions)) {
    absl::StrAppend(&text, "Other programs wanted the cores too: shared caches and clocks may have cost time.\n");
  }
  absl::StrAppend(&text, "Milliseconds of ", UsesCpuTime(cost) ? "CPU" : "wall",
                  " time: median [first and third quartile]. Memory: most bytes of tensors alive, without parameters\n"
                  "and inputs. GFLOP and pairs of one image's forward pass, by formula; GFLOP/s over the median.\n");
  return text;
}

std::string Line(const Cost& cost, const std::string& name, const Cost::Part& part) {
  const auto milliseconds = [](const Cost::Quartiles& quartiles) {
    return absl::StrFormat("%9.2f [%.2f, %.2f]", 1e3 * quartiles.median(), 1e3 * quartiles.first(),
                           1e3 * quartiles.third());
  };
  const auto mebibytes = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const double gigaflops = 1e-9 * static_cast<double>(part.flops());
  // NONE computes nothing in no time
  const double rate = part.flops() == 0 ? 0
                                        : gigaflops * static_cast<double>(cost.setting().batch()) /
                                              SecondsOf(cost, part.forward()).median();
  return absl::StrFormat("%-15s %-28s %-28s %8.1f %8.1f %8.1f %8.3f %8.1f %9d %10d\n", name,
                         milliseconds(SecondsOf(cost, part.forward())), milliseconds(SecondsOf(cost, part.backward())),
                         mebibytes(part.inference_peak_bytes()), mebibytes(part.forward().peak_bytes()),
                         mebibytes(part.backward().peak_bytes()), gigaflops, rate, part.attention_pairs(),
                         part.parameters());
}

template <typename PartOf>
void AppendTable(const Cost& cost, const char* title, int64_t rounds, PartOf part_of, std::string* text) {
  absl::StrAppendFormat(text, "\n%s, %d rounds\n", title, rounds);
  absl::StrAppendFormat(text, "%-15s %-28s %-28s %8s %8s %8s %8s %8s %9s %10s\n", "", "  forward", "  backward",
                        "MiB inf.", "MiB fwd", "MiB bwd", "GFLOP", "GFLOP/s", "pairs", "parameters");
  for (const Cost::Scheme& scheme : cost.schemes()) *text += Line(cost, scheme.name(), part_of(scheme));
}

}  // namespace

std::string CostTable(const Cost& cost) {
  std::string text = Heading(cost);
  const Cost::Conditions& conditions = cost.conditions();
  AppendTable(
      cost, "self-attention block", conditions.attention_block_rounds(),
      [](const Cost::Scheme& scheme) { return scheme.attention_block(); }, &text);
  AppendTable(
      cost, "decoder layer", conditions.decoder_layer_rounds(),
      [](const Cost::Scheme& scheme) { return scheme.decoder_layer(); }, &text);
  AppendTable(
      cost, "whole decoder", conditions.decoder_rounds(), [](const Cost::Scheme& scheme) { return scheme.decoder(); },
      &text);
  return text;
}

}  // namespace grouppose::cost
