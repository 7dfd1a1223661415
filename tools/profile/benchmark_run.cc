#include "tools/profile/benchmark_run.h"

#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "tools/profile/process.h"

namespace profile {
namespace {

// A program that says nothing for so long hangs: the slowest benchmark takes seconds.
constexpr double kTimeoutSeconds = 600;

// Numbers of a report that are not counters.
bool IsOfGoogleBenchmark(std::string_view key) {
  static const auto* const keys = new std::set<std::string_view>{"family_index", "per_family_instance_index",
                                                                 "repetitions",  "repetition_index",
                                                                 "threads",      "iterations",
                                                                 "real_time",    "cpu_time"};
  return keys->count(key) > 0;
}

double NanosecondsPer(std::string_view unit) { return unit == "s" ? 1e9 : unit == "ms" ? 1e6 : unit == "us" ? 1e3 : 1; }

bool TakesRealTime(const std::string& name) {
  return absl::StrContains(name, "/real_time") || absl::StrContains(name, "/manual_time");
}

absl::StatusOr<BenchmarkSample> ParseBenchmark(const simdjson::dom::object& object, const std::string& source) {
  BenchmarkSample sample;
  std::string_view name, unit;
  if (object["run_name"].get(name))
    return absl::InvalidArgumentError(absl::StrCat(source, ": a benchmark has no name"));
  sample.name = std::string(name);
  std::string_view error;
  if (!object["error_message"].get(error)) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", sample.name, ": ", std::string(error)));
  }
  double time = 0;
  if (object["time_unit"].get(unit) || object[TakesRealTime(sample.name) ? "real_time" : "cpu_time"].get(time)) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", sample.name, ": has no time"));
  }
  sample.nanoseconds = time * NanosecondsPer(unit);
  for (const auto [key, value] : object) {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (!IsOfGoogleBenchmark(key) && (value.is_null() || !value.get(number))) {
      sample.counters[std::string(key)] = number;
    }
  }
  return sample;
}

ProcessOptions ProcessOptionsFor(const Program& program) {
  ProcessOptions options;
  options.environment = program.environment;
  options.timeout_seconds = kTimeoutSeconds;
  return options;
}

// What valgrind's lackey prints: "==1234==   guest instrs:     123,456".
std::optional<int64_t> CountOfValgrind(const std::string& printed) {
  constexpr absl::string_view kCount = "guest instrs:";
  const size_t at = printed.find(kCount.data());
  if (at == std::string::npos) return std::nullopt;
  const std::string rest = printed.substr(at + kCount.size());
  int64_t count = 0;
  if (!absl::SimpleAtoi(absl::StrReplaceAll(rest.substr(0, rest.find('\n')), {{",", ""}}), &count)) return std::nullopt;
  return count;
}

// Of the whole program, with so many calls of one benchmark's function and one iteration in each.
absl::StatusOr<int64_t> InstructionsOfProgram(const Program& program, const std::string& name, int calls,
                                              InstructionCounter counter) {
  const bool by_valgrind = counter == InstructionCounter::kValgrind;
  std::vector<std::string> argv;
  if (by_valgrind) argv = {"valgrind", "--tool=lackey", "--basic-counts=yes"};
  argv.insert(argv.end(), {program.path, absl::StrCat("--benchmark_filter=", ExactFilter({name})),
                           "--benchmark_min_time=0", absl::StrCat("--benchmark_repetitions=", calls)});
  ProcessOptions options = ProcessOptionsFor(program);
  options.count_instructions = !by_valgrind;
  options.environment.emplace_back("OPS_MACHINE_PEAKS", "none");
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(argv, options));
  if (!result.ok()) return result.Failure(absl::StrCat(by_valgrind ? "valgrind " : "", program.label));
  const std::optional<int64_t> count = by_valgrind ? CountOfValgrind(result.errors) : result.instructions;
  if (count.has_value()) return *count;
  return absl::FailedPreconditionError(
      absl::StrCat(program.label, by_valgrind ? ": valgrind gave no count of instructions"
                                              : ": the processor's count of instructions cannot be read here"));
}

}  // namespace

