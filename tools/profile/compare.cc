#include "tools/profile/compare.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <regex>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/machine.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/status.h"

namespace profile {
namespace {

constexpr char kOutput[] = "output", kScale[] = "output_scale", kTolerance[] = "output_tolerance";
// Sums in another order differ by 1e-6 of their scale or so in single precision; a wrong element by its own size.
constexpr double kDefaultTolerance = 1e-4;

// An effect is known well enough when its interval is a quarter of it to either side.
constexpr double kShareOfEffect = 0.25;

absl::StatusOr<std::optional<std::regex>> Pattern(const std::string& text, const char* flag) {
  if (text.empty()) return std::optional<std::regex>();
  try {
    return std::optional<std::regex>(std::regex(text));
  } catch (const std::regex_error&) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", text, ": expected a regular expression"));
  }
}

double Get(const std::map<std::string, double>& counters, const std::string& name, double otherwise) {
  const auto found = counters.find(name);
  return found == counters.end() ? otherwise : found->second;
}

// Two programs with one label, and where the results of their benchmarks go.
struct Pair {
  const Program* base;
  const Program* head;
  std::map<std::string, BenchmarkComparison*> benchmarks;
  std::vector<std::string> active;  // benchmarks that are not settled
  int rounds = 0;
};

class Comparer {
 public:
  Comparer(const ComparisonOptions& options, Runner* runner, RoundLog* log)
      : options_(options), runner_(runner), log_(log) {}

  absl::StatusOr<Comparison> Run(const Revision& base, const Revision& head, Builder* builder);

 private:
  void Say(const std::string& text) const {
    if (options_.say) options_.say(text);
  }
  bool Wants(const std::string& label, const std::string& name) const;
  // Which benchmarks there are, and which are in both.
  absl::Status Plan(const std::vector<Program>& base, const std::vector<Program>& head);
  absl::Status PlanProgram(const Program* base, const Program* head);
  BenchmarkComparison* Add(const std::string& label, const std::string& name);
  // Runs every benchmark once on either side and compares what they give.
  void CompareOutputs(Pair* pair);
  void CountInstructions(Pair* pair);
  absl::Status TakeEarlierRounds(Pair* pair);
  absl::Status MeasureRounds();
  // One round of one pair; its benchmarks fail where a program does.
  absl::Status MeasureRound(Pair* pair);
  static void Append(const RoundLog::Round& round, Pair* pair);
  void Settle(Pair* pair) const;
  void Conclude();

