#include "grouppose/data/coco_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/loader.h"
#include "grouppose/data/make_batch.h"
#include "grouppose/data/transforms.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

// ---- a folder of our own ----

eval::Annotation Annotate(int64_t id, int64_t image_id, eval::Box box, double area, int num_keypoints) {
  eval::Annotation annotation;
  annotation.id = id;
  annotation.image_id = image_id;
  annotation.bbox = box;
  annotation.area = area;
  annotation.num_keypoints = num_keypoints;
  annotation.keypoints.assign(51, 0);
  for (int j = 0; j < num_keypoints; ++j) {
    annotation.keypoints[3 * j] = j;
    annotation.keypoints[3 * j + 1] = 2 * j;
    annotation.keypoints[3 * j + 2] = 2;
  }
  return annotation;
}

Image Gradient(int64_t height, int64_t width) {
  Image image{height, width, std::vector<uint8_t>(height * width * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(7 * i);
  return image;
}

// Six images in descending order of their ids, 20 x 30 pixels:
//   6 one person, 10 joints, area 200    5 two persons, one of them small     4 a crowd with joints, nobody else
//   3 no annotation                      2 a person without joints            1 one person with an empty box
std::string WriteFolder(const std::string& name) {
  const std::string root = base::JoinPath(::testing::TempDir(), name);
  eval::Dataset dataset;
  for (int64_t id = 6; id >= 1; --id) {
    eval::Image image;
    image.id = id;
    image.height = 20;
    image.width = 30;
    image.file_name = absl::StrCat(id, ".png");
    dataset.images.push_back(image);
  }
  dataset.annotations = {
      Annotate(11, 6, {-5, 3, 20, 40}, 200, 10), Annotate(12, 5, {1, 1, 10, 10}, 300, 17),
      Annotate(13, 5, {2, 2, 4, 4}, 9, 3),       Annotate(14, 4, {1, 1, 10, 10}, 300, 5),
      Annotate(15, 2, {1, 1, 10, 10}, 300, 0),   Annotate(16, 1, {40, 1, 10, 10}, 300, 12),
  };
  dataset.annotations[3].iscrowd = true;
  dataset.categories.push_back({1, "person", "person", eval::Coco().names, {}});
  for (const std::string split : {"train", "val"}) {
    const std::string images = base::JoinPath(root, "images/" + split + "2017");
    EXPECT_TRUE(base::MakeDirectories(images).ok());
    EXPECT_TRUE(base::MakeDirectories(base::JoinPath(root, "annotations")).ok());
    EXPECT_TRUE(
        eval::WriteDataset(base::JoinPath(root, "annotations/person_keypoints_" + split + "2017.json"), dataset).ok());
    for (const eval::Image& image : dataset.images) {
      EXPECT_TRUE(WritePng(base::JoinPath(images, image.file_name), Gradient(20, 30)).ok());
    }
  }
  return root;
}

std::vector<int64_t> Ids(const CocoDataset& dataset) {
  std::vector<int64_t> ids;
  for (const eval::Image& image : dataset.ground_truth().images) ids.push_back(image.id);
  return ids;
}

std::unique_ptr<CocoDataset> Open(const CocoOptions& options) {
  auto dataset = CocoDataset::Open(options);
  GROUPPOSE_CHECK(dataset.ok(), dataset.status().message());
  return *std::move(dataset);
}

TEST(CocoDataset, TakesLabelledImagesToTrainAndAllToEvaluate) {
  CocoOptions options;
  options.root = WriteFolder("splits");
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 4, 5, 6}));
  options.split = "val";
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Open(options)->ground_truth().annotations.size(), 6);
}

