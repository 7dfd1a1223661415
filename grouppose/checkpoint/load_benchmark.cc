// Seconds that one file of weights takes: until its tensors are there, and until they are copied into others, as a
// model's parameters are. A fresh process for each, so that none finds its memory warm; load_benchmark.py runs it in
// turns with torch.load.
//
//   ./bazelw run //grouppose/checkpoint:load_benchmark -- FILE
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "grouppose/checkpoint/read_checkpoint.h"

namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

absl::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return absl::InvalidArgumentError("expected FILE");
  const std::string path = base::UserPath(arguments[0]);
  // the model that is loaded into, and torch's own start, are not part of it
  std::vector<at::Tensor> model;
  {
    ASSIGN_OR_RETURN(const auto first, grouppose::checkpoint::ReadCheckpoint(path));
    for (const auto& [name, tensor] : first.tensors) model.push_back(at::zeros_like(tensor));
  }
  const at::NoGradGuard no_grad;
  const double start = Seconds();
  ASSIGN_OR_RETURN(const auto checkpoint, grouppose::checkpoint::ReadCheckpoint(path));
  const double read = Seconds();
  size_t i = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) model[i++].copy_(tensor);
  const double copied = Seconds();
  std::printf("%.6f %.6f\n", read - start, copied - start);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  return base::RunMain("load_benchmark", [&] { return Run(base::Arguments(argc, argv)); });
}
