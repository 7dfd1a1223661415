// Names and shapes of a model, ours and those that the official program has.
#ifndef GROUPPOSE_TESTING_OFFICIAL_NAMES_H_
#define GROUPPOSE_TESTING_OFFICIAL_NAMES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "grouppose/nn/module.h"

namespace grouppose::testing {

using Shapes = std::map<std::string, std::vector<int64_t>>;

// Of a fixture such as "names_model_r50_coco_full.json": {name: {"shape": [...], "dtype": ...}}.
Shapes OfficialShapes(const std::string& file);

// Of the state dict; a test fails where a name is there twice.
Shapes OurShapes(const nn::Module& module);

}  // namespace grouppose::testing

#endif  // GROUPPOSE_TESTING_OFFICIAL_NAMES_H_
