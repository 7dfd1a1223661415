// Recorded outputs of the official implementation, one NAME.safetensors with a NAME.json beside it:
//
//   {"name": ..., "file": ..., "bytes": ..., "meta": {"seed": 304, "tol": ..., ...},
//    "tensors": {"pred_logits": {"shape": [2, 20, 2], "dtype": "float32"}, ...}}
//
//   const Fixture fixture(folder, "model_r50_coco_small");
//   fixture.Get("images"); fixture.Number("config/num_queries");
//
// What is missing or of another type throws FixtureError, whose message names the file and what was expected.
#ifndef GROUPPOSE_PARITY_FIXTURE_H_
#define GROUPPOSE_PARITY_FIXTURE_H_

#include <ATen/core/Tensor.h>
#include <simdjson.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"

namespace grouppose::parity {

class FixtureError : public base::CheckError {
 public:
  using base::CheckError::CheckError;
};

// A JSON file, kept parsed.
class JsonFile {
 public:
  explicit JsonFile(const std::string& path);

  const std::string& path() const { return path_; }
  simdjson::dom::element root() const { return root_; }

  // By a JSON pointer without its first slash ("meta/tol/feat0"); "" is the root. Null becomes NaN where a number is
  // asked for, and booleans 0 and 1.
  bool Has(const std::string& pointer) const;
  simdjson::dom::element At(const std::string& pointer) const;
  double Number(const std::string& pointer) const;
  std::string Text(const std::string& pointer) const;
  std::vector<std::string> Keys(const std::string& pointer) const;  // of an object, in file order
  std::vector<std::string> Strings(const std::string& pointer) const;
  std::vector<double> Numbers(const std::string& pointer) const;  // of a flat array

 private:
  std::string path_;
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::element root_;
};

class Fixture {
 public:
  // The tensors must be those that the JSON lists, with their shapes.
  Fixture(const std::string& folder, const std::string& name);

  const std::string& folder() const { return folder_; }
  const std::string& name() const { return name_; }

  at::Tensor Get(const std::string& tensor) const;
  bool Has(const std::string& tensor) const;
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }
  // Tensors that Get was never asked for.
  std::vector<std::string> Unread() const;

  // Values of `meta`, as JsonFile has them: Number("config/num_queries"); "" is all of it.
  double Number(const std::string& pointer) const;
  double Number(const std::string& pointer, double otherwise) const;
  int64_t Integer(const std::string& pointer) const;
  bool HasMeta(const std::string& pointer) const;
  std::string Text(const std::string& pointer) const;
  std::string Text(const std::string& pointer, const std::string& otherwise) const;
  std::vector<std::string> Keys(const std::string& pointer) const;
  std::vector<std::string> Strings(const std::string& pointer) const;
  std::vector<double> Numbers(const std::string& pointer) const;
  simdjson::dom::element Meta(const std::string& pointer) const;

 private:
  void CheckListed() const;

  std::string folder_, name_;
  JsonFile json_;
  std::map<std::string, at::Tensor> tensors_;
  mutable std::set<std::string> read_;
};

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_FIXTURE_H_
