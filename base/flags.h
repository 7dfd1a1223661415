// Command lines: `--name=value` or `--name value`, `--switch`, repeated flags, `--help`.
//
//   std::string output;
//   int threads = 0;
//   base::Flags flags("grouppose train", "Trains a model.");
//   flags.Required("output", &output, "DIR", "folder for checkpoints and metrics");
//   flags.Optional("threads", &threads, "N", "threads of one operator; 0 takes all cores");
//   ASSIGN_OR_RETURN(bool go_on, flags.Parse(arguments));   // false: --help was printed
//
// An unknown flag, a missing or ill-typed value and a stray argument are InvalidArgument with the nearest valid name.
#ifndef BASE_FLAGS_H_
#define BASE_FLAGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace base {

class Flags {
 public:
  Flags(std::string command, std::string description);

  // The value keeps what it holds (the default, shown in --help) when the flag is absent.
  void Optional(const std::string& name, std::string* value, const std::string& placeholder, const std::string& help);
  void Optional(const std::string& name, int64_t* value, const std::string& placeholder, const std::string& help);
  void Optional(const std::string& name, double* value, const std::string& placeholder, const std::string& help);
  void Switch(const std::string& name, bool* value, const std::string& help);
  void Repeated(const std::string& name, std::vector<std::string>* values, const std::string& placeholder,
                const std::string& help);
  void Required(const std::string& name, std::string* value, const std::string& placeholder, const std::string& help);
  // Arguments without a name; where this was not called they are refused.
  void Positional(std::vector<std::string>* values, const std::string& placeholder, const std::string& help);

  // Fills the values. False when --help was asked for and printed on stdout.
  absl::StatusOr<bool> Parse(const std::vector<std::string>& arguments);

  std::string Help() const;

 private:
  struct Flag {
    std::string name, placeholder, help, default_text;
    bool is_switch = false, required = false, seen = false;
    std::function<absl::Status(const std::string&)> set;
  };
  Flag* Find(const std::string& name);
  void Add(Flag flag);

  std::string command_, description_;
  std::vector<Flag> flags_;
  std::vector<std::string>* positional_ = nullptr;
  std::string positional_placeholder_, positional_help_;
};

// argv[1..] as strings.
std::vector<std::string> Arguments(int argc, char** argv);

// The candidate with the smallest Levenshtein distance to `name`, or "" where none is near (more than a third of the
// longer name differs). Ties: the first.
std::string NearestName(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace base

#endif  // BASE_FLAGS_H_
