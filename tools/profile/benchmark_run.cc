#include "tools/profile/benchmark_run.h"

#include <simdjson.h>

#include <algorithm>
#include <limits>
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

absl::StatusOr<ProgramRun> ProcessRunner::Run(const Program& program, const std::vector<std::string>& names,
                                              const RunOptions& options) {
  ProcessOptions process = ProcessOptionsFor(program);
  process.count_instructions = options.count_instructions;
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
  ProgramRun run;
  ASSIGN_OR_RETURN(run.samples, ParseBenchmarkReport(result.output, program.label));
  run.instructions = result.instructions;
  return run;
}

absl::StatusOr<int64_t> InstructionsByValgrind(const Program& program, const std::string& name) {
  // counts and nothing else
  ASSIGN_OR_RETURN(const ProcessResult result,
                   RunProcess({"valgrind", "--tool=lackey", "--basic-counts=yes", program.path,
                               absl::StrCat("--benchmark_filter=", ExactFilter({name})), "--benchmark_min_time=0"},
                              ProcessOptionsFor(program)));
  if (!result.ok()) return result.Failure(absl::StrCat("valgrind ", program.label));
  // "==1234==   guest instrs:     123,456"
  constexpr absl::string_view kCount = "guest instrs:";
  const size_t at = result.errors.find(kCount.data());
  int64_t count = 0;
  if (at != std::string::npos) {
    const std::string rest = result.errors.substr(at + kCount.size());
    const std::string digits = absl::StrReplaceAll(rest.substr(0, rest.find('\n')), {{",", ""}});
    if (absl::SimpleAtoi(digits, &count)) return count;
  }
  return absl::UnknownError(absl::StrCat("valgrind ", program.label, ": gave no count of instructions"));
}

}  // namespace profile
