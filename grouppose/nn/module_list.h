// A numbered row of modules of one type: "0", "1", ...
#ifndef GROUPPOSE_NN_MODULE_LIST_H_
#define GROUPPOSE_NN_MODULE_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grouppose/nn/module.h"

namespace grouppose::nn {

template <typename M>
class ModuleList : public Module {
 public:
  M* Append(std::unique_ptr<M> module) {
    modules_.push_back(Add(std::to_string(modules_.size()), std::move(module)));
    return modules_.back();
  }

  // One of the row once more, under the next number: the same tensors.
  void AppendAgain(M* module) {
    AddAlias(std::to_string(modules_.size()), module);
    modules_.push_back(module);
  }

  int64_t size() const { return static_cast<int64_t>(modules_.size()); }
  M& operator[](int64_t i) const { return *modules_[i]; }

 private:
  std::vector<M*> modules_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_MODULE_LIST_H_
