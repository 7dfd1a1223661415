#include "grouppose/data/synthetic_people.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/files.h"

namespace grouppose {
namespace {

constexpr int kJoints = 17;

std::string Bytes(const Image& image) { return std::string(image.pixels.begin(), image.pixels.end()); }

std::string Digest(const Sample& sample) { return base::Sha256(Bytes(sample.image)); }

std::vector<Sample> DrawMany(const SyntheticPeopleOptions& options, uint64_t seed, int count) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) samples.push_back(DrawSyntheticPeople(options, seed, i));
  return samples;
}

int CountVisibility(const Person& person, int visibility) {
  int count = 0;
  for (int j = 0; j < kJoints; ++j) count += person.keypoints[3 * j + 2] == visibility;
  return count;
}

// These digests are what a published experiment was trained on: a change here is a change of the data.
TEST(SyntheticPeople, KeepsItsPictures) {
  const SyntheticPeopleOptions easy;
  EXPECT_EQ(Digest(DrawSyntheticPeople(easy, 1, 0)),
            "af2c03cac84c3cabd82ae42f6565bb11b16a6059b4f54d5763d38bbc00b97832");
  EXPECT_EQ(Digest(DrawSyntheticPeople(easy, 1, 1)),
            "f4d4f9c42685905761b6776b09d5e850f450a26b445c385eef26caa139d4a277");
  EXPECT_EQ(Digest(DrawSyntheticPeople(easy, 3, 299)),
            "ac86664a49d82eb6ea1f17d188955b8b8c661f2d6d004fd8b900f1d14d08d3ed");
  EXPECT_EQ(Digest(DrawSyntheticPeople(HardSyntheticPeople(), 1, 0)),
            "88416800383e602ee91a8b34680c2d68acd83ffae92909bf5eaaf4956b332b38");
}

TEST(SyntheticPeople, KeepsItsAnnotations) {
  std::string text;
  for (const Sample& sample : DrawMany(HardSyntheticPeople(), 5, 20)) {
    for (const Person& person : sample.persons) {
      for (double value : person.keypoints) text += std::to_string(value) + " ";
      for (double value : person.box) text += std::to_string(value) + " ";
      text += std::to_string(person.area) + "\n";
    }
  }
  EXPECT_EQ(base::Sha256(text), "f6fdd6cf4ceddcdbba9ab38fdeee83e2cae86ae8c4a0e2d8dc45e70743b4ffed");
}

TEST(SyntheticPeople, IsAFunctionOfSeedAndIndexOnly) {
  const SyntheticPeopleOptions options;
  const std::vector<Sample> forwards = DrawMany(options, 7, 8);
  for (int i = 7; i >= 0; --i) {
    std::string from_thread;
    std::thread([&] { from_thread = Bytes(DrawSyntheticPeople(options, 7, i).image); }).join();
    EXPECT_EQ(from_thread, Bytes(forwards[i].image)) << "index " << i;
    EXPECT_EQ(forwards[i].image_id, i + 1);
  }
}

TEST(SyntheticPeople, NoPictureOfOneSeedIsAPictureOfAnother) {
  const SyntheticPeopleOptions options;
  std::set<std::string> pictures;
  for (uint64_t seed : {0, 1, 2, 3}) {
    for (const Sample& sample : DrawMany(options, seed, 150)) pictures.insert(Bytes(sample.image));
  }
  EXPECT_EQ(pictures.size(), 4 * 150);
}

void CheckPerson(const Person& person, double size) {
  ASSERT_EQ(person.keypoints.size(), 3 * kJoints);
  const double right = person.box[0] + person.box[2], bottom = person.box[1] + person.box[3];
  EXPECT_GE(person.box[0], 0);
  EXPECT_GE(person.box[1], 0);
  EXPECT_LE(right, size + 1e-9);
  EXPECT_LE(bottom, size + 1e-9);
  EXPECT_NEAR(person.area, 0.53 * person.box[2] * person.box[3], 0.01);
  EXPECT_FALSE(person.is_crowd);
  EXPECT_EQ(person.num_keypoints, kJoints - CountVisibility(person, 0));
  EXPECT_EQ(person.num_keypoints, CountVisibility(person, 1) + CountVisibility(person, 2));
  EXPECT_GE(CountVisibility(person, 2), 5);
  for (int j = 0; j < kJoints; ++j) {
    const double x = person.keypoints[3 * j], y = person.keypoints[3 * j + 1];
    if (person.keypoints[3 * j + 2] == 0) {
      EXPECT_EQ(x, 0);
      EXPECT_EQ(y, 0);
      continue;
    }
    // a pixel of the image, and inside the box
    EXPECT_GE(x, std::max(0.0, person.box[0] - 0.5 - 0.01));
    EXPECT_GE(y, std::max(0.0, person.box[1] - 0.5 - 0.01));
    EXPECT_LE(x, std::min(size - 1, right + 0.01));
    EXPECT_LE(y, std::min(size - 1, bottom + 0.01));
  }
}

