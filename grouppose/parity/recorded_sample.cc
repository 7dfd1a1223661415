#include "grouppose/parity/recorded_sample.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "grouppose/data/make_batch.h"
#include "grouppose/parity/pieces.h"

namespace grouppose::parity {
namespace {

// Persons are label 1, and crowds are left out.
void CompareLabels(const Fixture& fixture, const std::string& prefix, const Sample& sample, Report* report) {
  const int64_t persons = static_cast<int64_t>(sample.persons.size());
  report->Compare(prefix + ".labels", at::full({persons}, 1, at::kLong), fixture.Get(prefix + ".labels"),
                  Tolerance::Exact());
  report->Compare(prefix + ".iscrowd", at::zeros({persons}, at::kLong), fixture.Get(prefix + ".iscrowd"),
                  Tolerance::Exact());
  report->Equal(prefix + ".image_id", {sample.image_id}, Integers(fixture.Get(prefix + ".image_id")));
  report->Equal(prefix + ".orig_size", {sample.original_size.height, sample.original_size.width},
                Integers(fixture.Get(prefix + ".orig_size")));
  report->Equal(prefix + ".size", {sample.image.height, sample.image.width}, Integers(fixture.Get(prefix + ".size")));
}

at::Tensor BoxesOf(const Sample& sample) {
  std::vector<double> values;
  for (const Person& person : sample.persons) {
    const auto [left, top, width, height] = person.box;
    values.insert(values.end(), {left, top, left + width, top + height});
  }
  return at::tensor(values, at::kDouble).view({-1, 4});
}

at::Tensor KeypointsOf(const Sample& sample, int64_t num_keypoints) {
  std::vector<double> values;
  for (const Person& person : sample.persons) {
    values.insert(values.end(), person.keypoints.begin(), person.keypoints.end());
  }
  return at::tensor(values, at::kDouble).view({static_cast<int64_t>(sample.persons.size()), num_keypoints, 3});
}

at::Tensor AreasOf(const Sample& sample) {
  std::vector<double> values;
  for (const Person& person : sample.persons) values.push_back(person.area);
  return at::tensor(values, at::kDouble);
}

}  // namespace

const eval::KeypointDataset& DescriptionOf(const Fixture& fixture) {
  const int64_t num_keypoints = fixture.Integer("K");
  for (const eval::KeypointDataset* dataset : {&eval::Coco(), &eval::CrowdPose()}) {
    if (dataset->num_keypoints() == num_keypoints) return *dataset;
  }
  throw FixtureError(
      absl::StrCat(fixture.name(), ".json: meta/K is ", num_keypoints, ", expected 17 (COCO) or 14 (CrowdPose)"));
}

at::Tensor ImageTensor(const Image& image) {
  at::Tensor bytes = at::empty({image.height, image.width, 3}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr<uint8_t>(), image.pixels.data(), image.pixels.size());
  return bytes;
}

Sample ReadSample(const Fixture& fixture, const std::string& prefix) {
  const at::Tensor image = fixture.Get(prefix + ".image").contiguous();
  Sample sample;
  sample.image = {
      image.size(0), image.size(1),
      std::vector<uint8_t>(image.const_data_ptr<uint8_t>(), image.const_data_ptr<uint8_t>() + image.numel())};
  const std::vector<int64_t> original = Integers(fixture.Get(prefix + ".orig_size"));
  sample.original_size = {original.at(0), original.at(1)};
  sample.image_id = Integers(fixture.Get(prefix + ".image_id")).at(0);
  const at::Tensor boxes = fixture.Get(prefix + ".boxes").to(at::kDouble).contiguous(),
                   keypoints = fixture.Get(prefix + ".keypoints").to(at::kDouble).contiguous();
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    Person person;
    const double* box = boxes.const_data_ptr<double>() + 4 * i;
    person.box = {box[0], box[1], box[2] - box[0], box[3] - box[1]};
    const double* values = keypoints.const_data_ptr<double>() + keypoints.stride(0) * i;
    person.keypoints.assign(values, values + keypoints.stride(0));
    // the official code leaves CrowdPose's area to the box
    person.area =
        fixture.Has(prefix + ".area") ? fixture.Get(prefix + ".area")[i].item<double>() : person.box[2] * person.box[3];
    sample.persons.push_back(person);
  }
  return sample;
}

void CompareSample(const Fixture& fixture, const std::string& prefix, const Sample& sample, double tolerance,
                   Report* report) {
  const double side = static_cast<double>(std::max(sample.image.height, sample.image.width));
  CompareLabels(fixture, prefix, sample, report);
  report->Compare(prefix + ".boxes", BoxesOf(sample), fixture.Get(prefix + ".boxes"), {tolerance * side, tolerance, 0});
  const at::Tensor keypoints = fixture.Get(prefix + ".keypoints");
  report->Compare(prefix + ".keypoints", KeypointsOf(sample, DescriptionOf(fixture).num_keypoints()), keypoints,
                  {tolerance * side, tolerance, 0});
  if (fixture.Has(prefix + ".area")) {
    report->Compare(prefix + ".area", AreasOf(sample), fixture.Get(prefix + ".area"),
                    {tolerance * side * side, tolerance, 0});
  }
  if (fixture.Has(prefix + ".image")) {
    report->Compare(prefix + ".image", ImageTensor(sample.image), fixture.Get(prefix + ".image"), Tolerance::Exact());
  }
}

void CompareNormalised(const Fixture& fixture, const std::string& prefix, const Sample& sample, double tolerance,
                       Report* report) {
  const Tolerance allowed = Tolerance::Absolute(tolerance);
  const Batch batch = MakeBatch({sample}, DescriptionOf(fixture).num_keypoints());
  const ImageTargets& targets = batch.targets[0];
  CompareLabels(fixture, prefix, sample, report);
  report->Compare(prefix + ".boxes", targets.boxes, fixture.Get(prefix + ".boxes"), allowed);
  report->Compare(prefix + ".keypoints", targets.keypoints, fixture.Get(prefix + ".keypoints"), allowed);
  report->Compare(prefix + ".area", targets.area, fixture.Get(prefix + ".area"), allowed);
  if (fixture.Has(prefix + ".image")) {
    report->Compare(prefix + ".image", batch.images[0], fixture.Get(prefix + ".image"), allowed);
  }
}

}  // namespace grouppose::parity
