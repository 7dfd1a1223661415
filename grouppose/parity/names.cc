// names_model_*, names_backbone_*: the state dict's names, shapes and types. The tables hold nothing else, so which
// model they are of follows from them.
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/model_options.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// "[256, 64, 1, 1] float32"; without the type where the table has none.
std::string Describe(at::IntArrayRef shape, const std::string& type) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]", type.empty() ? "" : " ", type);
}

std::string TypeName(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "torch.float32";
    case at::kLong:
      return "torch.int64";
    default:
      return at::toString(type);
  }
}

struct Official {
  Shapes shapes;
  std::map<std::string, std::string> types;
};

// {name: [sizes]} or {name: {"shape": [sizes], "dtype": type}}
Official ReadOfficial(const JsonFile& table) {
  Official official;
  dom::object names;
  if (table.root().get(names)) throw FixtureError(table.path() + ": no object of names");
  for (const auto field : names) {
    const std::string name{field.key};
    dom::array sizes;
    if (field.value.get(sizes) && field.value["shape"].get(sizes)) {
      throw FixtureError(absl::StrCat(table.path(), ": ", name, " has no shape"));
    }
    std::vector<int64_t>& shape = official.shapes[name];
    for (dom::element size : sizes) {
      int64_t value = 0;
      if (size.get(value)) throw FixtureError(absl::StrCat(table.path(), ": ", name, " has a size that is no number"));
      shape.push_back(value);
    }
    std::string_view type;
    if (!field.value["dtype"].get(type)) official.types[name] = std::string(type);
  }
  return official;
}

void CompareNames(const Official& official, const nn::Module& module, const std::string& prefix, Report* report) {
  std::set<std::string> ours;
  for (const nn::NamedTensor& named : module.StateDict()) {
    const std::string name = prefix + named.name;
    ours.insert(name);
    const auto found = official.shapes.find(name);
    if (found == official.shapes.end()) {
      report->Fail(name, "no such name in the official state dict");
      continue;
    }
    const auto type = official.types.find(name);
    const bool typed = type != official.types.end();
    const std::string expected = Describe(found->second, typed ? type->second : "");
    const std::string actual =
        Describe(named.tensor.sizes(), typed ? TypeName(named.tensor.scalar_type()) : std::string());
    report->Expect(name, actual == expected, absl::StrCat(actual, ", expected ", expected));
  }
  for (const auto& [name, shape] : official.shapes) {
    if (ours.count(name) == 0) report->Fail(name, "the official state dict has it, ours lacks it");
  }
}

}  // namespace

void CheckNames(const JsonFile& table, Report* report) {
  const Official official = ReadOfficial(table);
  constexpr char kBackbone[] = "backbone.0.";
  if (official.shapes.count("transformer.level_embed") > 0) {
    CompareNames(official, GroupPose(ModelByShapes(official.shapes)), "", report);
  } else {
    CompareNames(official, *MakeBackbone(BackboneByShapes(official.shapes, kBackbone)), kBackbone, report);
  }
}

}  // namespace grouppose::parity
