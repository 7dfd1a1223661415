#include "eval/benchmark/load.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "eval/keypoint_dataset.h"

namespace eval {
namespace {

constexpr int kKeypoints = 17;

// Somebody who stands, in a box of height 1: x from the middle, y from the top.
constexpr std::array<std::array<double, 2>, kKeypoints> kStanding = {{{0, .08},
                                                                      {.02, .06},
                                                                      {-.02, .06},
                                                                      {.04, .07},
                                                                      {-.04, .07},
                                                                      {.10, .19},
                                                                      {-.10, .19},
                                                                      {.14, .34},
                                                                      {-.14, .34},
                                                                      {.13, .48},
                                                                      {-.13, .48},
                                                                      {.07, .50},
                                                                      {-.07, .50},
                                                                      {.07, .73},
                                                                      {-.07, .73},
                                                                      {.07, .95},
                                                                      {-.07, .95}}};

struct Person {
  int64_t image = 0;
  double x = 0, y = 0, height = 0;  // pixels: middle of the upper edge
  bool labelled = true, crowd = false;
  std::array<std::array<double, 3>, kKeypoints> keypoints = {};

  double width() const { return 0.4 * height; }
  // Of the box, what a segmentation covers.
  double area() const { return 0.5 * width() * height; }
};

// Digits after the point as result files that are rounded have them.
void AppendRounded(double value, int digits, std::string* out) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed, digits);
  // Python writes 12.5, not 12.500
  char* last = end;
  while (last[-1] == '0' && last[-2] != '.') --last;
  out->append(text, last);
}

class LoadMaker {
 public:
  explicit LoadMaker(const LoadOptions& options) : options_(options), random_("evaluation load", {options.seed}) {}

  Load Run() {
    MakePersons();
    return {Annotations(), Detections()};
  }

 private:
  // ids as COCO's: ascending with gaps
  int64_t ImageId(int64_t image) const { return 139 + image * 116; }

  void MakePersons() {
    // persons gather: most join an image that has one already
    std::vector<int64_t> used;
    for (int64_t i = 0; i < options_.num_persons + options_.num_unlabelled; ++i) {
      Person person;
      const bool joins = !used.empty() && random_.NextUniform() < 0.75;
      person.image = joins ? used[random_.NextBelow(used.size())] : random_.NextBelow(options_.num_images);
      used.push_back(person.image);
      person.labelled = i < options_.num_persons;
      // one annotation in 66 of val2017 is a crowd
      person.crowd = !person.labelled && random_.NextBelow(28) == 0;
      Place(person.labelled ? std::log(150) : std::log(60), &person);
      persons_.push_back(person);
    }
    std::stable_sort(persons_.begin(), persons_.end(),
                     [](const Person& a, const Person& b) { return a.image < b.image; });
  }

  void Place(double log_height, Person* person) {
    person->height = std::clamp(std::exp(log_height + 0.7 * random_.NextNormal()), 12.0, 450.0);
    person->x = random_.NextUniform(person->width() / 2, 640 - person->width() / 2);
    person->y = random_.NextUniform(0, 480 - person->height);
    const double lean = 0.1 * random_.NextNormal();
    for (int k = 0; k < kKeypoints; ++k) {
      auto& [x, y, visibility] = person->keypoints[k];
      x = person->x + person->height * (kStanding[k][0] + lean * kStanding[k][1] + 0.02 * random_.NextNormal());
      y = person->y + person->height * (kStanding[k][1] + 0.02 * random_.NextNormal());
      visibility = random_.NextUniform() < 0.3 ? 0 : random_.NextUniform() < 0.15 ? 1 : 2;
    }
    // a labelled person has a labelled keypoint
    person->keypoints[5][2] = 2;
  }

