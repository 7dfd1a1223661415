#include "eval/detection_table_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"

namespace eval {
namespace {

// Two keypoints keep records short.
constexpr int kKeypoints = 2;

TableReadOptions Options(int threads = 1, int64_t piece_bytes = 256 << 10) {
  TableReadOptions options;
  options.num_keypoints = kKeypoints;
  options.threads = threads;
  options.piece_bytes = piece_bytes;
  return options;
}

std::string Record(int i) {
  return absl::StrCat(R"({"image_id": )", i / 3, R"(, "category_id": 1, "keypoints": [)", i, ".25, -", i % 7,
                      R"(, 1, 2.5e1, 0.125, 0], "score": 0.)", i % 10 + 1, "}");
}

// Many records, every third changed by `change`.
template <typename Change>
std::string Records(int count, Change change) {
  std::string json = "[";
  for (int i = 0; i < count; ++i) {
    std::string record = Record(i);
    if (i % 3 == 1) change(i, &record);
    absl::StrAppend(&json, i > 0 ? ", " : "", record);
  }
  return json + "]";
}

bool SameBits(double a, double b) {
  return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b));
}

void ExpectRow(const DetectionTable& table, size_t i, const Detection& expected) {
  const DetectionRow& row = table.rows[i];
  EXPECT_EQ(row.image_id, expected.image_id);
  EXPECT_EQ(row.category_id, expected.category_id);
  EXPECT_TRUE(SameBits(row.score, expected.score));
  EXPECT_EQ(row.has_bbox, expected.bbox.has_value());
  if (expected.bbox.has_value()) {
    EXPECT_TRUE(SameBits(row.bbox_area, (*expected.bbox)[2] * (*expected.bbox)[3]));
  }
  for (int k = 0; k < kKeypoints; ++k) {
    EXPECT_TRUE(SameBits(row.keypoints[table.stride * k], expected.keypoints[3 * k])) << i << " " << k;
    EXPECT_TRUE(SameBits(row.keypoints[table.stride * k + 1], expected.keypoints[3 * k + 1])) << i << " " << k;
  }
}

// The table is what the other reader says, however the text is cut; so are errors.
void ExpectAsTheCarefulReader(const std::string& json) {
  ReadOptions read_options;
  read_options.num_keypoints = kKeypoints;
  const auto expected = ParseDetections(json, "dt.json", read_options);
  for (const int threads : {1, 3}) {
    for (const int64_t piece_bytes : {1, 7, 64, 200, 1 << 20}) {
      const auto table = ParseDetectionTable(json, "dt.json", Options(threads, piece_bytes));
      ASSERT_EQ(table.status(), expected.status()) << piece_bytes;
      if (!expected.ok()) continue;
      ASSERT_EQ(table->rows.size(), expected->size()) << piece_bytes;
      for (size_t i = 0; i < expected->size(); ++i) ExpectRow(*table, i, (*expected)[i]);
    }
  }
}

// A table whose coordinates lie two a keypoint was read the fast way.
bool IsFast(const std::string& json) {
  const auto table = ParseDetectionTable(json, "dt.json", Options(1, 300));
  return table.ok() && table->stride == 2;
}

TEST(DetectionTableReader, PlainRecordsHoweverTheyAreCut) {
  for (const int count : {0, 1, 2, 100}) {
    const std::string json = Records(count, [](int, std::string*) {});
    ExpectAsTheCarefulReader(json);
    EXPECT_TRUE(IsFast(json)) << count;
  }
}

TEST(DetectionTableReader, SeparatorsInStringsFoolNobody) {
  const std::string json = Records(60, [](int i, std::string* record) {
    const char* traps[] = {R"("note": "}, {", )", R"("note": "\"}, {\"image_id\": 1}, {", )", R"("\u0041note": 1, )",
                           R"("}, {": "]", )", R"("note": "\\", )"};
    record->insert(1, traps[i / 3 % 5]);
  });
  ExpectAsTheCarefulReader(json);
  EXPECT_TRUE(IsFast(absl::StrReplaceAll(json, {{R"("\u0041note": 1, )", ""}})));
  // a whole file within a string
  ExpectAsTheCarefulReader(Records(9, [](int, std::string* record) {
    record->insert(1, absl::StrCat("\"note\": \"", absl::StrReplaceAll(Record(5), {{"\"", "\\\""}}), ", ",
                                   absl::StrReplaceAll(Record(6), {{"\"", "\\\""}}), "\", "));
  }));
}

TEST(DetectionTableReader, NestedObjectsAreNoRecords) {
  const std::string json = Records(60, [](int, std::string* record) {
    record->insert(1, R"("parts": [{"score": 1}, {"score": 2, "of": [[], {}]}, {"a": null}], )");
  });
  ExpectAsTheCarefulReader(json);
  EXPECT_TRUE(IsFast(json));
  // not even those that look like some
  ExpectAsTheCarefulReader(Records(60, [](int, std::string* record) {
    record->insert(1, absl::StrCat("\"parts\": [", Record(1), ", ", Record(2), ", ", Record(3), "], "));
  }));
}

