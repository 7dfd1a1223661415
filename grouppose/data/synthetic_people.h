// Synthetic people: small images of articulated figures with exact joints, for experiments that train in minutes.
//
//   SyntheticPeopleOptions options;                 // 64 x 64 pixels, one to three persons
//   Sample sample = DrawSyntheticPeople(options, /*seed=*/1, /*index=*/0);
//
// An image is a pure function of (options, seed, index): the same bytes on every machine, in any order, from any
// thread. Sets of images that must not meet (training, tuning, test) take different seeds.
//
// Figures are drawn at twice the size and averaged down. They overlap each other, leave the image, stand before clutter
// and sometimes behind a box. A joint in the image is labelled: v = 2 where the figure's own paint lies on top of it,
// v = 1 where something else does; outside the image v = 0 and x = y = 0.
#ifndef GROUPPOSE_DATA_SYNTHETIC_PEOPLE_H_
#define GROUPPOSE_DATA_SYNTHETIC_PEOPLE_H_

#include <cstdint>

#include "grouppose/data/sample.h"

namespace grouppose {

// The defaults are the easy setting, which a model of a million parameters learns in minutes on one core.
struct SyntheticPeopleOptions {
  int image_size = 64;  // pixels, square
  int max_persons = 3;
  double min_height = 0.5;  // of a person, as a fraction of the image; heights are log-uniform
  double max_height = 0.95;
  double max_overlap = 0.45;          // intersection over union of two persons' boxes
  double back_probability = 0;        // persons seen from behind: no eyes and nose, left is left
  double tilt_probability = 0;        // torsos far from upright
  double yaw = 0.9;                   // radians to either side
  int max_clutter = 4;                // objects behind the persons
  double occluder_probability = 0.1;  // a box in front of everything
  double noise = 6;                   // largest standard deviation, grey levels
};

// Backs, falling torsos, five small persons, heavy clutter, 96 pixels.
SyntheticPeopleOptions HardSyntheticPeople();

// image_id is index + 1. Box and area as COCO has them: the box holds the labelled joints and 5 % of the height around
// them, the area is 0.53 of the box. Coordinates are multiples of 0.01 pixel. Every person has at least five joints of
// v = 2; persons come from far to near. Throws base::CheckError where the options allow no picture.
Sample DrawSyntheticPeople(const SyntheticPeopleOptions& options, uint64_t seed, int64_t index);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_SYNTHETIC_PEOPLE_H_