TEST(CocoDataset, PersonsAreTheLabelledOnesClamped) {
  CocoOptions options;
  options.root = WriteFolder("persons");
  const auto dataset = Open(options);
  // 1: the box lies right of the image; 4: a crowd
  EXPECT_EQ(dataset->Get(0)->persons.size(), 0);
  EXPECT_EQ(dataset->Get(1)->persons.size(), 0);
  EXPECT_EQ(dataset->Get(2)->persons.size(), 2);
  const auto sample = dataset->Get(3);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->image_id, 6);
  EXPECT_EQ(sample->image.pixels, Gradient(20, 30).pixels);
  EXPECT_EQ(sample->original_size, (ImageSize{20, 30}));
  ASSERT_EQ(sample->persons.size(), 1);
  EXPECT_EQ(sample->persons[0].box, (std::array<double, 4>{0, 3, 15, 17}));
  EXPECT_EQ(sample->persons[0].area, 200);
  EXPECT_EQ(sample->persons[0].keypoints[3 * 9], 9);
  // the ground truth keeps everything as the file has it
  EXPECT_EQ(dataset->ground_truth().annotations[0].bbox, (eval::Box{-5, 3, 20, 40}));
}

TEST(CocoDataset, FiltersImages) {
  CocoOptions options;
  options.root = WriteFolder("filters");
  options.filter.min_persons = 1;
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 5, 6}));
  options.filter.max_persons = 1;
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 6}));
  options.filter.max_persons = 2;
  options.filter.min_num_keypoints = 3;
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 5, 6}));
  options.filter.min_num_keypoints = 4;
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 6}));
  options.filter.min_num_keypoints = 0;
  options.filter.min_area = 9;  // must be exceeded
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 6}));
  options.filter.min_area = 8;
  options.filter.first_images = 2;
  EXPECT_EQ(Ids(*Open(options)), (std::vector<int64_t>{1, 5}));
  EXPECT_EQ(Open(options)->ground_truth().annotations.size(), 3);
  options.filter.min_persons = 3;
  EXPECT_EQ(CocoDataset::Open(options).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Three keypoints and a layout of one's own, without areas.
TEST(CocoDataset, ADescriptionSaysWhatIsWhere) {
  CocoOptions options;
  options.root = base::JoinPath(::testing::TempDir(), "described");
  ASSERT_TRUE(base::MakeDirectories(base::JoinPath(options.root, "photos")).ok());
  eval::Dataset dataset;
  dataset.images.push_back({7, /*width=*/30, /*height=*/20, "7.png"});
  eval::Annotation annotation = Annotate(1, 7, {2, 4, 10, 8}, 0, 3);
  annotation.keypoints.resize(9);
  annotation.area.reset();
  dataset.annotations = {annotation};
  ASSERT_TRUE(eval::WriteDataset(base::JoinPath(options.root, "mine.json"), dataset).ok());
  ASSERT_TRUE(WritePng(base::JoinPath(options.root, "photos/7.png"), Gradient(20, 30)).ok());
  options.description.name = "mine";
  options.description.sigmas.resize(3);
  options.description.names.resize(3);
  options.description.splits = {{"train", "mine.json", "photos"}};
  const auto mine = Open(options);
  EXPECT_EQ(mine->description().num_keypoints(), 3);
  const auto sample = mine->Get(0);
  ASSERT_TRUE(sample.ok()) << sample.status();
  ASSERT_EQ(sample->persons.size(), 1);
  EXPECT_EQ(sample->persons[0].area, 80) << "without an area, that of the box";
  EXPECT_EQ(sample->persons[0].keypoints.size(), 9);
  options.split = "val";
  EXPECT_EQ(CocoDataset::Open(options).status().message(), "split is \"val\", expected \"train\" of mine");
  options.split = "train";
  options.description.sigmas.resize(4);
  EXPECT_EQ(CocoDataset::Open(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CocoDataset, KeptPhotosAreTheSame) {
  CocoOptions options;
  options.root = WriteFolder("kept");
  options.cache_images = true;
  const auto dataset = Open(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int64_t i = 0; i < dataset->size(); ++i) {
        EXPECT_EQ(dataset->Get(i)->image.pixels, Gradient(20, 30).pixels);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CocoDataset, SaysInOneLineWhatIsMissing) {
  CocoOptions options;
  options.root = base::JoinPath(::testing::TempDir(), "nowhere");
  absl::Status status = CocoDataset::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), "nowhere/annotations/person_keypoints_train2017.json")) << status;

  options.description = eval::CrowdPose();
  status = CocoDataset::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), "json/crowdpose_trainval.json")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "grouppose dataset concat")) << status;
  options.split = "val";
  EXPECT_EQ(CocoDataset::Open(options).status().message(),
            "split is \"val\", expected \"train\" or \"test\" of crowdpose");

  options.description = eval::Coco();
  options.root = WriteFolder("missing");
  options.split = "test";
  EXPECT_EQ(CocoDataset::Open(options).status().message(), "split is \"test\", expected \"train\" or \"val\" of coco");

  options.split = "val";
  const auto dataset = Open(options);
  const std::string images = base::JoinPath(options.root, "images/val2017");
  std::remove(base::JoinPath(images, "1.png").c_str());
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(images, "2.png"), "no picture").ok());
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(images, "3.png"), "").ok());
  ASSERT_TRUE(WritePng(base::JoinPath(images, "4.png"), Gradient(20, 31)).ok());
  const std::vector<absl::StatusCode> codes = {absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument,
                                               absl::StatusCode::kInvalidArgument, absl::StatusCode::kInvalidArgument};
  for (int64_t i = 0; i < 4; ++i) {
    status = dataset->Get(i).status();
    EXPECT_EQ(status.code(), codes[i]) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("images/val2017/", i + 1, ".png"))) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "\n"));
  }
  EXPECT_TRUE(dataset->Get(4).ok());
}