TEST(DetectionTableReader, SpaceEverywhereAndNowhere) {
  const std::string json = Records(20, [](int, std::string*) {});
  const std::string spread = absl::StrReplaceAll(
      json, {{",", "\n ,\t"}, {":", " :\r\n"}, {"{", " { "}, {"}", " } "}, {"[", " [ "}, {"]", " ] "}});
  ExpectAsTheCarefulReader(spread);
  EXPECT_TRUE(IsFast(spread));
  const std::string tight = absl::StrReplaceAll(json, {{" ", ""}});
  ExpectAsTheCarefulReader(tight);
  EXPECT_TRUE(IsFast(tight));
  EXPECT_TRUE(IsFast("[ ]\n"));
}

TEST(DetectionTableReader, NumbersOfEveryKind) {
  const std::string json = Records(60, [](int i, std::string* record) {
    const char* numbers[] = {"NaN",  "Infinity", "-Infinity",           "367.7765197753906",
                             "1e-7", "-0.0",     "12345678901234567890"};
    *record = absl::StrReplaceAll(*record, {{"0.125", numbers[i / 3 % 7]}});
  });
  ExpectAsTheCarefulReader(json);
  EXPECT_TRUE(IsFast(json));
  for (const char* id : {"3.0", "3e0", "-4", "0", "-0", "9007199254740992", "1234567890123456789",
                         "9223372036854775807", "9223372036854775808", "3.5", "true", "\"3\"", "03", "null", "[3]"}) {
    ExpectAsTheCarefulReader(Records(4, [&](int, std::string* record) {
      *record = absl::StrReplaceAll(*record, {{R"("image_id": 0)", absl::StrCat(R"("image_id": )", id)}});
    }));
  }
}

TEST(DetectionTableReader, BoxesAndRepeatedFields) {
  for (const char* field :
       {R"("bbox": [1, 2, 3.5, 4], )", R"("bbox": [], )", R"("bbox": [ ], )", R"("bbox": [1, 2, 3], )",
        R"("bbox": [1, 2, 3, 4, 5], )", R"("bbox": null, )", R"("bbox": [1, 2, 3, 4], "bbox": [], )",
        R"("bbox": [], "bbox": [1, 2, 3, NaN], )", R"("score": 7, )", R"("score": "7", )",
        R"("keypoints": [9, 9, 9, 9, 9, 9], )", R"("keypoints": [9, 9, 9], )", R"("caption": "a", )",
        R"("segmentation": [], )", R"("segmentation": [], "bbox": [1, 2, 3, 4], )"}) {
    ExpectAsTheCarefulReader(Records(6, [&](int, std::string* record) { record->insert(1, field); }));
    // in the first record, which says of what kind the file is
    ExpectAsTheCarefulReader(absl::StrCat("[{", field, Record(0).substr(1), ", ", Record(1), "]"));
  }
}

TEST(DetectionTableReader, RefusesInTheSameWords) {
  const std::string json = Records(12, [](int, std::string*) {});
  // truncated anywhere
  for (size_t length = 0; length < json.size(); length += 5) ExpectAsTheCarefulReader(json.substr(0, length));
  // one character less, or another
  for (size_t i = 0; i < json.size(); i += 11) {
    std::string broken = json;
    broken.erase(i, 1);
    ExpectAsTheCarefulReader(broken);
    for (const char c : {'{', '}', ',', '"', '\\', ' ', '\0'}) {
      broken = json;
      broken[i] = c;
      ExpectAsTheCarefulReader(broken);
    }
  }
  for (const char* more : {"x", "]", ",", "[]", " {}"}) ExpectAsTheCarefulReader(json + more);
  for (const char* text : {"", " ", "[", "{}", "[1]", "[[]]", "null", "[{}]", "[,]", "[{},]"}) {
    ExpectAsTheCarefulReader(text);
  }
}

TEST(DetectionTableReader, RecordsLongerThanPieces) {
  const std::string json = Records(8, [](int i, std::string* record) {
    record->insert(1, absl::StrCat("\"note\": \"", std::string(i == 1 ? 3 << 20 : 20000, 'x'), "\", "));
  });
  const auto table = ParseDetectionTable(json, "dt.json", Options(2, 4096));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows.size(), 8);
  EXPECT_EQ(table->stride, 2);
}

TEST(DetectionTableReader, ReadsFilesAndNamesThem) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/dt.json");
  ASSERT_TRUE(base::WriteFileAtomically(path, Records(50, [](int, std::string*) {})).ok());
  const auto table = ReadDetectionTable(path, Options(2, 500));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows.size(), 50);
  ASSERT_TRUE(base::WriteFileAtomically(path, "[{]").ok());
  EXPECT_EQ(ReadDetectionTable(path, Options()).status(), ReadDetections(path).status());
  EXPECT_EQ(ReadDetectionTable(path, Options()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadDetectionTable("/nowhere.json", Options()).status().code(), absl::StatusCode::kNotFound);
  // what is no regular file is read in one go
  EXPECT_EQ(ReadDetectionTable("/dev/null", Options()).status().message(),
            "/dev/null: byte 0: expected a value, found the end of the file");
}

}  // namespace
}  // namespace eval
