// Fuzzes the readers of annotations and detections: changes texts at random, keeps those that reach new code, and stops
// at the first that breaks an invariant or makes a sanitizer complain. That text is then in --crash.
//
//   ./bazelw run --config=fuzz //eval/fuzz:fuzz_readers -- --reader=detections --seconds=600
//
// The same seed and number of runs give the same texts.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/random.h"
#include "base/status.h"
#include "eval/fuzz/coverage.h"
#include "eval/fuzz/reader_invariants.h"

// Of the sanitizers' runtime; absent without one.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace eval {
namespace {

// What files of these formats are made of, and what readers stumble over.
constexpr const char* kTokens[] = {"{",
                                   "}",
                                   "[",
                                   "]",
                                   ",",
                                   ":",
                                   "\"",
                                   "\\",
                                   "}, {",
                                   "[]",
                                   "{}",
                                   " ",
                                   "\n",
                                   "-",
                                   ".",
                                   "0",
                                   "1",
                                   "e9",
                                   "E-400",
                                   "NaN",
                                   "Infinity",
                                   "-Infinity",
                                   "true",
                                   "false",
                                   "null",
                                   "1e400",
                                   "0.1234567890123456789",
                                   "9007199254740993",
                                   "9223372036854775808",
                                   "3.0",
                                   "01",
                                   "\"image_id\": 1",
                                   "\"category_id\": 1",
                                   "\"score\": 0.5",
                                   "\"keypoints\": [1,2,2,3,4,1]",
                                   "\"bbox\": [1,2,3,4]",
                                   "\"caption\": \"\"",
                                   "\"segmentation\": [[1,2]]",
                                   "\"id\": 1",
                                   "\"area\": 10",
                                   "\"iscrowd\": 1",
                                   "\"num_keypoints\": 2",
                                   "\"crowdIndex\": 0.5",
                                   "\"images\": []",
                                   "\"annotations\": []",
                                   "\"categories\": []",
                                   "\"skeleton\": [[1,2]]",
                                   "\\u0041",
                                   "\\ud800",
                                   "\\n",
                                   "\xc3\xa4",
                                   "\xf0\x9f",
                                   "\xff"};

// Longer texts find little that shorter ones do not.
constexpr size_t kLongest = 4096;

std::string current;     // the text being checked
std::string crash_path;  // where it goes when the program dies

void SaveCurrent() {
  if (std::FILE* const file = std::fopen(crash_path.c_str(), "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "fuzz_readers: the text is in %s\n", crash_path.c_str());
}

void SaveAndDie(int signal) {
  SaveCurrent();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Fuzzer {
 public:
  Fuzzer(void (*check)(const std::string&), uint64_t seed) : check_(check), random_("fuzz", {seed}) {}

  // Checks a text, and keeps it for mutations where it is given or reaches something new.
  void Try(const std::string& text, bool keep) {
    current = text;
    StartCoverage();
    try {
      check_(current);
    } catch (...) {
      SaveCurrent();
      throw;
    }
    if (TakeNewCoverage() > 0 || keep) corpus_.push_back(text);
  }

  void Mutate() {
    std::string text = corpus_[random_.NextBelow(corpus_.size())];
    const uint64_t changes = 1 + random_.NextBelow(4);
    for (uint64_t i = 0; i < changes; ++i) Change(&text);
    if (text.size() > kLongest) text.resize(kLongest);
    Try(text, false);
  }

  size_t corpus_size() const { return corpus_.size(); }

 private:
  size_t Position(const std::string& text) { return random_.NextBelow(text.size() + 1); }

  std::string Piece(const std::string& text) {
    const size_t begin = Position(text);
    // short pieces are more often whole values
    return text.substr(begin, random_.NextBelow(2) == 0 ? random_.NextBelow(8) : random_.NextBelow(100));
  }

  void Change(std::string* text) {
    const size_t at = Position(*text);
    switch (random_.NextBelow(6)) {
      case 0:
        text->insert(at, kTokens[random_.NextBelow(std::size(kTokens))]);
        break;
      case 1:
        text->erase(at, Piece(*text).size());
        break;
      case 2:
        text->insert(at, Piece(*text));
        break;
      case 3:
        text->insert(at, Piece(corpus_[random_.NextBelow(corpus_.size())]));
        break;
      case 4:
        if (at < text->size()) (*text)[at] = static_cast<char>((*text)[at] ^ (1 << random_.NextBelow(8)));
        break;
      default: {
        const std::string token = kTokens[random_.NextBelow(std::size(kTokens))];
        text->replace(at, std::min(text->size() - at, token.size()), token);
      }
    }
  }

  void (*const check_)(const std::string&);
  base::RandomStream random_;
  std::vector<std::string> corpus_;
};

absl::StatusOr<std::vector<std::string>> ReadCorpus(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) return absl::InvalidArgumentError(absl::StrCat(folder, ": no files, expected a corpus"));
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(texts.emplace_back(), base::ReadFile(path));
  }
  return texts;
}

absl::Status Run(const std::vector<std::string>& arguments) {
  std::string reader, corpus = "eval/fuzz/corpus", crash = "/tmp/fuzz_readers_crash.json";
  int64_t seconds = 0, runs = 0, seed = 1;
  base::Flags flags("fuzz_readers", "Looks for texts that the readers of annotations and detections cannot bear.");
  flags.Required("reader", &reader, "annotations|detections", "which reader");
  flags.Optional("corpus", &corpus, "FOLDER",
                 "has a folder annotations and a folder detections with texts to start from");
  flags.Optional("seconds", &seconds, "N", "stop after so long; 0 does not stop");
  flags.Optional("runs", &runs, "N", "stop after so many texts; 0 does not stop");
  flags.Optional("seed", &seed, "N", "another seed tries other texts");
  flags.Optional("crash", &crash, "FILE", "gets the text that breaks something");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (reader != "annotations" && reader != "detections") {
    return absl::InvalidArgumentError(
        absl::StrCat("--reader: expected annotations or detections, found '", reader, "'"));
  }
  if (seconds <= 0 && runs <= 0) return absl::InvalidArgumentError("expected --seconds or --runs");
  ASSIGN_OR_RETURN(const std::vector<std::string> texts, ReadCorpus(base::JoinPath(corpus, reader)));

  crash_path = base::UserPath(crash);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SaveCurrent);
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) std::signal(signal, SaveAndDie);

  Fuzzer fuzzer(reader == "detections" ? CheckDetectionReaders : CheckAnnotationReader, static_cast<uint64_t>(seed));
  for (const std::string& text : texts) fuzzer.Try(text, true);
  const auto start = std::chrono::steady_clock::now();
  int64_t done = 0;
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
  };
  while ((runs <= 0 || done < runs) && (seconds <= 0 || done % 256 != 0 || elapsed() < seconds)) {
    fuzzer.Mutate();
    ++done;
  }
  std::printf("%s: %lld texts in %lld s, %zu kept, %zu places reached%s\n", reader.c_str(),
              static_cast<long long>(done), static_cast<long long>(elapsed()), fuzzer.corpus_size(), KnownCoverage(),
              KnownCoverage() == 0 ? " (built without --config=fuzz: no coverage)" : "");
  return absl::OkStatus();
}

}  // namespace
}  // namespace eval

int main(int argc, char** argv) {
  return base::RunMain("fuzz_readers", [&] { return eval::Run(base::Arguments(argc, argv)); });
}
