#include "grouppose/data/image_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Image Grey(int64_t height, int64_t width) {
  return {height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3), 100)};
}

// b.png (4 x 6), a.PNG (5 x 3) and a text file; sub/ has c.png.
std::string WriteFolder(const std::string& name) {
  const std::string folder = base::JoinPath(::testing::TempDir(), name);
  EXPECT_TRUE(base::MakeDirectories(base::JoinPath(folder, "sub")).ok());
  EXPECT_TRUE(WritePng(base::JoinPath(folder, "b.png"), Grey(4, 6)).ok());
  EXPECT_TRUE(WritePng(base::JoinPath(folder, "a.PNG.png"), Grey(5, 3)).ok());
  EXPECT_TRUE(WritePng(base::JoinPath(folder, "sub/c.png"), Grey(2, 2)).ok());
  EXPECT_TRUE(base::WriteFileAtomically(base::JoinPath(folder, "notes.txt"), "no picture").ok());
  return folder;
}

std::vector<std::string> NamesOf(const Dataset& dataset, const std::string& folder) {
  std::vector<std::string> names;
  for (const eval::Image& image : dataset.ground_truth().images) {
    names.push_back(image.file_name.substr(folder.size() + 1));
  }
  return names;
}

TEST(OpenImageListTest, AFolderIsItsPicturesByName) {
  const std::string folder = WriteFolder("list");
  const auto list = OpenImageList({folder}, eval::CrowdPose());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(NamesOf(**list, folder), ElementsAre("a.PNG.png", "b.png"));
  const auto sample = (*list)->Get(1);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->image_id, 2);
  EXPECT_EQ(sample->original_size, (ImageSize{4, 6}));
  EXPECT_EQ((*list)->description().num_keypoints(), 14);
}

TEST(OpenImageListTest, KeepsTheOrderInWhichFilesAndFoldersAreNamed) {
  const std::string folder = WriteFolder("order");
  const auto list = OpenImageList({folder + "/sub", folder + "/b.png", folder + "/a.PNG.png"}, eval::Coco());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(NamesOf(**list, folder), ElementsAre("sub/c.png", "b.png", "a.PNG.png"));
}

TEST(OpenImageListTest, SaysWhatIsWrong) {
  const std::string folder = WriteFolder("wrong"), empty = folder + "/empty";
  ASSERT_TRUE(base::MakeDirectories(empty).ok());
  const auto error = [](const std::vector<std::string>& paths) {
    return std::string(OpenImageList(paths, eval::Coco()).status().message());
  };
  EXPECT_THAT(error({folder + "/none.jpg"}), HasSubstr("none.jpg: there is no such picture"));
  EXPECT_THAT(error({empty}), HasSubstr("expected .jpg, .jpeg or .png files"));
  EXPECT_THAT(error({folder, folder + "/b.png"}), HasSubstr("b.png: is named twice"));
  EXPECT_THAT(error({}), HasSubstr("expected a picture"));
  const auto list = OpenImageList({folder + "/notes.txt"}, eval::Coco());
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(std::string((*list)->Get(0).status().message()),
              HasSubstr("notes.txt: found 10 bytes that do not decode"));
}

}  // namespace
}  // namespace grouppose
