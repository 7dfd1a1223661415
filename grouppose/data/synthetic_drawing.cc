#include "grouppose/data/synthetic_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace grouppose::synthetic {
namespace {

using cv::Point2d;

// Fractional bits of coordinates that OpenCV's drawing functions take.
constexpr int kShift = 4;

constexpr int kOutlineThickness = 2;

// Five skins between dark and light.
const std::array<Colour, 5> kSkins = {Colour(95, 60, 40), Colour(140, 90, 60), Colour(200, 140, 100),
                                      Colour(230, 180, 140), Colour(240, 200, 170)};
const Colour kEyes(25, 25, 25), kNoseColour(190, 60, 60);

cv::Point Fixed(const Point2d& point) {
  return {static_cast<int>(std::lround(point.x * (1 << kShift))),
          static_cast<int>(std::lround(point.y * (1 << kShift)))};
}

int FixedLength(double length) { return static_cast<int>(std::lround(length * (1 << kShift))); }

cv::Point Whole(const Point2d& point) {
  return {static_cast<int>(std::lround(point.x)), static_cast<int>(std::lround(point.y))};
}

int Thickness(double thickness) { return std::max(1, static_cast<int>(std::lround(thickness))); }

cv::Scalar Paint(const Colour& colour) {
  const auto level = [](double value) { return std::clamp(std::floor(value), 0.0, 255.0); };
  return {level(colour[0]), level(colour[1]), level(colour[2])};
}

// Away from black and white, so that shadows and noise still change it.
Colour DrawColour(base::RandomStream* random) {
  Colour colour;
  for (int i = 0; i < 3; ++i) colour[i] = 20.0 + random->NextBelow(216);
  return colour;
}

// No two parts of one person have exactly the same colour.
Colour Tint(const Colour& colour, double deviation, base::RandomStream* random) {
  Colour tinted;
  for (int i = 0; i < 3; ++i) tinted[i] = colour[i] + deviation * random->NextNormal();
  return tinted;
}
constexpr double kClothTint = 14, kSkinTint = 6;

Point2d DrawPoint(double size, base::RandomStream* random) {
  const double x = random->NextUniform(0, size);
  const double y = random->NextUniform(0, size);
  return {x, y};
}

Point2d DrawOffset(double deviation, base::RandomStream* random) {
  const double x = deviation * random->NextNormal();
  const double y = deviation * random->NextNormal();
  return {x, y};
}

bool Chance(base::RandomStream* random, double probability) { return random->NextUniform() < probability; }

void DrawGradient(base::RandomStream* random, Canvas* canvas) {
  const Colour first = DrawColour(random), last = DrawColour(random);
  const bool horizontal = Chance(random, 0.5);
  const int size = canvas->size();
  for (int y = 0; y < size; ++y) {
    auto* row = canvas->picture().ptr<cv::Vec3b>(y);
    for (int x = 0; x < size; ++x) {
      const double weight = static_cast<double>(horizontal ? x : y) / (size - 1);
      const Colour colour = first * (1 - weight) + last * weight;
      for (int c = 0; c < 3; ++c) row[x][c] = static_cast<uint8_t>(colour[c]);
    }
  }
}

void DrawFakeLimb(const Point2d& from, const Point2d& to, const Colour& colour, base::RandomStream* random,
                  Canvas* canvas) {
  const double size = canvas->size();
  const Point2d middle = (from + to) / 2 + DrawOffset(0.1 * size, random);
  const double thickness = random->NextUniform(2, 0.05 * size);
  canvas->Line(from, middle, thickness, colour);
  canvas->Line(middle, to, thickness, colour);
  canvas->Disc(to, thickness, DrawColour(random));
}

void DrawClutter(base::RandomStream* random, Canvas* canvas) {
  enum Kind { kLine, kDisc, kBox, kEllipse, kFakeLimb, kKinds };
  const double size = canvas->size();
  const uint64_t kind = random->NextBelow(kKinds);
  const Colour colour = DrawColour(random);
  const Point2d from = DrawPoint(size, random);
  const Point2d to = from + DrawOffset(0.25 * size, random);
  switch (kind) {
    case kLine:
      canvas->Line(from, to, random->NextUniform(1, 0.05 * size), colour);
      break;
    case kDisc:
      canvas->Disc(from, random->NextUniform(2, 0.1 * size), colour);
      break;
    case kBox:
      canvas->Box(from, to, Chance(random, 0.6), colour);
      break;
    case kEllipse: {
      const uint64_t longest = canvas->size() / 6 - 2;
      const int half_width = 2 + static_cast<int>(random->NextBelow(longest));
      const int half_height = 2 + static_cast<int>(random->NextBelow(longest));
      const double degrees = random->NextUniform(0, 180);
      canvas->Ellipse(from, half_width, half_height, degrees, Chance(random, 0.5), colour);
      break;
    }
    default:
      DrawFakeLimb(from, to, colour, random, canvas);
  }
}

// What one person wears.
struct Look {
  Colour skin, shirt, trousers, hair;
  bool bare_forearms, bare_shanks;
  double limb;  // thickness of an arm or leg, pixels
};

Look DrawLook(double height, base::RandomStream* random) {
  Look look;
  look.skin = kSkins[random->NextBelow(kSkins.size())];
  look.shirt = DrawColour(random);
  look.trousers = DrawColour(random);
  look.hair = DrawColour(random) * 0.5;
  look.limb = height * random->NextUniform(0.055, 0.085);
  look.bare_forearms = Chance(random, 0.5);
  look.bare_shanks = Chance(random, 0.3);
  return look;
}

void DrawLeg(const Figure& figure, Joint hip, Joint knee, Joint ankle, const Look& look, base::RandomStream* random,
             Canvas* canvas) {
  const auto& joints = figure.joints;
  const Colour thigh = Tint(look.trousers, kClothTint, random);
  canvas->Line(joints[hip], joints[knee], 1.15 * look.limb, thigh);
  canvas->Line(joints[knee], joints[ankle], look.limb, look.bare_shanks ? Tint(look.skin, kClothTint, random) : thigh);
  canvas->Disc(joints[ankle], 0.65 * look.limb, Tint(look.trousers * 0.4, kClothTint, random));
}

void DrawArm(const Figure& figure, Joint shoulder, Joint elbow, Joint wrist, const Look& look,
             base::RandomStream* random, Canvas* canvas) {
  const auto& joints = figure.joints;
  const Colour sleeve = look.shirt * 0.9;
  canvas->Line(joints[shoulder], joints[elbow], 0.9 * look.limb, Tint(sleeve, kClothTint, random));
  canvas->Line(joints[elbow], joints[wrist], 0.75 * look.limb,
               Tint(look.bare_forearms ? look.skin : sleeve, kClothTint, random));
  canvas->Disc(joints[wrist], 0.5 * look.limb, Tint(look.skin, kSkinTint, random));
}

void DrawHead(const Figure& figure, const Look& look, base::RandomStream* random, Canvas* canvas) {
  const auto& joints = figure.joints;
  const double radius = figure.head_radius();
  const Point2d neck = (joints[kLeftShoulder] + joints[kRightShoulder]) / 2;
  canvas->Line(neck, figure.head, 0.8 * look.limb, Tint(look.skin, kSkinTint, random));
  canvas->Disc(figure.head, 1.05 * radius, Tint(look.hair, kSkinTint, random));
  if (!figure.facing_front) return;

  // the face leaves hair above it, and turns with the nose
  const Point2d face = figure.head - figure.head_up * (0.18 * radius) + (joints[kNose] - figure.head) * 0.35;
  canvas->Disc(face, 0.92 * radius, Tint(look.skin, kSkinTint, random));
  // at least 0.9 pixel, or averaging down wipes them out
  canvas->Disc(joints[kLeftEye], std::max(0.013 * figure.height, 0.9), kEyes);
  canvas->Disc(joints[kRightEye], std::max(0.013 * figure.height, 0.9), kEyes);
  canvas->Disc(joints[kNose], std::max(0.014 * figure.height, 0.9), Tint(kNoseColour, kSkinTint, random));
}

}  // namespace