  const ComparisonOptions& options_;
  Runner* const runner_;
  RoundLog* const log_;
  std::optional<std::regex> filter_, skip_;
  std::vector<std::unique_ptr<BenchmarkComparison>> benchmarks_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  Comparison result_;
};

bool Comparer::Wants(const std::string& label, const std::string& name) const {
  const std::string text = absl::StrCat(label, " ", name);
  return (!filter_.has_value() || std::regex_search(text, *filter_)) &&
         (!skip_.has_value() || !std::regex_search(text, *skip_));
}

BenchmarkComparison* Comparer::Add(const std::string& label, const std::string& name) {
  benchmarks_.push_back(std::make_unique<BenchmarkComparison>());
  benchmarks_.back()->label = label;
  benchmarks_.back()->name = name;
  return benchmarks_.back().get();
}

absl::Status Comparer::PlanProgram(const Program* base, const Program* head) {
  const std::string& label = (base != nullptr ? base : head)->label;
  std::vector<std::string> in_base, in_head;
  if (base != nullptr) {
    ASSIGN_OR_RETURN(in_base, runner_->List(*base));
  }
  if (head != nullptr) {
    ASSIGN_OR_RETURN(in_head, runner_->List(*head));
  }
  const std::set<std::string> base_names(in_base.begin(), in_base.end()), head_names(in_head.begin(), in_head.end());
  const bool identical = base != nullptr && head != nullptr && base->digest == head->digest;
  auto pair = std::make_unique<Pair>(Pair{base, head, {}, {}});
  for (const std::string& name : in_head) {
    if (!Wants(label, name)) continue;
    BenchmarkComparison* const benchmark = Add(label, name);
    if (identical) {
      benchmark->verdict = Verdict::kIdentical;
    } else if (base_names.count(name) == 0) {
      benchmark->verdict = Verdict::kOnlyInHead;
    } else {
      pair->benchmarks[name] = benchmark;
      pair->active.push_back(name);
    }
  }
  for (const std::string& name : in_base) {
    if (head_names.count(name) == 0 && Wants(label, name)) Add(label, name)->verdict = Verdict::kOnlyInBase;
  }
  const bool any = !benchmarks_.empty() && benchmarks_.back()->label == label;
  if (identical && any) result_.identical.push_back(label);
  if (!pair->active.empty()) pairs_.push_back(std::move(pair));
  return absl::OkStatus();
}

absl::Status Comparer::Plan(const std::vector<Program>& base, const std::vector<Program>& head) {
  std::map<std::string, std::pair<const Program*, const Program*>> by_label;
  for (const Program& program : base) by_label[program.label].first = &program;
  for (const Program& program : head) by_label[program.label].second = &program;
  for (const auto& [label, programs] : by_label) {
    const absl::Status status = PlanProgram(programs.first, programs.second);
    if (status.ok()) continue;
    result_.notes.push_back(std::string(status.message()));
    Add(label, "(all)")->verdict = Verdict::kFailed;
    benchmarks_.back()->note = std::string(status.message());
  }
  return absl::OkStatus();
}

void Comparer::CompareOutputs(Pair* pair) {
  RunOptions once = options_.run;
  once.min_seconds = 0;
  once.repetitions = 1;
  // one by one, so that one that fails leaves the others
  const std::vector<std::string> names = std::exchange(pair->active, {});
  for (const std::string& name : names) {
    BenchmarkComparison* const benchmark = pair->benchmarks.at(name);
    const auto base = runner_->Run(*pair->base, {name}, once), head = runner_->Run(*pair->head, {name}, once);
    for (const auto* run : {&base, &head}) {
      const bool failed = !run->ok() || run->value().size() != 1;
      if (!failed || benchmark->verdict == Verdict::kFailed) continue;
      benchmark->verdict = Verdict::kFailed;
      benchmark->note = absl::StrCat("in the ", run == &base ? "base" : "head", ": ",
                                     run->ok() ? "it did not run" : std::string(run->status().message()));
    }
    if (benchmark->verdict == Verdict::kFailed) continue;
    benchmark->base_counters = (*base)[0].counters;
    benchmark->head_counters = (*head)[0].counters;
    const auto is_output = [](const auto& counter) { return absl::StartsWith(counter.first, kOutput); };
    benchmark->outputs_compared =
        std::any_of(benchmark->base_counters.begin(), benchmark->base_counters.end(), is_output) &&
        std::any_of(benchmark->head_counters.begin(), benchmark->head_counters.end(), is_output);
    if (benchmark->outputs_compared) {
      benchmark->note = OutputDifference(benchmark->base_counters, benchmark->head_counters);
    }
    if (benchmark->note.empty()) {
      pair->active.push_back(name);
    } else {
      benchmark->verdict = Verdict::kOutputsDiffer;
    }
  }
}

void Comparer::CountInstructions(Pair* pair) {
  if (options_.instructions == InstructionCounter::kNone) return;
  for (const std::string& name : pair->active) {
    BenchmarkComparison* const benchmark = pair->benchmarks.at(name);
    const auto base = runner_->Instructions(*pair->base, name, options_.instructions);
    const auto head = base.ok() ? runner_->Instructions(*pair->head, name, options_.instructions) : base;
    if (!head.ok()) {
      result_.notes.push_back(std::string(head.status().message()));
      return;
    }
    benchmark->base_instructions = *base;
    benchmark->head_instructions = *head;
  }
}

void Comparer::Append(const RoundLog::Round& round, Pair* pair) {
  // a benchmark counts where all three arms have it
  for (auto& [name, benchmark] : pair->benchmarks) {
    bool complete = true;
    for (const Arm arm : kArms) complete = complete && round.count(arm) > 0 && round.at(arm).count(name) > 0;
    if (!complete) continue;
    benchmark->times.base.push_back(round.at(Arm::kBase).at(name));
    benchmark->times.head.push_back(round.at(Arm::kHead).at(name));
    benchmark->times.twin.push_back(round.at(Arm::kTwin).at(name));
  }
  ++pair->rounds;
}

absl::Status Comparer::TakeEarlierRounds(Pair* pair) {
  if (log_ == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<RoundLog::Round> rounds, log_->Earlier(pair->base->label));
  for (const RoundLog::Round& round : rounds) Append(round, pair);
  if (!rounds.empty()) Say(absl::StrCat(pair->base->label, ": goes on after ", rounds.size(), " rounds"));
  return absl::OkStatus();
}

absl::Status Comparer::MeasureRound(Pair* pair) {
  std::vector<Arm> order(std::begin(kArms), std::end(kArms));
  base::RandomStream random(
      "order", {options_.verdict.seed, base::Fnv1a64(pair->base->label), static_cast<uint64_t>(pair->rounds)});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.NextBelow(i)]);
  RoundLog::Round round;
  for (const Arm arm : order) {
    const auto run = runner_->Run(arm == Arm::kHead ? *pair->head : *pair->base, pair->active, options_.run);
    if (!run.ok()) {
      for (const std::string& name : std::exchange(pair->active, {})) {
        pair->benchmarks.at(name)->verdict = Verdict::kFailed;
        pair->benchmarks.at(name)->note = std::string(run.status().message());
      }
      return absl::OkStatus();
    }
    for (const BenchmarkSample& sample : *run) round[arm][sample.name] = sample.nanoseconds;
  }
  if (log_ != nullptr) RETURN_IF_ERROR(log_->Put(pair->base->label, pair->rounds, round));
  Append(round, pair);
  return absl::OkStatus();
}