// ---- real photos ----

std::string CocoMini() { return base::JoinPath(testing::TestDataFolder(), "data/coco_mini"); }

TEST(CocoMini, HasTheImagesThatItsTableSays) {
  SKIP_WITHOUT_TEST_DATA();
  CocoOptions options;
  options.root = CocoMini();
  EXPECT_EQ(Open(options)->size(), 96);
  options.split = "val";
  const auto val = Open(options);
  EXPECT_EQ(val->size(), 168);
  EXPECT_EQ(val->ground_truth().annotations.size(), 915);
  const std::vector<int64_t> ids = Ids(*val);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST(CocoMini, EveryPhotoDecodes) {
  SKIP_WITHOUT_TEST_DATA();
  int gray = 0;
  for (const char* split : {"train", "val"}) {
    CocoOptions options;
    options.root = CocoMini();
    options.split = split;
    const auto dataset = Open(options);
    for (int64_t i = 0; i < dataset->size(); ++i) {
      const auto sample = dataset->Get(i);
      ASSERT_TRUE(sample.ok()) << sample.status();
      bool colourless = true;
      const std::vector<uint8_t>& pixels = sample->image.pixels;
      for (size_t p = 0; p < pixels.size() && colourless; p += 3) {
        colourless = pixels[p] == pixels[p + 1] && pixels[p] == pixels[p + 2];
      }
      gray += colourless;
    }
  }
  EXPECT_GE(gray, 3);
}

TEST(CocoMini, TheTwentyFourOfTheOverfittingExperiment) {
  SKIP_WITHOUT_TEST_DATA();
  CocoOptions options;
  options.root = CocoMini();
  options.filter = {/*min_persons=*/1, /*max_persons=*/3, /*min_num_keypoints=*/8, /*min_area=*/96 * 96,
                    /*first_images=*/24};
  const auto dataset = Open(options);
  EXPECT_EQ(Ids(*dataset),
            (std::vector<int64_t>{86,  165, 294, 322, 326,   370,   415,   428,   431,    436,    474,    510,
                                  529, 536, 623, 962, 12448, 30752, 37666, 84533, 106499, 234748, 253956, 318219}));
  for (int64_t i = 0; i < dataset->size(); ++i) {
    const auto sample = dataset->Get(i);
    ASSERT_TRUE(sample.ok());
    EXPECT_GE(sample->persons.size(), 1);
    EXPECT_LE(sample->persons.size(), 3);
    for (const Person& person : sample->persons) {
      EXPECT_GE(person.num_keypoints, 8);
      EXPECT_GT(person.area, 96 * 96);
    }
  }
}

TEST(CocoMini, ReadingAheadChangesNothing) {
  SKIP_WITHOUT_TEST_DATA();
  CocoOptions plain, kept;
  plain.root = kept.root = CocoMini();
  kept.cache_images = true;
  const auto a = Open(plain), b = Open(kept);
  LoaderOptions options;
  options.batch_size = 3;
  options.transforms.scales = {96, 112, 128};
  options.transforms.max_size = 200;
  options.transforms.crop_resize_scales = {120};
  options.transforms.min_crop = 80;
  options.transforms.max_crop = 120;
  LoaderOptions ahead = options;
  ahead.prefetch = 2;
  TrainingLoader first(a.get(), options), second(b.get(), ahead);
  for (int64_t step = 0; step < 6; ++step) {
    const auto x = first.Get(step), y = second.Get(step);
    ASSERT_TRUE(x.ok() && y.ok());
    EXPECT_TRUE(x->images.equal(y->images)) << step;
    EXPECT_EQ(x->image_ids, y->image_ids);
  }
}

TEST(CrowdPoseMini, HasTheImagesThatItsTableSays) {
  SKIP_WITHOUT_TEST_DATA();
  CocoOptions options;
  options.root = base::JoinPath(testing::TestDataFolder(), "data/crowdpose_mini");
  options.description = eval::CrowdPose();
  const auto train = Open(options);
  EXPECT_EQ(train->size(), 16);
  EXPECT_EQ(train->description().num_keypoints(), 14);
  options.split = "test";
  const auto test = Open(options);
  EXPECT_EQ(test->size(), 12);
  EXPECT_EQ(test->ground_truth().annotations.size(), 78);
  EXPECT_TRUE(test->ground_truth().images[0].crowd_index.has_value());
  int64_t persons = 0;
  for (const CocoDataset* dataset : {train.get(), test.get()}) {
    for (int64_t i = 0; i < dataset->size(); ++i) {
      const auto sample = dataset->Get(i);
      ASSERT_TRUE(sample.ok()) << sample.status();
      for (const Person& person : sample->persons) {
        EXPECT_EQ(person.keypoints.size(), 42);
        EXPECT_EQ(person.area, person.box[2] * person.box[3]);
        ++persons;
      }
    }
  }
  EXPECT_EQ(persons, 64 + 52);
}

// ---- the official evaluation pipeline, from the file to the tensor ----

struct OfficialImage {
  const char* fixture;
  const char* photo;
};

class OfficialEvaluation : public ::testing::TestWithParam<OfficialImage> {
 protected:
  // rows summed over the width, [height, 3]
  static std::vector<int64_t> RowSums(const Image& image) {
    std::vector<int64_t> sums(image.height * 3);
    for (int64_t i = 0; i < static_cast<int64_t>(image.pixels.size()); ++i) {
      sums[i / (image.width * 3) * 3 + i % 3] += image.pixels[i];
    }
    return sums;
  }

  static void ExpectRowSums(const Image& image, const at::Tensor& expected) {
    const std::vector<int64_t> sums = RowSums(image);
    ASSERT_EQ(expected.numel(), static_cast<int64_t>(sums.size()));
    const int64_t* data = expected.data_ptr<int64_t>();
    EXPECT_TRUE(std::equal(sums.begin(), sums.end(), data));
  }

  // the 64 x 64 pixels right and below of a corner
  static void ExpectPart(const Image& image, int64_t top, int64_t left, const at::Tensor& expected) {
    const uint8_t* data = expected.data_ptr<uint8_t>();
    for (int64_t y = 0; y < 64; ++y) {
      const uint8_t* row = image.pixels.data() + ((top + y) * image.width + left) * 3;
      ASSERT_TRUE(std::equal(row, row + 64 * 3, data + y * 64 * 3)) << "row " << y;
    }
  }
};

TEST_P(OfficialEvaluation, DecodeResizeNormalise) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture(GetParam().fixture);
  const std::string path =
      base::JoinPath(testing::TestDataFolder(), absl::StrCat("fixtures/images/", GetParam().photo));
  auto image = ReadImage(path);
  ASSERT_TRUE(image.ok()) << image.status();
  ExpectRowSums(*image, fixture.Get("decoded_u8_rowsum"));
  ExpectPart(*image, 0, 0, fixture.Get("decoded_u8_crop"));

  Sample sample;
  sample.image = *std::move(image);
  TransformForEvaluation(TransformOptions(), &sample);
  ExpectRowSums(sample.image, fixture.Get("val.resized_u8_rowsum"));
  ExpectPart(sample.image, sample.image.height / 2, sample.image.width / 2, fixture.Get("val.resized_u8_crop"));

  const at::Tensor tensor = MakeBatch({sample}, 17).images[0];
  const int64_t top = sample.image.height / 2, left = sample.image.width / 2;
  EXPECT_TRUE(testing::Near(tensor.slice(1, 0, c10::nullopt, 16).slice(2, 0, c10::nullopt, 16),
                            fixture.Get("val.tensor_sub"), 0));
  EXPECT_TRUE(
      testing::Near(tensor.slice(1, top, top + 48).slice(2, left, left + 48), fixture.Get("val.tensor_crop"), 0));
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OfficialEvaluation,
                         ::testing::Values(OfficialImage{"data_coco_785_val", "000000000785.jpg"},
                                           OfficialImage{"data_coco_196141_val", "000000196141.jpg"},
                                           OfficialImage{"data_crowdpose_103319_val", "103319.jpg"}));

