// The module tree: parameters and buffers with the names of the official state dict.
//
// A layer derives from Module and adds its tensors in the constructor. The names of a tree are joined with dots, so a
// tree whose names and shapes equal the official ones loads official checkpoints without a mapping table.
//
//   class Linear : public Module {
//    public:
//     Linear(int64_t in, int64_t out)
//         : weight_(AddParameter("weight", {out, in}, Init::XavierUniform())), bias_(AddParameter("bias", {out},
//         Init::Zero())) {}
//     at::Tensor Forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }
//    private:
//     at::Tensor weight_, bias_;
//   };
//
// Tensors are created uninitialised on the CPU (float32); Initialise() fills all of a tree. Modules are owned by their
// parent and stay where they are: no copies, no moves.
#ifndef GROUPPOSE_NN_MODULE_H_
#define GROUPPOSE_NN_MODULE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace grouppose::nn {

// How a parameter starts. Random values depend on (seed, full official name, index) alone: two models that share a
// name and a shape share its initial values, whatever else they contain.
struct Init {
  enum class Kind { kConstant, kUniform, kNormal, kXavierUniform, kKaimingNormalFanOut, kFunction };
  Kind kind = Kind::kConstant;
  double value = 0;                         // kConstant: the value; kUniform: the bound b of U(-b, b); kNormal: sigma
  std::function<double(int64_t)> at_index;  // kFunction: value at a row-major index

  static Init Zero() { return {}; }
  static Init One() { return Constant(1); }
  static Init Constant(double value) { return {Kind::kConstant, value, nullptr}; }
  static Init Uniform(double bound) { return {Kind::kUniform, bound, nullptr}; }
  static Init Normal(double sigma) { return {Kind::kNormal, sigma, nullptr}; }
  // U(-b, b), b = sqrt(6 / (fan_in + fan_out)); fans include the receptive field of a convolution.
  // Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
  static Init XavierUniform() { return {Kind::kXavierUniform, 1, nullptr}; }
  // N(0, 2 / fan_out). He et al. 2015, "Delving deep into rectifiers".
  static Init KaimingNormalFanOut() { return {Kind::kKaimingNormalFanOut, 1, nullptr}; }
  static Init Function(std::function<double(int64_t)> at_index) { return {Kind::kFunction, 0, std::move(at_index)}; }
};

struct NamedTensor {
  std::string name;  // full official name, e.g. "transformer.level_embed"
  at::Tensor tensor;
  bool is_parameter = true;  // false: a buffer (frozen batch norm statistics), saved but never trained
  Init init;
};

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // All tensors of the tree in the order they were added, depth first; a shared tensor once, under its first name.
  std::vector<NamedTensor> NamedTensors() const;
  // The trained ones and the frozen ones (requires_grad off) alike.
  std::vector<NamedTensor> Parameters() const;
  // As the official state dict: shared tensors under every name.
  std::vector<NamedTensor> StateDict() const;

  // Switches dropout of the whole tree on or off. New modules train.
  void SetTraining(bool training);
  bool training() const { return training_; }

 protected:
  at::Tensor AddParameter(std::string name, at::IntArrayRef sizes, Init init);
  at::Tensor AddBuffer(std::string name, at::IntArrayRef sizes, Init init);
  // Integers that follow from the layer's options and that the official state dict holds all the same. Initialise()
  // leaves them alone.
  at::Tensor AddTable(std::string name, at::Tensor values);

  // Takes the child and returns it. An empty name adds the child's tensors under this module's own prefix.
  template <typename M>
  M* Add(std::string name, std::unique_ptr<M> child) {
    M* raw = child.get();
    owned_.push_back(std::move(child));
    children_.emplace_back(std::move(name), raw);
    return raw;
  }
  // The same child under a further name (heads that the official tree lists twice). Not owned.
  void AddAlias(std::string name, Module* child) { children_.emplace_back(std::move(name), child); }

 private:
  void Collect(const std::string& prefix, std::vector<NamedTensor>* out) const;

  bool training_ = true;
  std::vector<NamedTensor> tensors_;  // local names
  std::vector<std::pair<std::string, Module*>> children_;
  std::vector<std::unique_ptr<Module>> owned_;
};

// Fills every tensor of the tree from its Init. `seed` names the run.
void Initialise(const Module& module, uint64_t seed);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_MODULE_H_