Canvas::Canvas(int size)
    : picture_(size, size, CV_8UC3, cv::Scalar::all(0)), owners_(size, size, CV_8UC1, cv::Scalar(0)) {}

void Canvas::Line(const Point2d& from, const Point2d& to, double thickness, const Colour& colour) {
  cv::line(picture_, Fixed(from), Fixed(to), Paint(colour), Thickness(thickness), cv::LINE_AA, kShift);
  cv::line(owners_, Fixed(from), Fixed(to), owner_, Thickness(thickness), cv::LINE_8, kShift);
}

void Canvas::Disc(const Point2d& centre, double radius, const Colour& colour) {
  cv::circle(picture_, Fixed(centre), FixedLength(radius), Paint(colour), cv::FILLED, cv::LINE_AA, kShift);
  cv::circle(owners_, Fixed(centre), FixedLength(radius), owner_, cv::FILLED, cv::LINE_8, kShift);
}

void Canvas::Box(const Point2d& corner, const Point2d& opposite, bool filled, const Colour& colour) {
  const int thickness = filled ? cv::FILLED : kOutlineThickness;
  cv::rectangle(picture_, Whole(corner), Whole(opposite), Paint(colour), thickness);
  cv::rectangle(owners_, Whole(corner), Whole(opposite), owner_, thickness);
}