void Comparer::Settle(Pair* pair) const {
  const auto is_settled = [&](const std::string& name) {
    const Times& times = pair->benchmarks.at(name)->times;
    if (static_cast<int>(times.base.size()) < options_.min_rounds) return false;
    const Estimate estimate = EstimateRatio(times, options_.verdict);
    const double effect = std::abs(estimate.ratio.estimate - 1);
    return estimate.HalfWidth() <= std::max(options_.half_width, kShareOfEffect * effect);
  };
  pair->active.erase(std::remove_if(pair->active.begin(), pair->active.end(), is_settled), pair->active.end());
}

absl::Status Comparer::MeasureRounds() {
  result_.load = base::LoadAverage();
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  size_t all = 0;
  for (const auto& pair : pairs_) all += pair->active.size();
  base::ProgressOptions style;
  if (!options_.say) style.style = base::ProgressOptions::kQuiet;
  // seconds of the budget: the rounds end at the latest with it
  base::Progress progress("measuring", std::max<int64_t>(1, std::llround(options_.time_budget)), style);
  const auto active = [&] {
    size_t count = 0;
    for (const auto& pair : pairs_) count += pair->active.size();
    return count;
  };
  while (active() > 0 && elapsed() < options_.time_budget) {
    for (const auto& pair : pairs_) {
      if (pair->active.empty() || elapsed() >= options_.time_budget) continue;
      RETURN_IF_ERROR(MeasureRound(pair.get()));
      Settle(pair.get());
      result_.rounds = std::max(result_.rounds, pair->rounds);
      progress.Update(std::llround(std::min(elapsed(), options_.time_budget)),
                      absl::StrCat(all - active(), " of ", all, " benchmarks settled, round ", result_.rounds));
    }
  }
  result_.seconds = elapsed();
  return absl::OkStatus();
}

