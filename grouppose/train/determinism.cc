#include "grouppose/train/determinism.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace grouppose::train {
namespace {

// AVX2 is the baseline of our own code as well; a newer machine must not take wider kernels, for they sum in another
// order. MKL_CBWR makes MKL independent of the alignment of its inputs.
using Variables = std::vector<std::pair<const char*, const char*>>;

Variables Kernels() { return {{"ATEN_CPU_CAPABILITY", "avx2"}, {"MKL_CBWR", "AVX2"}, {"ONEDNN_MAX_CPU_ISA", "AVX2"}}; }

// What this process was started with, program name first.
std::vector<std::string> OwnArguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

void Pin(const Variables& variables) {
  bool pinned = true;
  for (const auto& [name, value] : variables) {
    const char* found = std::getenv(name);
    if (found != nullptr && std::strcmp(found, value) == 0) continue;
    pinned = false;
    ::setenv(name, value, /*overwrite=*/1);
  }
  if (pinned) return;
  std::vector<std::string> arguments = OwnArguments();
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  throw std::runtime_error(std::string("cannot start again with a pinned environment: ") + std::strerror(errno));
}

}  // namespace

void PinEnvironment() {
  Variables variables = Kernels();
  variables.insert(variables.end(), {{"MKL_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}});
  Pin(variables);
}

void PinInstructionSet() { Pin(Kernels()); }

void UseDeterministicAlgorithms() {
  at::set_num_threads(1);
  at::globalContext().setDeterministicAlgorithms(/*deterministic=*/true, /*warn_only=*/false);
  at::globalContext().setBenchmarkCuDNN(false);
}

std::string PinnedInstructionSet() { return "avx2"; }

}  // namespace grouppose::train
