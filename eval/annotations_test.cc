#include "eval/annotations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"

namespace eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Two keypoints a person, to keep the texts short.
const char kDataset[] = R"({
 "info": {"year": 2017, "nested": [[1, {"images": []}]]},
 "images": [
  {"id": 7, "width": 640, "height": 480, "file_name": "a\u0062c.jpg", "license": 3},
  {"file_name": "d.jpg", "id": 9000000000001, "crowdIndex": 0.25, "height": 2, "width": 1}
 ],
 "annotations": [
  {"id": 0, "image_id": 7, "category_id": 1, "bbox": [1.5, 2, 30, 40.25], "area": 600.125, "iscrowd": 0,
   "num_keypoints": 1, "keypoints": [10, 20, 2, 0, 0, 0], "segmentation": [[1, 2, 3, 4]]},
  {"iscrowd": 1, "id": 5, "image_id": 9000000000001, "category_id": 1, "bbox": [0, 0, 0, 0], "num_keypoints": 0,
   "keypoints": [0, 0, 0, 0, 0, 0], "segmentation": {"counts": "abc\"]}", "size": [2, 1]}}
 ],
 "categories": [
  {"id": 1, "name": "person", "supercategory": "person", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}
 ]
})";

const char kDetections[] = R"([
 {"image_id": 7, "category_id": 1, "keypoints": [10.5, NaN, 1, -Infinity, 4e2, 0.125], "score": 0.1},
 {"score": Infinity, "image_id": 7, "keypoints": [1, 2, 3, 4, 5, 6], "category_id": 0, "bbox": [1, 2, 3, 4]},
 {"score": 1, "image_id": 7, "keypoints": [1, 2, 3, 4, 5, 6], "category_id": 0, "bbox": [1, NaN, 3, 4], "x": "NaN\\",
  "y": "a\", NaN, \""}
])";

TEST(ReadDataset, KeepsEverythingInFileOrder) {
  const auto dataset = ParseDataset(kDataset, "gt.json");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->images.size(), 2);
  EXPECT_EQ(dataset->images[0].id, 7);
  EXPECT_EQ(dataset->images[0].width, 640);
  EXPECT_EQ(dataset->images[0].height, 480);
  EXPECT_EQ(dataset->images[0].file_name, "abc.jpg");
  EXPECT_FALSE(dataset->images[0].crowd_index.has_value());
  EXPECT_EQ(dataset->images[1].id, 9000000000001);
  EXPECT_EQ(dataset->images[1].crowd_index, 0.25);

  ASSERT_EQ(dataset->annotations.size(), 2);
  const Annotation& first = dataset->annotations[0];
  EXPECT_EQ(first.id, 0);
  EXPECT_EQ(first.image_id, 7);
  EXPECT_EQ(first.category_id, 1);
  EXPECT_EQ(first.bbox, (Box{1.5, 2, 30, 40.25}));
  EXPECT_EQ(first.area, 600.125);
  EXPECT_FALSE(first.iscrowd);
  EXPECT_EQ(first.num_keypoints, 1);
  EXPECT_EQ(first.keypoints, (std::vector<double>{10, 20, 2, 0, 0, 0}));
  EXPECT_TRUE(dataset->annotations[1].iscrowd);
  EXPECT_FALSE(dataset->annotations[1].area.has_value());

  ASSERT_EQ(dataset->categories.size(), 1);
  EXPECT_EQ(dataset->categories[0].name, "person");
  EXPECT_EQ(dataset->categories[0].keypoints, (std::vector<std::string>{"nose", "tail"}));
  EXPECT_EQ(dataset->categories[0].skeleton, (std::vector<std::pair<int64_t, int64_t>>{{1, 2}}));
}

