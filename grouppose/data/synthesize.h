// Synthetic people as a COCO folder, for other programs and for the eye: `grouppose dataset synthesize`.
#ifndef GROUPPOSE_DATA_SYNTHESIZE_H_
#define GROUPPOSE_DATA_SYNTHESIZE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "grouppose/data/synthetic_people.h"

namespace grouppose {

struct SynthesizeOptions {
  SyntheticPeopleOptions people;
  int64_t train_images = 4000, val_images = 300;
  uint64_t train_seed = 1, val_seed = 3;  // must differ: validation images are none of the training images
  std::string output;                     // folder; made where it is missing
};

// Writes annotations/person_keypoints_{train,val}2017.json and images/{train,val}2017/000000000001.png and so on, which
// CocoDataset and every COCO tool read. The same options give the same bytes. AlreadyExists, and nothing written, where
// one of the two annotation files is there.
absl::Status Synthesize(const SynthesizeOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_SYNTHESIZE_H_
