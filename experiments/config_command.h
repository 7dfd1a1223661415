// `grouppose config show|explain|diff`: looking at experiments without running them.
//
//   config show FILE [--set path=value]...     the resolved experiment, every field explicit
//   config explain [PATH]...                   type, default, meaning and values of a field
//   config diff A [B] [--set path=value]...    where A and B differ; --set goes on top of B (of a second A without B)
//
// FILE, A and B are textprotos, or folders of runs, which hold the experiment.textproto that was run.
#ifndef EXPERIMENTS_CONFIG_COMMAND_H_
#define EXPERIMENTS_CONFIG_COMMAND_H_

#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose::experiments {

// `arguments` are what follows "config". Results go to `out`; --help goes to stdout. InvalidArgument or NotFound for
// wrong usage or input (exit 2); Aborted when `diff` found differences (exit 1).
absl::Status RunConfigCommand(const std::vector<std::string>& arguments, std::ostream& out = std::cout);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_CONFIG_COMMAND_H_
