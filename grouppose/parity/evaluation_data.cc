// data_*_val: from the photo and its annotations to the tensor and the targets.
#include <ATen/TensorOperators.h>
#include <ATen/ops/std.h>

#include <cmath>
#include <regex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "grouppose/data/coco_dataset.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/make_batch.h"
#include "grouppose/data/transforms.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/recorded_sample.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

// Means and deviations of a million float32, summed in another order.
constexpr double kStatisticsTolerance = 1e-5;

Image ReadImageOrThrow(const std::string& path) {
  auto image = ReadImage(path);
  if (!image.ok()) throw FixtureError(std::string(image.status().message()));
  return *std::move(image);
}

// "images/785.jpg" -> "FOLDER/images/785" + ending.
std::string Beside(const Fixture& fixture, const std::string& ending) {
  const std::string photo = fixture.Text("image");
  return base::JoinPath(fixture.folder(), photo.substr(0, photo.rfind('.')) + ending);
}

// The persons of IMAGE_annotations.json, an array of COCO's annotations.
std::vector<Person> ReadPersons(const Fixture& fixture, const ImageSize& size) {
  const std::string path = Beside(fixture, "_annotations.json");
  const auto text = base::ReadFile(path);
  if (!text.ok()) throw FixtureError(std::string(text.status().message()));
  const eval::KeypointDataset& description = DescriptionOf(fixture);
  eval::ReadOptions options;
  options.num_keypoints = description.num_keypoints();
  const auto dataset =
      eval::ParseDataset(absl::StrCat(R"({"images": [{"id": )", Integers(fixture.Get("prepared.image_id")).at(0),
                                      R"(}], "categories": [], "annotations": )", *text, "}"),
                         path, options);
  if (!dataset.ok()) throw FixtureError(std::string(dataset.status().message()));
  std::vector<Person> persons;
  for (const eval::Annotation& annotation : dataset->annotations) {
    std::optional<Person> person = ToPerson(annotation, size, description.area_rule);
    if (person.has_value()) persons.push_back(*std::move(person));
  }
  return persons;
}

// [height, 3] sums over the width.
at::Tensor RowSums(const Image& image) { return ImageTensor(image).to(at::kLong).sum(1); }

// The part that begins at (top, left), as large as `like` along the first two dimensions after `skipped`.
at::Tensor Part(const at::Tensor& whole, int64_t skipped, int64_t top, int64_t left, const at::Tensor& like) {
  const auto size = [&](int64_t dimension, int64_t start) {
    return std::min(like.size(dimension), whole.size(dimension) - start);
  };
  return whole.narrow(skipped, top, size(skipped, top)).narrow(skipped + 1, left, size(skipped + 1, left));
}

Tolerance ToleranceOr(const Fixture& fixture, const std::string& name, const Tolerance& otherwise) {
  return FindTolerance(fixture, name).value_or(otherwise);
}

void CompareDecoded(const Fixture& fixture, const Image& image, Report* report) {
  const Tolerance tolerance = ToleranceOr(fixture, "decoded_u8", Tolerance::Exact());
  report->Equal("decoded_hw", {image.height, image.width},
                {fixture.Integer("decoded_hw/0"), fixture.Integer("decoded_hw/1")});
  report->Compare("decoded_u8_rowsum", RowSums(image), fixture.Get("decoded_u8_rowsum"), tolerance);
  const at::Tensor corner = fixture.Get("decoded_u8_crop");
  report->Compare("decoded_u8_crop", Part(ImageTensor(image), 0, 0, 0, corner), corner, tolerance);
}

void CompareResized(const Fixture& fixture, const Image& image, Report* report) {
  const Tolerance tolerance = ToleranceOr(fixture, "resized_u8", Tolerance::Exact());
  report->Equal("resized_hw", {image.height, image.width},
                {fixture.Integer("resized_hw/0"), fixture.Integer("resized_hw/1")});
  report->Compare("val.resized_u8_rowsum", RowSums(image), fixture.Get("val.resized_u8_rowsum"), tolerance);
  const at::Tensor middle = fixture.Get("val.resized_u8_crop");
  report->Compare("val.resized_u8_crop", Part(ImageTensor(image), 0, image.height / 2, image.width / 2, middle), middle,
                  tolerance);
  // some photos have the whole result beside them
  const std::string whole = Beside(fixture, "_val_resized.png");
  if (!base::FileExists(whole)) return;
  report->Compare("val_resized.png", ImageTensor(image), ImageTensor(ReadImageOrThrow(whole)), tolerance);
}

void CompareTensor(const Fixture& fixture, const at::Tensor& tensor, Report* report) {
  const Tolerance tolerance = ToleranceOr(fixture, "tensor", Tolerance::Absolute(1e-6));
  const at::Tensor sparse = fixture.Get("val.tensor_sub");
  report->Compare(
      "val.tensor_sub",
      EveryNth(fixture, "tensor_sub", EveryNth(fixture, "tensor_sub", tensor, 1, sparse.size(1)), 2, sparse.size(2)),
      sparse, tolerance);
  const at::Tensor middle = fixture.Get("val.tensor_crop");
  report->Compare("val.tensor_crop", Part(tensor, 1, tensor.size(1) / 2, tensor.size(2) / 2, middle), middle,
                  tolerance);
  const at::Tensor precise = tensor.to(at::kDouble).flatten(1);
  report->Compare("val.channel_mean", precise.mean(1), fixture.Get("val.channel_mean"),
                  Tolerance::Absolute(kStatisticsTolerance));
  report->Compare("val.channel_std", precise.std(1, /*unbiased=*/true), fixture.Get("val.channel_std"),
                  Tolerance::Absolute(kStatisticsTolerance));
}

// "after resize(800,1333)" in meta.note; the published sizes where it says none.
TransformOptions EvaluationSize(const Fixture& fixture) {
  TransformOptions options;
  std::smatch match;
  const std::string note = fixture.Text("note", "");
  if (std::regex_search(note, match, std::regex(R"(resize\(\s*([0-9]{1,6})\s*,\s*([0-9]{1,6})\s*\))"))) {
    options.evaluation_scale = std::stoi(match[1].str());
    options.evaluation_max_size = std::stoi(match[2].str());
  }
  return options;
}

}  // namespace

void CheckEvaluationData(const Fixture& fixture, Report* report) {
  const Tolerance targets = ToleranceOr(fixture, "targets", Tolerance::Relative(1e-6));
  const double tolerance = targets.relative + targets.absolute;
  Sample sample;
  sample.image = ReadImageOrThrow(base::JoinPath(fixture.folder(), fixture.Text("image")));
  sample.original_size = {sample.image.height, sample.image.width};
  sample.image_id = Integers(fixture.Get("prepared.image_id")).at(0);
  sample.persons = ReadPersons(fixture, sample.original_size);
  CompareDecoded(fixture, sample.image, report);
  CompareSample(fixture, "prepared", sample, tolerance, report);

  TransformForEvaluation(EvaluationSize(fixture), &sample);
  CompareResized(fixture, sample.image, report);
  CompareSample(fixture, "val_resized", sample, tolerance, report);

  CompareTensor(fixture, MakeBatch({sample}, DescriptionOf(fixture).num_keypoints()).images[0], report);
  CompareNormalised(fixture, "val", sample, tolerance, report);
}

}  // namespace grouppose::parity
