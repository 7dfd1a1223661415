// Which model a recording is of.
#ifndef GROUPPOSE_PARITY_MODEL_OPTIONS_H_
#define GROUPPOSE_PARITY_MODEL_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "grouppose/backbone/backbone.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/parity/fixture.h"

namespace grouppose::parity {

// "resnet50", "swin_T_224_1k", "swin_L_384_22k", ...: the official names. FixtureError for any other.
BackboneOptions BackboneByName(const std::string& name);

// meta.config: backbone, num_body_points, enc_layers, dec_layers, num_queries.
GroupPoseOptions ModelOptions(const Fixture& fixture);

// The backbone whose levels have these channels, finest first, and this many parameters (0: not known).
BackboneOptions BackboneByChannels(const std::vector<int64_t>& channels, int64_t num_parameters);

using Shapes = std::map<std::string, std::vector<int64_t>>;

// Of a whole state dict, whose names and shapes say everything but the numbers of heads and queries; those are the
// published ones.
GroupPoseOptions ModelByShapes(const Shapes& shapes);

// Of the names below `prefix` ("backbone.0.").
BackboneOptions BackboneByShapes(const Shapes& shapes, const std::string& prefix);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_MODEL_OPTIONS_H_