  std::string Annotations() {
    std::string json = R"({"info": {"description": "made by //eval/benchmark:generate"}, "images": [)";
    for (int64_t i = 0; i < options_.num_images; ++i) {
      absl::StrAppend(&json, i > 0 ? ", " : "", R"({"license": 4, "file_name": ")",
                      absl::StrFormat("%012d", ImageId(i)),
                      R"(.jpg", "coco_url": "http://images.cocodataset.org/val2017/)",
                      absl::StrFormat("%012d", ImageId(i)), R"(.jpg", "height": 480, "width": 640, )",
                      R"("date_captured": "2013-11-14 17:02:52", "id": )", ImageId(i), "}");
    }
    json += R"(], "annotations": [)";
    for (size_t i = 0; i < persons_.size(); ++i) AppendAnnotation(i, &json);
    json += R"(], "categories": [{"supercategory": "person", "id": 1, "name": "person", "keypoints": [)";
    for (int k = 0; k < kKeypoints; ++k) absl::StrAppend(&json, k > 0 ? ", \"" : "\"", Coco().names[k], "\"");
    json += R"(], "skeleton": [)";
    for (size_t i = 0; i < Coco().skeleton.size(); ++i) {
      const auto [from, to] = Coco().skeleton[i];
      absl::StrAppend(&json, i > 0 ? ", [" : "[", from + 1, ", ", to + 1, "]");
    }
    return json + "]}]}";
  }

  void AppendAnnotation(size_t index, std::string* json) {
    const Person& person = persons_[index];
    absl::StrAppend(json, index > 0 ? ", " : "", R"({"segmentation": )");
    AppendSegmentation(person, json);
    int labelled = 0;
    for (const auto& keypoint : person.keypoints) labelled += person.labelled && keypoint[2] > 0;
    absl::StrAppend(json, R"(, "num_keypoints": )", labelled, R"(, "area": )");
    AppendRounded(person.area(), 4, json);
    absl::StrAppend(json, R"(, "iscrowd": )", person.crowd ? 1 : 0, R"(, "keypoints": [)");
    for (int k = 0; k < kKeypoints; ++k) {
      const auto& [x, y, visibility] = person.keypoints[k];
      // annotators click on pixels
      const bool given = person.labelled && visibility > 0;
      absl::StrAppend(json, k > 0 ? ", " : "", given ? std::lround(x) : 0, ", ", given ? std::lround(y) : 0, ", ",
                      given ? visibility : 0);
    }
    absl::StrAppend(json, R"(], "image_id": )", ImageId(person.image), R"(, "bbox": [)");
    AppendRounded(person.x - person.width() / 2, 2, json);
    *json += ", ";
    AppendRounded(person.y, 2, json);
    *json += ", ";
    AppendRounded(person.width(), 2, json);
    *json += ", ";
    AppendRounded(person.height, 2, json);
    absl::StrAppend(json, R"(], "category_id": 1, "id": )", 183126 + 7 * index, "}");
  }

  // An outline of 32 points, or for a crowd run lengths: nobody reads them, but a reader has to get past.
  void AppendSegmentation(const Person& person, std::string* json) {
    if (person.crowd) {
      *json += R"({"counts": [)";
      for (int i = 0; i < 300; ++i) absl::StrAppend(json, i > 0 ? ", " : "", random_.NextBelow(900));
      *json += R"(], "size": [480, 640]})";
      return;
    }
    *json += "[[";
    for (int i = 0; i < 32; ++i) {
      const double angle = i * 6.283185307179586 / 32;
      if (i > 0) *json += ", ";
      AppendRounded(person.x + person.width() / 2 * std::cos(angle), 2, json);
      *json += ", ";
      AppendRounded(person.y + person.height / 2 * (1 + std::sin(angle)), 2, json);
    }
    *json += "]]";
  }

  std::string Detections() {
    std::string json = "[";
    size_t person = 0;
    for (int64_t image = 0; image < options_.num_images; ++image) {
      // as many an image as the total asks for
      const int64_t count = options_.num_detections * (image + 1) / options_.num_images -
                            options_.num_detections * image / options_.num_images;
      int64_t made = 0;
      for (; person < persons_.size() && persons_[person].image == image; ++person) {
        const int copies = 1 + (random_.NextUniform() < 0.5) + (random_.NextUniform() < 0.3);
        for (int copy = 0; copy < copies && made < count; ++copy, ++made) {
          AppendFound(persons_[person], copy, image, &json);
        }
      }
      for (; made < count; ++made) {
        Person nobody;
        Place(std::log(80), &nobody);
        // many weak answers, few that are sure and wrong
        AppendDetection(nobody, image, 0.6 * std::pow(random_.NextUniform(), 6) + 0.002, &json);
      }
    }
    return json + "]";
  }

  // How far off a detection is, in units of what annotators disagree about: most are close.
  void AppendFound(const Person& person, int copy, int64_t image, std::string* json) {
    const double error = std::exp(0.8 * random_.NextNormal() - 0.8 + 0.8 * copy + (person.labelled ? 0 : 0.5));
    Person found = person;
    for (int k = 0; k < kKeypoints; ++k) {
      const double spread = error * Coco().sigmas[k] * std::sqrt(person.area());
      found.keypoints[k][0] += spread * random_.NextNormal();
      found.keypoints[k][1] += spread * random_.NextNormal();
    }
    const double sureness = std::exp(-0.35 * error - 0.6 * copy) * (0.75 + 0.25 * random_.NextUniform());
    AppendDetection(found, image, sureness, json);
  }

  void AppendDetection(const Person& person, int64_t image, double score, std::string* json) {
    if (json->size() > 1) *json += ", ";
    absl::StrAppend(json, R"({"image_id": )", ImageId(image), R"(, "category_id": 1, "keypoints": [)");
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
    for (int k = 0; k < kKeypoints; ++k) {
      if (k > 0) *json += ", ";
      for (int axis = 0; axis < 2; ++axis) {
        const double value = person.keypoints[k][axis];
        low[axis] = std::min(low[axis], value);
        high[axis] = std::max(high[axis], value);
        AppendRounded(value, 2, json);
        *json += ", ";
      }
      *json += "1";
    }
    *json += R"(], "bbox": [)";
    for (const double value : {low[0], low[1], high[0] - low[0], high[1] - low[1]}) {
      AppendRounded(value, 2, json);
      *json += ", ";
    }
    json->resize(json->size() - 2);
    *json += R"(], "score": )";
    AppendRounded(score, 8, json);
    *json += "}";
  }

  const LoadOptions options_;
  base::RandomStream random_;
  std::vector<Person> persons_;  // by image
};

}  // namespace

Load MakeLoad(const LoadOptions& options) { return LoadMaker(options).Run(); }

}  // namespace eval