// From the annotations of the fixture's image to its targets.
struct OfficialAnnotations {
  const char* fixture;
  const char* stem;
  const char* id;
  const eval::KeypointDataset& (*description)();
};

class OfficialTargets : public ::testing::TestWithParam<OfficialAnnotations> {
 protected:
  // A folder with this one image to evaluate on.
  static CocoOptions WriteOneImage(const testing::Fixture& fixture) {
    const auto& [name, stem, id, description] = GetParam();
    const std::string images = base::JoinPath(testing::TestDataFolder(), "fixtures/images/");
    const std::vector<double> size = fixture.Numbers("decoded_hw");
    const std::string json = absl::StrCat(
        R"({"images": [{"id": )", id, R"(, "file_name": ")", stem, R"(.jpg", "height": )", size[0], R"(, "width": )",
        size[1], R"(}], "categories": [], "annotations": )", *base::ReadFile(images + stem + "_annotations.json"), "}");
    const bool coco = description == eval::Coco;
    CocoOptions options;
    options.root = base::JoinPath(::testing::TempDir(), absl::StrCat("official_", id));
    options.description = description();
    options.split = coco ? "val" : "test";
    const std::string annotations = coco ? "/annotations/person_keypoints_val2017.json" : "/json/crowdpose_test.json";
    const std::string folder = options.root + (coco ? "/images/val2017" : "/images");
    EXPECT_TRUE(base::MakeDirectories(options.root + (coco ? "/annotations" : "/json")).ok());
    EXPECT_TRUE(base::MakeDirectories(folder).ok());
    EXPECT_TRUE(base::WriteFileAtomically(options.root + annotations, json).ok());
    EXPECT_TRUE(base::WriteFileAtomically(absl::StrCat(folder, "/", stem, ".jpg"),
                                          *base::ReadFile(absl::StrCat(images, stem, ".jpg")))
                    .ok());
    return options;
  }
};

