#include "ablations/report_notes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/dataset_description.h"

namespace grouppose {
namespace {

using experiments::Data;
using experiments::Experiment;
using experiments::Model;

// "a", "a and b", "a, b and c"
std::string Listed(std::vector<std::string> names) {
  if (names.size() < 2) return absl::StrJoin(names, "");
  const std::string last = names.back();
  names.pop_back();
  return absl::StrCat(absl::StrJoin(names, ", "), " and ", last);
}

std::vector<std::string> NamesOf(const std::vector<const Row*>& rows) {
  std::vector<std::string> names;
  for (const Row* row : rows) names.push_back(row->variant);
  return names;
}

std::string Seeds(int count) { return absl::StrCat(count, count == 1 ? " seed" : " seeds"); }

const Model& ModelOf(const Row& row) { return row.first().experiment.model(); }

std::string SchemeOf(const Row& row) { return Model::SelfAttention_Name(ModelOf(row).self_attention()); }

// Has an attention whose softmax runs over the tokens of one instance alone: it tells every token which are its own.
// CUSTOM may or may not.
bool AttendsWithinInstances(const Row& row) {
  const Model::SelfAttention scheme = ModelOf(row).self_attention();
  return scheme == Model::WITHIN || scheme == Model::GROUP || scheme == Model::GROUP_REVERSED ||
         scheme == Model::GROUP_PARALLEL;
}

bool InstancesStartEqual(const Row& row) { return ModelOf(row).instance_query() == Model::EMBEDDING; }

bool DifferOnlyIn(const Row& left, const Row& right, const std::string& path) {
  return DifferingPaths(left, right) == std::vector<std::string>{path};
}

// The first row that fits; null where the study has none.
const Row* FindRow(const Study& study, const std::function<bool(const Row&)>& fits) {
  const auto found = std::find_if(study.rows.begin(), study.rows.end(), fits);
  return found == study.rows.end() ? nullptr : &*found;
}

std::vector<const Row*> OthersThanBaseline(const Study& study, const std::function<bool(const Row&)>& fits) {
  std::vector<const Row*> rows;
  for (const Row& row : study.rows) {
    if (!study.IsBaseline(row) && fits(row)) rows.push_back(&row);
  }
  return rows;
}

// ---- images

std::string SyntheticImages(const Experiment& experiment, int64_t images) {
  const experiments::SyntheticPeople& people = experiment.data().synthetic();
  const std::string split = experiment.data().evaluation_split();
  const std::string sets =
      absl::StrFormat("tuning images are %d of synthetic set %d, training images %d of set %d", people.tuning_images(),
                      people.tuning_seed(), people.train_images(), people.train_seed());
  if (split != "test") {
    return absl::StrFormat(
        "Reported on %d images of the split '%s': images that settings were chosen or models trained on, so that the "
        "numbers say little about others (%s).",
        images, split, sets);
  }
  if (people.test_seed() == people.tuning_seed() || people.test_seed() == people.train_seed()) {
    return absl::StrFormat(
        "Reported on %d images of synthetic set %d, which are NOT apart from those that settings were tuned or models "
        "trained on: %s.",
        images, people.test_seed(), sets);
  }
  return absl::StrFormat(
      "Reported on %d test images (synthetic set %d). They are apart from the images that settings are tuned on and "
      "from those that models are trained on: %s.",
      images, people.test_seed(), sets);
}

std::string PhotoImages(const Experiment& experiment, int64_t images) {
  const std::string split = experiment.data().evaluation_split();
  const std::string source = experiments::DatasetName(experiment.data());
  if (split == "train") {
    return absl::StrFormat("Reported on %d images of %s's split 'train', which the models were trained on.", images,
                           source);
  }
  return absl::StrFormat(
      "Reported on %d images of %s's split '%s'; trained on the split 'train', which is apart from it. The experiment "
      "names no images to tune on: a setting that was chosen by its AP on '%s' was chosen on the images reported here.",
      images, source, split, split);
}

// ---- budget

// The final AP, and the AP at the last evaluation up to four fifths of the steps; nothing where there is none.
struct Rise {
  double late = 0, final = 0;
  double late_step = 0, final_step = 0;
};
std::optional<Rise> LastRise(const Row& row) {
  std::vector<std::vector<CurvePoint>> curves;
  for (const Cell* cell : row.cells) curves.push_back(cell->ApCurve());
  const CurveBand band = BandOf(curves);
  if (band.steps.size() < 2) return std::nullopt;
  for (size_t i = band.steps.size() - 1; i-- > 0;) {
    if (band.steps[i] > (1 - kLastShare) * band.steps.back() + 1e-9) continue;
    return Rise{band.mean[i], band.mean.back(), band.steps[i], band.steps.back()};
  }
  return std::nullopt;
}

void AddFloorNote(const Study& study, std::vector<std::string>* notes) {
  double best = 0;
  for (const Row& row : study.rows) best = std::max(best, base::Mean(row.Aps()));
  if (best >= kLowestTelling) return;
  notes->push_back(absl::StrFormat(
      "The budget is too small to conclude anything: no variant reaches a mean AP of %.2f (best: %.3f). Hardly anybody "
      "is found yet, and variants differ in when they begin to learn.",
      kLowestTelling, best));
}

void AddRiseNotes(const Study& study, std::vector<std::string>* notes) {
  std::vector<std::string> rising;
  bool unknown = false;
  for (const Row& row : study.rows) {
    const std::optional<Rise> rise = LastRise(row);
    unknown |= !rise.has_value();
    if (rise.has_value() && rise->final - rise->late > kSteepRise * rise->final) {
      rising.push_back(absl::StrFormat("%s (%.3f at step %.0f, %.3f at step %.0f)", row.variant, rise->late,
                                       rise->late_step, rise->final, rise->final_step));
    }
  }
  if (!rising.empty()) {
    notes->push_back(absl::StrFormat(
        "Training is short: between the last evaluation before its last fifth and the end, AP still rose by more than "
        "a tenth of its final value for %s. With more steps the order of the variants may change.",
        Listed(rising)));
  }
  if (unknown) {
    notes->push_back(
        "Whether AP had stopped rising is not known for all variants: there is no evaluation before the last fifth of "
        "training.");
  }
}

void AddVerdictNotes(const Comparisons& comparisons, std::vector<std::string>* notes) {
  std::vector<std::string> without;
  for (const Comparison& comparison : comparisons.to_baseline) {
    const base::PairedComparison& paired = comparison.paired;
    if (paired.verdict == base::Verdict::kNotAvailable) {
      without.push_back(absl::StrCat(comparison.row->variant, " (", paired.pairs(), ")"));
    }
    if (paired.verdict != base::Verdict::kInconclusive) continue;
    const double half = (paired.interval->high - paired.interval->low) / 2;
    const std::optional<int> needed = base::PairsNeeded(paired.mean, paired.deviation, kConfidence, kMostSeedsAdvised);
    notes->push_back(absl::StrFormat(
        "%s against %s is inconclusive: the interval is wider (±%.3f) than the effect (%+.3f) at %s. Should mean and "
        "spread of the differences stay as they are, %s.",
        comparison.row->variant, comparison.other->variant, half, paired.mean, Seeds(paired.pairs()),
        needed.has_value() ? absl::StrFormat("%d seeds would separate the two", *needed)
                           : absl::StrFormat("not even %d seeds would separate the two", kMostSeedsAdvised)));
  }
  if (!without.empty()) {
    notes->push_back(absl::StrFormat("No verdict (n/a) below %d seeds in common with the baseline: %s.",
                                     base::kFewestPairsForVerdict, Listed(without)));
  }
}

void AddMultipleComparisonsNote(const Comparisons& comparisons, std::vector<std::string>* notes) {
  int verdicts = 0;
  std::vector<std::string> lost;
  for (const Comparison& comparison : comparisons.to_baseline) {
    const base::Verdict verdict = comparison.paired.verdict;
    verdicts += verdict != base::Verdict::kNotAvailable;
    const bool decided = verdict == base::Verdict::kBetter || verdict == base::Verdict::kWorse;
    if (decided && !(comparison.holm_p_value < 1 - kConfidence)) lost.push_back(comparison.row->variant);
  }
  if (verdicts < 2) return;
  std::string note = absl::StrFormat(
      "%d variants are compared with the baseline. Intervals and verdicts are not corrected for that; p (Holm) is.",
      verdicts);
  if (!lost.empty()) {
    absl::StrAppend(&note, " Better or worse only without the correction (p (Holm) is not below ",
                    absl::StrFormat("%.2f", 1 - kConfidence), "): ", Listed(lost), ".");
  }
  notes->push_back(note);
}

// ---- effects

void AddFieldNotes(const Study& study, std::vector<std::string>* notes) {
  std::map<std::string, std::vector<std::string>> rows_of_fields;
  for (const Row& row : study.rows) {
    const std::vector<std::string> paths = DifferingPaths(row, study.baseline());
    if (!study.IsBaseline(row) && paths.empty()) {
      notes->push_back(
          absl::StrCat(row.variant, " and ", study.baseline_name,
                       " are the same experiment: their difference is noise, or one of program and data."));
    }
    if (paths.size() > 1) rows_of_fields[Listed(paths)].push_back(row.variant);
  }
  for (const auto& [fields, rows] : rows_of_fields) {
    notes->push_back(absl::StrCat("More than one field differs from ", study.baseline_name, " (", fields, ") in ",
                                  Listed(rows), ": a difference is of all of them together."));
  }
}

// A difference without and with content in the instance tokens.
std::string ContentControlText(const Comparison& comparison, const Comparison& with_content) {
  const base::Verdict verdict = with_content.paired.verdict;
  const std::string text = absl::StrFormat(
      "%s %+.3f and %s (%s)", comparison.row->variant, comparison.paired.mean, DifferenceText(with_content.paired),
      verdict == base::Verdict::kNotAvailable
          ? absl::StrFormat("a hint only below %d seeds", base::kFewestPairsForVerdict)
          : base::VerdictName(verdict));
  const base::PairedComparison lost = LostWithContent(comparison, with_content);
  return lost.pairs() == 0 ? text : absl::StrCat(text, ", content takes away ", DifferenceText(lost));
}

void AddIdentityNotes(const Study& study, const Comparisons& comparisons, std::vector<std::string>* notes) {
  const Row& baseline = study.baseline();
  if (!InstancesStartEqual(baseline)) return;
  const std::vector<const Row*> exposed = OthersThanBaseline(study, [&](const Row& row) {
    return InstancesStartEqual(row) && SchemeOf(row) != SchemeOf(baseline) &&
           !(AttendsWithinInstances(row) && AttendsWithinInstances(baseline));
  });
  if (exposed.empty()) return;
  notes->push_back(absl::StrFormat(
      "Instance identity. With instance_query: EMBEDDING all instance tokens start equal, without content or position. "
      "A scheme in which a token sees those of all instances alike cannot tell which keypoints are its own; one that "
      "looks within an instance is told. So the difference of %s to %s (%s) counts as an effect of instance identity, "
      "not of grouping, as far as it vanishes when instance tokens have content (EMBEDDING_PLUS_MEMORY).",
      Listed(NamesOf(exposed)), baseline.variant, SchemeOf(baseline)));
  std::vector<std::string> texts, without_control;
  for (const Row* row : exposed) {
    const Comparison *comparison = comparisons.Find(*row), *with_content = comparisons.FindControl(*row);
    if (with_content == nullptr || with_content->paired.pairs() == 0 || comparison->paired.pairs() == 0) {
      without_control.push_back(row->variant);
      continue;
    }
    texts.push_back(ContentControlText(*comparison, *with_content));
  }
  if (texts.empty()) {
    notes->push_back("This study has no such control: the difference cannot be told from one of identity.");
    return;
  }
  notes->push_back(
      absl::StrFormat("The control in this study, differences in AP without and with content (there, to %s): %s. "
                      "Inconclusive does not say that nothing is left.",
                      comparisons.controls.front().with_content.other->variant, absl::StrJoin(texts, "; ")));
  if (without_control.empty()) return;
  notes->push_back(absl::StrCat("No such control for ", Listed(without_control),
                                ": the difference cannot be told from one of identity."));
}

void AddAttentionSizeNotes(const Study& study, std::vector<std::string>* notes) {
  const Row& baseline = study.baseline();
  const int64_t of_baseline = baseline.first().metrics.attention_parameters();
  if (of_baseline == 0) return;
  std::map<double, std::vector<std::string>> rows_of_multiple;
  for (const Row& row : study.rows) {
    const int64_t parameters = row.first().metrics.attention_parameters();
    if (SchemeOf(row) == SchemeOf(baseline) || parameters == of_baseline) continue;
    rows_of_multiple[static_cast<double>(parameters) / static_cast<double>(of_baseline)].push_back(row.variant);
  }
  if (rows_of_multiple.empty()) return;
  std::vector<std::string> sizes;
  for (const auto& [multiple, rows] : rows_of_multiple) {
    sizes.push_back(multiple == 0 ? absl::StrCat("none in ", Listed(rows))
                                  : absl::StrFormat("%.3g times as many in %s", multiple, Listed(rows)));
  }
  std::string note = absl::StrFormat("Size. The decoder's self-attention of %s has %d parameters; there are %s.",
                                     baseline.variant, of_baseline, absl::StrJoin(sizes, ", "));
  // two full attentions in a layer: FULL with the parameters of GROUP
  const Row* twice = FindRow(study, [&](const Row& row) {
    return SchemeOf(row) == "FULL_2X" && DifferOnlyIn(row, baseline, "model.self_attention");
  });
  if (twice != nullptr && !study.IsBaseline(*twice)) {
    absl::StrAppend(&note, " What twice the parameters and computation bring without grouping: ", twice->variant,
                    " (FULL_2X, two full attentions) against ", baseline.variant, " is ",
                    DifferenceText(Compare(*twice, baseline)), ".");
  } else {
    absl::StrAppend(&note, " This study has no control for that (FULL_2X: two full attentions in a layer).");
  }
  notes->push_back(note);
}

void AddOtherEffectNotes(const Study& study, std::vector<std::string>* notes) {
  const Row& baseline = study.baseline();
  const experiments::Metrics& metrics = baseline.first().metrics;
  const auto larger = OthersThanBaseline(study, [&](const Row& row) {
    return SchemeOf(row) == SchemeOf(baseline) &&
           row.first().metrics.trainable_parameters() != metrics.trainable_parameters();
  });
  if (!larger.empty()) {
    std::vector<std::string> sizes;
    for (const Row* row : larger) {
      sizes.push_back(absl::StrCat(row->variant, " ", row->first().metrics.trainable_parameters()));
    }
    notes->push_back(absl::StrCat("Size. Trainable parameters differ: ", baseline.variant, " ",
                                  metrics.trainable_parameters(), ", ", Listed(sizes), "."));
  }
  const auto samples = [](const Row& row) {
    return row.first().metrics.training_steps() * row.first().experiment.training().batch_size();
  };
  const auto longer = OthersThanBaseline(study, [&](const Row& row) { return samples(row) != samples(baseline); });
  if (!longer.empty()) {
    notes->push_back(absl::StrCat(Listed(NamesOf(longer)), ": trained on another number of images than ",
                                  baseline.variant, "; a difference may be one of training length."));
  }
  const auto other_start = OthersThanBaseline(study, [&](const Row& row) {
    for (const auto& [cell, partner] : row.PairsWith(baseline)) {
      if (cell->provenance.initial_checkpoint_sha256() != partner->provenance.initial_checkpoint_sha256()) return true;
    }
    return false;
  });
  if (!other_start.empty()) {
    notes->push_back(absl::StrCat(Listed(NamesOf(other_start)), ": started from other weights than ", baseline.variant,
                                  " at equal seeds; pairing takes less noise away, and a difference may be one of the "
                                  "pretraining."));
  }
  const auto other_loss = OthersThanBaseline(study, [&](const Row& row) {
    const std::vector<std::string> paths = DifferingPaths(row, baseline);
    return std::any_of(paths.begin(), paths.end(), [](const std::string& path) {
      return (absl::StartsWith(path, "loss.") && !absl::EndsWith(path, "_cost")) || path == "model.decoder_layers";
    });
  });
  if (!other_loss.empty()) {
    notes->push_back(absl::StrCat(Listed(NamesOf(other_loss)),
                                  ": the loss is a sum of other terms or weights; loss curves are not comparable with ",
                                  baseline.variant, ", AP is."));
  }
}

}  // namespace

std::vector<std::string> ImageNotes(const Study& study) {
  const Row& baseline = study.baseline();
  const Cell& first = baseline.first();
  const Experiment& experiment = first.experiment;
  std::vector<std::string> notes = {experiment.data().source() == Data::SYNTHETIC
                                        ? SyntheticImages(experiment, first.result().images())
                                        : PhotoImages(experiment, first.result().images())};
  const auto elsewhere = OthersThanBaseline(study, [&](const Row& row) {
    return row.first().ground_truth != first.ground_truth || row.first().result().images() != first.result().images() ||
           row.first().result().split() != first.result().split();
  });
  if (!elsewhere.empty()) {
    notes.push_back(absl::StrCat(Listed(NamesOf(elsewhere)), ": evaluated on other images than ", baseline.variant,
                                 ", so that a difference is one of images too."));
  }
  return notes;
}

std::vector<std::string> BudgetNotes(const Study& study, const Comparisons& comparisons) {
  std::vector<std::string> notes;
  AddFloorNote(study, &notes);
  AddRiseNotes(study, &notes);
  AddVerdictNotes(comparisons, &notes);
  AddMultipleComparisonsNote(comparisons, &notes);
  return notes;
}

std::vector<std::string> EffectNotes(const Study& study, const Comparisons& comparisons) {
  std::vector<std::string> notes;
  AddIdentityNotes(study, comparisons, &notes);
  AddAttentionSizeNotes(study, &notes);
  AddOtherEffectNotes(study, &notes);
  AddFieldNotes(study, &notes);
  return notes;
}

}  // namespace grouppose