void Comparer::Conclude() {
  std::vector<Estimate*> estimates;
  std::vector<BenchmarkComparison*> measured;
  for (const auto& benchmark : benchmarks_) {
    if (benchmark->verdict != Verdict::kInconclusive || benchmark->times.base.empty()) continue;
    benchmark->estimate = EstimateRatio(benchmark->times, options_.verdict);
    measured.push_back(benchmark.get());
  }
  for (BenchmarkComparison* benchmark : measured) estimates.push_back(&*benchmark->estimate);
  Judge(options_.verdict, estimates);
  for (BenchmarkComparison* benchmark : measured) {
    benchmark->verdict = benchmark->estimate->verdict;
    if (benchmark->estimate->rounds < options_.min_rounds) {
      benchmark->verdict = benchmark->estimate->verdict = Verdict::kInconclusive;
      benchmark->note = absl::StrCat("the time was over after ", benchmark->estimate->rounds, " rounds");
    }
  }
  for (auto& benchmark : benchmarks_) result_.benchmarks.push_back(std::move(*benchmark));
}

absl::StatusOr<Comparison> Comparer::Run(const Revision& base, const Revision& head, Builder* builder) {
  ASSIGN_OR_RETURN(filter_, Pattern(options_.filter, "filter"));
  ASSIGN_OR_RETURN(skip_, Pattern(options_.skip, "skip"));
  result_.base = base;
  result_.head = head;
  std::vector<Program> programs[2];
  for (const bool is_head : {false, true}) {
    const Revision& revision = is_head ? head : base;
    Say(absl::StrCat("building ", revision.Text()));
    auto built = builder->Build(revision);
    if (!built.ok()) {
      return absl::Status(built.status().code(),
                          absl::StrCat(revision.Text(), ": ", std::string(built.status().message())));
    }
    programs[is_head] = *std::move(built);
  }
  RETURN_IF_ERROR(Plan(programs[0], programs[1]));
  if (benchmarks_.empty()) {
    // a gate that looks at nothing would pass
    return absl::InvalidArgumentError(absl::StrCat("no benchmark in ", programs[1].size(), " programs of the head and ",
                                                   programs[0].size(), " of the base fits --filter='", options_.filter,
                                                   "' and --skip='", options_.skip, "'"));
  }
  for (const std::string& label : result_.identical) Say(absl::StrCat(label, ": identical programs, not run"));
  for (const auto& pair : pairs_) {
    Say(absl::StrCat(pair->base->label, ": comparing the outputs of ", pair->active.size(), " benchmarks"));
    CompareOutputs(pair.get());
    CountInstructions(pair.get());
    RETURN_IF_ERROR(TakeEarlierRounds(pair.get()));
    Settle(pair.get());
  }
  RETURN_IF_ERROR(MeasureRounds());
  Conclude();
  return std::move(result_);
}

}  // namespace

int Comparison::Count(Verdict verdict) const {
  return static_cast<int>(std::count_if(benchmarks.begin(), benchmarks.end(),
                                        [&](const auto& benchmark) { return benchmark.verdict == verdict; }));
}

std::string OutputDifference(const std::map<std::string, double>& base, const std::map<std::string, double>& head) {
  const double scale = std::max({std::abs(Get(base, kScale, 0)), std::abs(Get(head, kScale, 0))});
  const double tolerance = std::max(Get(base, kTolerance, 0), Get(head, kTolerance, 0));
  const double allowed = (tolerance > 0 ? tolerance : kDefaultTolerance) * (scale > 0 ? scale : 1);
  for (const auto& [name, value] : base) {
    if (!absl::StartsWith(name, kOutput) || name == kTolerance) continue;
    const auto other = head.find(name);
    if (other == head.end()) continue;
    const bool equal = value == other->second || (std::isnan(value) && std::isnan(other->second));
    // a comparison with NaN is never true
    if (equal || std::abs(value - other->second) <= allowed) continue;
    return absl::StrFormat("%s is %.9g in the base and %.9g in the head, %.1e apart, allowed %.1e", name, value,
                           other->second, std::abs(value - other->second), allowed);
  }
  return "";
}

absl::Status CheckPatterns(const ComparisonOptions& options) {
  RETURN_IF_ERROR(Pattern(options.filter, "filter").status());
  return Pattern(options.skip, "skip").status();
}

absl::StatusOr<Comparison> Compare(const Revision& base, const Revision& head, const ComparisonOptions& options,
                                   Builder* builder, Runner* runner, RoundLog* log) {
  return Comparer(options, runner, log).Run(base, head, builder);
}

}  // namespace profile