absl::StatusOr<std::vector<BenchmarkSample>> ParseBenchmarkReport(const std::string& json, const std::string& source) {
  // Google Benchmark writes what JSON has not, such as the variation of a counter that is zero
  const std::string text =
      absl::StrReplaceAll(json, {{": NaN", ": null"}, {": Infinity", ": null"}, {": -Infinity", ": null"}});
  simdjson::dom::parser parser;
  simdjson::dom::array benchmarks;
  if (parser.parse(text)["benchmarks"].get(benchmarks)) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": expected the JSON report of Google Benchmark"));
  }
  std::vector<BenchmarkSample> samples;
  std::map<std::string, size_t> index;
  for (const simdjson::dom::element element : benchmarks) {
    simdjson::dom::object object;
    std::string_view type;
    if (element.get(object)) return absl::InvalidArgumentError(absl::StrCat(source, ": a benchmark is no object"));
    // means and deviations over repetitions are none
    if (!object["run_type"].get(type) && type != "iteration") continue;
    ASSIGN_OR_RETURN(BenchmarkSample sample, ParseBenchmark(object, source));
    const auto [known, is_new] = index.emplace(sample.name, samples.size());
    if (is_new) {
      samples.push_back(std::move(sample));
    } else {
      double& fastest = samples[known->second].nanoseconds;
      fastest = std::min(fastest, sample.nanoseconds);
    }
  }
  return samples;
}

std::string ExactFilter(const std::vector<std::string>& names) {
  const auto quoted = [](std::string* out, const std::string& name) {
    for (const char c : name) {
      if (absl::StrContains("\\^$.|?*+()[]{}", absl::string_view(&c, 1))) out->push_back('\\');
      out->push_back(c);
    }
  };
  return absl::StrCat("^(", absl::StrJoin(names, "|", quoted), ")$");
}

bool UsesThreads(const std::string& name) {
  constexpr absl::string_view kThreads = "threads:";
  const size_t at = name.find(kThreads.data());
  int threads = 0;
  if (at == std::string::npos) return false;
  const std::string rest = name.substr(at + kThreads.size());
  return absl::SimpleAtoi(rest.substr(0, rest.find('/')), &threads) && threads > 1;
}

absl::StatusOr<std::vector<std::string>> ProcessRunner::List(const Program& program) {
  ASSIGN_OR_RETURN(const ProcessResult result,
                   RunProcess({program.path, "--benchmark_list_tests=true"}, ProcessOptionsFor(program)));
  if (!result.ok()) return result.Failure(program.label);
  return std::vector<std::string>(absl::StrSplit(result.output, '\n', absl::SkipWhitespace()));
}

absl::StatusOr<std::vector<BenchmarkSample>> ProcessRunner::Run(const Program& program,
                                                                const std::vector<std::string>& names,
                                                                const RunOptions& options) {
  ProcessOptions process = ProcessOptionsFor(program);
  // rounds ask for times alone, and measuring what the machine can do takes longer than a kernel
  if (options.min_seconds > 0) process.environment.emplace_back("OPS_MACHINE_PEAKS", "none");
  if (std::none_of(names.begin(), names.end(), UsesThreads)) process.cpu = options.cpu;
  ASSIGN_OR_RETURN(const ProcessResult result,
                   RunProcess({program.path, absl::StrCat("--benchmark_filter=", ExactFilter(names)),
                               absl::StrCat("--benchmark_min_time=", options.min_seconds),
                               absl::StrCat("--benchmark_repetitions=", options.repetitions), "--benchmark_format=json",
                               "--benchmark_enable_random_interleaving=false"},
                              process));
  if (!result.ok()) return result.Failure(program.label);
  return ParseBenchmarkReport(result.output, program.label);
}

absl::StatusOr<int64_t> ProcessRunner::Instructions(const Program& program, const std::string& name,
                                                    InstructionCounter counter) {
  constexpr int kFew = 1, kMany = 3;
  int64_t counts[2];
  for (const int calls : {kFew, kMany}) {
    ASSIGN_OR_RETURN(counts[calls == kMany], InstructionsOfProgram(program, name, calls, counter));
  }
  return (counts[1] - counts[0]) / (kMany - kFew);
}

}  // namespace profile