TEST(ReadDetections, TakesTheLiteralsThatPythonWrites) {
  const auto detections = ParseDetections(kDetections, "dt.json");
  ASSERT_TRUE(detections.ok()) << detections.status();
  ASSERT_EQ(detections->size(), 3);
  const Detection& first = (*detections)[0];
  EXPECT_EQ(first.keypoints[0], 10.5);
  EXPECT_TRUE(std::isnan(first.keypoints[1]));
  EXPECT_EQ(first.keypoints[3], -kInfinity);
  EXPECT_EQ(first.keypoints[4], 400);
  EXPECT_EQ(first.score, 0.1);
  EXPECT_FALSE(first.bbox.has_value());
  EXPECT_EQ((*detections)[1].score, kInfinity);
  EXPECT_EQ((*detections)[1].category_id, 0);
  EXPECT_EQ((*detections)[1].bbox, (Box{1, 2, 3, 4}));
  EXPECT_TRUE(std::isnan((*(*detections)[2].bbox)[1]));
}

TEST(ReadDetections, AnEmptyListIsFine) {
  for (const char* json : {"[]", " [ ] \n"}) {
    const auto detections = ParseDetections(json, "dt.json");
    ASSERT_TRUE(detections.ok()) << detections.status();
    EXPECT_TRUE(detections->empty());
  }
}

TEST(ReadDetections, AnEmptyBoxIsNoBox) {
  const auto detections = ParseDetections(
      R"([{"image_id": 7, "category_id": 1, "keypoints": [1, 2, 3], "score": 1, "bbox": []}])", "dt.json");
  ASSERT_TRUE(detections.ok()) << detections.status();
  EXPECT_FALSE((*detections)[0].bbox.has_value());
}

TEST(ReadDetections, IntegersMayBeWrittenAsFloats) {
  const auto detections =
      ParseDetections(R"([{"image_id": 7.0, "category_id": 1e0, "keypoints": [1, 2, 3], "score": 1}])", "dt.json");
  ASSERT_TRUE(detections.ok()) << detections.status();
  EXPECT_EQ((*detections)[0].image_id, 7);
  EXPECT_EQ((*detections)[0].category_id, 1);
}

// A sound text with one replacement, and the error that follows: at the first place in the new text where `at` stands,
// or at its end.
struct Fault {
  std::string find, replace, at, error;
};

std::string ExpectedError(const std::string& source, const std::string& json, const Fault& fault) {
  const size_t offset = fault.at.empty() ? json.size() : json.find(fault.at);
  return absl::StrCat(source, ": byte ", offset, ": ", fault.error);
}

class BrokenDataset : public ::testing::TestWithParam<Fault> {};