void Canvas::Ellipse(const Point2d& centre, int half_width, int half_height, double degrees, bool filled,
                     const Colour& colour) {
  const int thickness = filled ? cv::FILLED : kOutlineThickness;
  const cv::Size axes(half_width, half_height);
  // OpenCV turns ellipses by whole degrees
  const double angle = std::floor(degrees);
  cv::ellipse(picture_, Whole(centre), axes, angle, 0, 360, Paint(colour), thickness);
  cv::ellipse(owners_, Whole(centre), axes, angle, 0, 360, owner_, thickness);
}

void Canvas::Hull(const std::vector<Point2d>& points, double thickness, const Colour& colour) {
  std::vector<cv::Point> fixed, hull;
  for (const Point2d& point : points) fixed.push_back(Fixed(point));
  cv::convexHull(fixed, hull);
  cv::fillConvexPoly(picture_, hull, Paint(colour), cv::LINE_AA, kShift);
  cv::polylines(picture_, hull, true, Paint(colour), Thickness(thickness), cv::LINE_AA, kShift);
  cv::fillConvexPoly(owners_, hull, owner_, cv::LINE_8, kShift);
  cv::polylines(owners_, hull, true, owner_, Thickness(thickness), cv::LINE_8, kShift);
}

void DrawBackground(int max_clutter, base::RandomStream* random, Canvas* canvas) {
  DrawGradient(random, canvas);
  const uint64_t objects = random->NextBelow(max_clutter + 1);
  for (uint64_t i = 0; i < objects; ++i) DrawClutter(random, canvas);
}

void DrawOccluder(base::RandomStream* random, Canvas* canvas) {
  const double size = canvas->size();
  const Colour colour = DrawColour(random);
  const Point2d corner = DrawPoint(size, random);
  const double width = random->NextUniform(-0.3, 0.3) * size;
  const double height = random->NextUniform(-0.3, 0.3) * size;
  canvas->Box(corner, corner + Point2d(width, height), /*filled=*/true, colour);
}

void DrawFigure(const Figure& figure, base::RandomStream* random, Canvas* canvas) {
  struct Limb {
    Joint first, second, third;
    bool behind_torso;
  };
  const Look look = DrawLook(figure.height, random);

  // either leg may be the nearer one
  std::array<Limb, 2> legs = {Limb{kLeftHip, kLeftKnee, kLeftAnkle}, Limb{kRightHip, kRightKnee, kRightAnkle}};
  if (Chance(random, 0.5)) std::swap(legs[0], legs[1]);
  for (const Limb& leg : legs) DrawLeg(figure, leg.first, leg.second, leg.third, look, random, canvas);

  std::array<Limb, 2> arms = {Limb{kLeftShoulder, kLeftElbow, kLeftWrist},
                              Limb{kRightShoulder, kRightElbow, kRightWrist}};
  for (Limb& arm : arms) {
    arm.behind_torso = Chance(random, 0.25);
    if (arm.behind_torso) DrawArm(figure, arm.first, arm.second, arm.third, look, random, canvas);
  }

  const auto& joints = figure.joints;
  canvas->Hull({joints[kLeftShoulder], joints[kRightShoulder], joints[kRightHip], joints[kLeftHip]}, 0.7 * look.limb,
               Tint(look.shirt, kClothTint, random));
  DrawHead(figure, look, random, canvas);
  for (const Limb& arm : arms) {
    if (!arm.behind_torso) DrawArm(figure, arm.first, arm.second, arm.third, look, random, canvas);
  }
}

}  // namespace grouppose::synthetic