TEST_P(OfficialTargets, PrepareResizeNormalise) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture(GetParam().fixture);
  const auto dataset = Open(WriteOneImage(fixture));
  EvaluationLoader loader(dataset.get(), {});
  const auto batch = loader.Get(0);
  ASSERT_TRUE(batch.ok()) << batch.status();
  const ImageTargets& targets = batch->targets[0];
  EXPECT_TRUE(testing::Near(targets.boxes, fixture.Get("val.boxes"), 1e-6));
  EXPECT_TRUE(testing::Near(targets.keypoints, fixture.Get("val.keypoints"), 1e-6));
  EXPECT_TRUE(testing::Near(targets.area, fixture.Get("val.area"), 1e-6));
  EXPECT_TRUE(targets.labels.equal(fixture.Get("val.labels")));
  const std::vector<double> size = fixture.Numbers("decoded_hw");
  EXPECT_EQ(batch->original_sizes[0], (ImageSize{static_cast<int64_t>(size[0]), static_cast<int64_t>(size[1])}));
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, OfficialTargets,
    ::testing::Values(OfficialAnnotations{"data_coco_785_val", "000000000785", "785", eval::Coco},
                      OfficialAnnotations{"data_coco_196141_val", "000000196141", "196141", eval::Coco},
                      OfficialAnnotations{"data_crowdpose_103319_val", "103319", "103319", eval::CrowdPose}),
    [](const auto& info) { return std::string(info.param.fixture); });

}  // namespace
}  // namespace grouppose