TEST_P(BrokenDataset, IsRefusedWithFilePlaceAndReason) {
  const std::string json = absl::StrReplaceAll(kDataset, {{GetParam().find, GetParam().replace}});
  ASSERT_NE(json, kDataset);
  ReadOptions options;
  options.num_keypoints = 2;
  const auto dataset = ParseDataset(json, "gt.json", options);
  ASSERT_FALSE(dataset.ok()) << json;
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(dataset.status().message()), ExpectedError("gt.json", json, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BrokenDataset,
    ::testing::Values(
        Fault{"600.125", "\"600.125\"", "\"600.125\"",
              "annotations[0].area: expected a number, found the string \"600.125\""},
        Fault{"\"iscrowd\": 1", "\"iscrowd\": null", "null",
              "annotations[1].iscrowd: expected 0, 1, true or false, found null"},
        Fault{"\"id\": 5", "\"id\": 5.5", "5.5", "annotations[1].id: expected an integer of 64 bits, found 5.5"},
        Fault{"\"id\": 5", "\"id\": NaN", "NaN", "annotations[1].id: expected an integer, found NaN"},
        Fault{"\"id\": 5, ", "", "{\"iscrowd\"", "annotations[1]: has no 'id'"},
        Fault{"[10, 20, 2, 0, 0, 0]", "[10, 20, 2, 0, 0]", "[10,",
              "annotations[0].keypoints: expected 6 numbers (x, y, v of 2 keypoints), found 5"},
        Fault{"[10, 20, 2, 0, 0, 0]", "[10, 20, 2, 0, 0, 0, 7, 8, 2]", "[10,",
              "annotations[0].keypoints: expected 6 numbers (x, y, v of 2 keypoints), found 9"},
        Fault{"[10, 20, 2, 0, 0, 0]", "[10, [20], 2, 0, 0, 0]", "[20]",
              "annotations[0].keypoints: expected a number, found an array"},
        Fault{"[10, 20, 2, 0, 0, 0]", "{\"x\": 1}", "{\"x\"",
              "annotations[0].keypoints: expected an array, found an object"},
        Fault{"[1.5, 2, 30, 40.25]", "[1.5, 2, 30]", "[1.5",
              "annotations[0].bbox: expected 4 numbers (x, y, width, height), found 3"},
        Fault{"\"annotations\"", "\"annotation\"", "{", "annotation file: has no 'annotations'"},
        Fault{"[[1, 2]]", "[[1, 2, 3]]", "[1, 2, 3]]",
              "categories[0].skeleton: expected pairs of keypoints, found 3 numbers"},
        Fault{"\"a\\u0062c.jpg\"", "12", "12", "images[0].file_name: expected a string, found 12"},
        Fault{"[[1, 2]]}\n ]\n}", "[[1, 2]]}\n ]", "", "expected ',' or '}', found the end of the file"},
        Fault{"\"width\": 640, ", "\"width\": 640 ", "\"height\"", "images[0]: expected ',' or '}', found '\"'"},
        Fault{"\"images\": [\n", "\"images\": {\n", "{\"id\": 7", "expected a key in double quotes, found '{'"}));

class BrokenDetections : public ::testing::TestWithParam<Fault> {};

TEST_P(BrokenDetections, IsRefusedWithFilePlaceAndReason) {
  const std::string json = GetParam().find.empty()
                               ? GetParam().replace
                               : absl::StrReplaceAll(kDetections, {{GetParam().find, GetParam().replace}});
  ReadOptions options;
  options.num_keypoints = 2;
  const auto detections = ParseDetections(json, "dt.json", options);
  ASSERT_FALSE(detections.ok()) << json;
  EXPECT_EQ(detections.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(detections.status().message()), ExpectedError("dt.json", json, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BrokenDetections,
    ::testing::Values(Fault{"", "", "", "expected a value, found the end of the file"},
                      Fault{"", "{\"annotations\": []}", "{", "detections: expected an array, found an object"},
                      Fault{"", "[] x", "x", "expected the end of the file, found 'x'"},
                      Fault{"", "[3]", "3", "detections[0]: expected an object, found 3"},
                      // offsets count the bytes of the file, literals and all
                      Fault{"Infinity, \"image_id\": 7", "Infinity, \"image_id\": \"7\"", "\"7\"",
                            "detections[1].image_id: expected an integer, found the string \"7\""},
                      Fault{"\"score\": Infinity", "\"score\": \"NaN\"", "\"NaN\"",
                            "detections[1].score: expected a number, found the string \"NaN\""},
                      Fault{"\"score\": 0.1", "\"Score\": 0.1", "{", "detections[0]: has no 'score'"},
                      Fault{"\"score\": 0.1", "\"score\": 0.1, \"segmentation\": []", "{",
                            "detections[0]: expected keypoint results, found 'segmentation' without 'bbox'"},
                      Fault{"[1, 2, 3, 4, 5, 6]", "[1, 2, 3]", "[1, 2, 3]",
                            "detections[1].keypoints: expected 6 numbers (x, y, v of 2 keypoints), found 3"}));

TEST(ReadDetections, NumbersOfAnyLengthAreRoundedOnce) {
  for (const char* score : {"0.567891234567890123456789", "9007199254740993.000000000000000000001",
                            "123456789012345678901234567890", "1.00000000000000011102230246251565404e0",
                            "0.0000000000000000000000000000000000123456789012345678901234567", "5e-324"}) {
    const auto detections = ParseDetections(
        absl::StrCat(R"([{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 1], "score": )", score, "}]"),
        "dt.json");
    ASSERT_TRUE(detections.ok()) << detections.status();
    EXPECT_EQ((*detections)[0].score, std::strtod(score, nullptr)) << score;
  }
}

TEST(ReadDetections, ALoneNumberIsRefused) {
  const auto detections = ParseDetections(" 3", "dt.json");
  ASSERT_FALSE(detections.ok());
  EXPECT_EQ(std::string(detections.status().message()).substr(0, 15), "dt.json: byte 1");
}

TEST(ReadDetections, EveryTruncationIsRefused) {
  const std::string json = kDetections;
  for (size_t size = 0; size + 1 < json.size(); ++size) {
    const auto detections = ParseDetections(json.substr(0, size), "dt.json");
    ASSERT_FALSE(detections.ok()) << size;
    EXPECT_EQ(detections.status().message().substr(0, 14), "dt.json: byte ") << detections.status();
  }
}

TEST(ReadDataset, AMissingFileIsNamed) {
  const auto dataset = ReadDataset("/nowhere/gt.json");
  ASSERT_FALSE(dataset.ok());
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(dataset.status().message(), "/nowhere/gt.json: cannot open: No such file or directory");
}

TEST(Format, DatasetComesBackEqual) {
  const auto dataset = ParseDataset(kDataset, "gt.json");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const std::string json = FormatDataset(*dataset);
  EXPECT_EQ(json, R"({"images":[
{"id":7,"width":640,"height":480,"file_name":"abc.jpg"},
{"id":9000000000001,"width":1,"height":2,"file_name":"d.jpg","crowdIndex":0.25}
],
"annotations":[
{"id":0,"image_id":7,"category_id":1,"iscrowd":0,"bbox":[1.5,2,30,40.25],"area":600.125,"num_keypoints":1,"keypoints":[10,20,2,0,0,0]},
{"id":5,"image_id":9000000000001,"category_id":1,"iscrowd":1,"bbox":[0,0,0,0],"num_keypoints":0,"keypoints":[0,0,0,0,0,0]}
],
"categories":[
{"id":1,"name":"person","supercategory":"person","keypoints":["nose","tail"],"skeleton":[[1,2]]}
]}
)");
  const auto again = ParseDataset(json, "again.json");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(FormatDataset(*again), json);
}

TEST(Format, DoublesComeBackToTheLastBit) {
  Detection detection;
  detection.image_id = -3;
  detection.keypoints = {0.1,       1.0 / 3,     1e300, 5e-324, -0.0, 0.30000001192092896, 123456789012345680,
                         kInfinity, std::nan("")};
  detection.score = std::nextafter(0.7, 1);
  detection.bbox = Box{1, 2, -kInfinity, 4};
  const auto again = ParseDetections(FormatDetections({detection, detection}), "again.json");
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->size(), 2);
  for (const Detection& read : *again) {
    EXPECT_EQ(read.image_id, -3);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(read.keypoints[i], detection.keypoints[i]) << i;
    EXPECT_TRUE(std::signbit(read.keypoints[4]));
    EXPECT_TRUE(std::isnan(read.keypoints[8]));
    EXPECT_EQ(read.score, detection.score);
    EXPECT_EQ(read.bbox, detection.bbox);
  }
}

TEST(Format, StringsAreEscaped) {
  Dataset dataset;
  dataset.images.push_back({1, 2, 3, "a\"b\\c\n\x01\xc3\xa9"});
  const auto again = ParseDataset(FormatDataset(dataset), "again.json");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->images[0].file_name, dataset.images[0].file_name);
}

TEST(Format, FilesAreWritten) {
  const std::string path = std::string(::testing::TempDir()) + "/results.json";
  ASSERT_TRUE(WriteDetections(path, {}).ok());
  EXPECT_EQ(*base::ReadFile(path), "[\n]\n");
  EXPECT_TRUE(ReadDetections(path)->empty());
  Dataset dataset;
  ASSERT_TRUE(WriteDataset(path, dataset).ok());
  EXPECT_TRUE(ReadDataset(path).ok());
}

}  // namespace
}  // namespace eval
