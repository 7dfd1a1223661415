#include "eval/explain_cases.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/html.h"
#include "eval/explain_html.h"
#include "eval/image_header.h"
#include "eval/planted_errors.h"

namespace eval {
namespace {

// The signature and first chunk of a PNG of 640 by 480: enough for a header.
std::string PngHead() { return std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0", 24); }

TEST(ImageHeader, OfPngAndJpeg) {
  const auto png = ReadImageHeader(PngHead());
  ASSERT_TRUE(png.has_value());
  EXPECT_EQ(png->media_type, "image/png");
  EXPECT_EQ(png->width, 640);
  EXPECT_EQ(png->height, 480);
  // start, an application segment of 4 bytes, a table (C4, which starts no frame), a fill byte, a start of frame
  const std::string jpeg("\xFF\xD8\xFF\xE0\0\4ab\xFF\xC4\0\2\xFF\xFF\xC2\0\x11\x08\x01\xAB\x02\x80", 22);
  const auto header = ReadImageHeader(jpeg);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->media_type, "image/jpeg");
  EXPECT_EQ(header->width, 640);
  EXPECT_EQ(header->height, 427);
  // every shorter text is refused, and no byte behind its end is read
  for (size_t length = 0; length < jpeg.size(); ++length) EXPECT_FALSE(ReadImageHeader(jpeg.substr(0, length)));
  for (size_t length = 0; length < PngHead().size(); ++length) {
    EXPECT_FALSE(ReadImageHeader(PngHead().substr(0, length)));
  }
  EXPECT_FALSE(ReadImageHeader("GIF89a"));
}

struct Cased {
  Planted planted;
  Explanation explanation;
};

// One person with left and right exchanged, one not found, one detection of nobody.
Cased ThreeErrors() {
  Cased cased = {PerfectResults(Coco(), 6, 1), {}};
  Planted& planted = cased.planted;
  ExchangeLeftAndRight(planted, &planted.detections[0]);
  planted.detections.erase(planted.detections.begin() + 3);
  Detection nobody = planted.detections[5];
  for (int k = 0; k < 17; ++k) nobody.keypoints[3 * k + 1] += 4000;
  planted.detections.push_back(nobody);
  EvaluatorOptions options;
  options.annotations_name = "<gt>.json";
  const auto explanation = Explain(planted.dataset, planted.detections, options);
  EXPECT_TRUE(explanation.ok()) << explanation.status();
  cased.explanation = *explanation;
  return cased;
}

std::vector<std::string> NamesOf(const std::vector<ErrorCase>& cases) {
  std::vector<std::string> names;
  for (const ErrorCase& error : cases) names.push_back(ErrorKindName(error.kind));
  return names;
}

TEST(ExplainCases, AreOfEveryKindOfError) {
  const Cased cased = ThreeErrors();
  const auto choose = [&](const std::function<bool(int64_t)>& has_photo) {
    return ChooseCases(cased.explanation, cased.planted.dataset, TableOf(cased.planted.detections), 2, has_photo);
  };
  const std::vector<ErrorCase> cases = choose([](int64_t) { return true; });
  EXPECT_TRUE(choose([](int64_t) { return false; }).empty());
  EXPECT_EQ(NamesOf(choose([](int64_t image) { return image == 1000; })), std::vector<std::string>{"inversion"});
  EXPECT_EQ(NamesOf(cases), (std::vector<std::string>{"inversion", "background", "missed"}));
  EXPECT_EQ(cases[0].annotation, 0);
  EXPECT_EQ(cases[0].detection, 0);
  EXPECT_EQ(cases[1].annotation, kNone);
  EXPECT_EQ(cases[1].detection, static_cast<int>(cased.planted.detections.size()) - 1);
  EXPECT_EQ(cases[2].annotation, 3);
  EXPECT_EQ(cases[2].detection, kNone);
}

TEST(ExplainCases, AreDrawnOnThePhotoItself) {
  const Cased cased = ThreeErrors();
  const std::string folder = base::JoinPath(testing::TempDir(), "photos");
  ASSERT_TRUE(base::MakeDirectories(folder).ok());
  const auto refused = PhotosIn(folder, cased.planted.dataset);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.status().message()).find("none of the 6 images"), std::string::npos)
      << refused.status();
  // the photos of two images, one of which is none
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(folder, "1000.jpg"), PngHead()).ok());
  const int64_t missed_image = cased.planted.dataset.annotations[3].image_id;
  const std::string broken = base::JoinPath(folder, std::to_string(missed_image) + ".jpg");
  ASSERT_TRUE(base::WriteFileAtomically(broken, "GIF89a").ok());
  const auto has_photo = PhotosIn(folder, cased.planted.dataset);
  ASSERT_TRUE(has_photo.ok()) << has_photo.status();
  const std::vector<ErrorCase> cases =
      ChooseCases(cased.explanation, cased.planted.dataset, TableOf(cased.planted.detections), 2, *has_photo);
  const Drawings drawings =
      DrawCases(cases, cased.explanation, cased.planted.dataset, TableOf(cased.planted.detections), folder);
  EXPECT_EQ(drawings.unreadable, std::vector<std::string>{broken});
  ASSERT_EQ(drawings.cases.size(), 1u);
  const DrawnCase& drawn = drawings.cases[0];
  EXPECT_EQ(drawn.name, "01_inversion");
  EXPECT_EQ(drawn.svg.find("<svg "), 0u);
  EXPECT_NE(drawn.svg.find(base::DataUri("image/png", PngHead())), std::string::npos);
  size_t rings = 0;
  for (size_t at = 0; (at = drawn.svg.find("ring inversion", at)) != std::string::npos; ++at) ++rings;
  EXPECT_EQ(rings, 16u);
  EXPECT_NE(drawn.caption.find("left_wrist inversion"), std::string::npos) << drawn.caption;
  const std::string page = FormatExplanationHtml(cased.explanation, drawings.cases);
  EXPECT_NE(page.find("data:image/svg+xml;base64,"), std::string::npos);
  EXPECT_NE(page.find("&lt;gt&gt;.json"), std::string::npos);
  EXPECT_EQ(page.find("<gt>"), std::string::npos);
  EXPECT_EQ(FormatExplanationHtml(cased.explanation, {}).find("Instructive cases"), std::string::npos);
}

}  // namespace
}  // namespace eval