TEST(SyntheticPeople, AnnotationsFitThePicture) {
  for (const SyntheticPeopleOptions& options : {SyntheticPeopleOptions(), HardSyntheticPeople()}) {
    for (const Sample& sample : DrawMany(options, 11, 200)) {
      EXPECT_EQ(sample.image.height, options.image_size);
      EXPECT_EQ(sample.image.width, options.image_size);
      EXPECT_EQ(sample.image.pixels.size(), 3 * options.image_size * options.image_size);
      EXPECT_EQ(sample.original_size, (ImageSize{options.image_size, options.image_size}));
      EXPECT_GE(sample.persons.size(), 1);
      EXPECT_LE(sample.persons.size(), options.max_persons);
      for (const Person& person : sample.persons) CheckPerson(person, options.image_size);
    }
  }
}

// A lone person without noise, clutter or occluder: an eye that counts as visible is dark in the picture, where it
// says.
TEST(SyntheticPeople, JointsAreWhereTheyAreDrawn) {
  SyntheticPeopleOptions options;
  options.image_size = 256;
  options.max_persons = 1;
  options.max_clutter = 0;
  options.occluder_probability = 0;
  options.noise = 0;
  int eyes = 0;
  for (const Sample& sample : DrawMany(options, 2, 60)) {
    const Person& person = sample.persons[0];
    for (int joint : {1, 2}) {
      if (person.keypoints[3 * joint + 2] != 2) continue;
      const auto x = std::lround(person.keypoints[3 * joint]), y = std::lround(person.keypoints[3 * joint + 1]);
      const uint8_t* pixel = &sample.image.pixels[3 * (y * options.image_size + x)];
      // 25 times the largest exposure, 1.2
      EXPECT_LE(*std::max_element(pixel, pixel + 3), 30) << "image " << sample.image_id << " joint " << joint;
      ++eyes;
    }
  }
  EXPECT_GT(eyes, 80);
}

TEST(SyntheticPeople, SidesAreThePersonsOwn) {
  SyntheticPeopleOptions options;
  options.back_probability = 0;
  for (const Sample& sample : DrawMany(options, 4, 50)) {
    for (const Person& person : sample.persons) {
      const bool both = person.keypoints[3 * 5 + 2] > 0 && person.keypoints[3 * 6 + 2] > 0;
      if (!both) continue;
      EXPECT_GT(person.keypoints[3 * 5], person.keypoints[3 * 6]) << "left shoulder is on the image's right";
    }
  }
  options.back_probability = 1;
  for (const Sample& sample : DrawMany(options, 4, 50)) {
    for (const Person& person : sample.persons) {
      for (int joint : {0, 1, 2}) EXPECT_EQ(person.keypoints[3 * joint + 2], 0) << "no face from behind";
      const bool both = person.keypoints[3 * 5 + 2] > 0 && person.keypoints[3 * 6 + 2] > 0;
      if (!both) continue;
      EXPECT_LT(person.keypoints[3 * 5], person.keypoints[3 * 6]) << "seen from behind it is on the left";
    }
  }
}

TEST(SyntheticPeople, DifficultyChangesWhatItSays) {
  SyntheticPeopleOptions plain, hidden;
  hidden.occluder_probability = 1;
  hidden.max_persons = 5;
  int covered_plain = 0, covered_hidden = 0;
  plain.occluder_probability = 0;
  plain.max_persons = 1;
  for (const Sample& sample : DrawMany(plain, 6, 100)) covered_plain += CountVisibility(sample.persons[0], 1);
  for (const Sample& sample : DrawMany(hidden, 6, 100)) covered_hidden += CountVisibility(sample.persons[0], 1);
  EXPECT_GT(covered_hidden, covered_plain);

  SyntheticPeopleOptions small;
  small.min_height = small.max_height = 0.3;
  small.max_persons = 5;
  size_t persons = 0;
  for (const Sample& sample : DrawMany(small, 6, 50)) {
    persons += sample.persons.size();
    for (const Person& person : sample.persons) EXPECT_LT(person.box[3], 0.5 * 64);
  }
  EXPECT_GT(persons, 100);
}

TEST(SyntheticPeople, RefusesImpossibleOptions) {
  SyntheticPeopleOptions options;
  options.max_persons = 0;
  EXPECT_THROW(DrawSyntheticPeople(options, 1, 0), base::CheckError);
  options = {};
  options.min_height = 2;
  EXPECT_THROW(DrawSyntheticPeople(options, 1, 0), base::CheckError);
  // giants of whom no nine joints fit
  options.min_height = options.max_height = 100;
  EXPECT_THROW(DrawSyntheticPeople(options, 1, 0), base::CheckError);
}

}  // namespace
}  // namespace grouppose
