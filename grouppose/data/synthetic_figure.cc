#include "grouppose/data/synthetic_figure.h"

#include <cmath>

namespace grouppose::synthetic {
namespace {

using cv::Point2d;

struct Range {
  double low, high;
};

// Lengths in body heights, around the segment lengths of Drillis and Contini (1966): upper arm .186, forearm .146,
// thigh .245, shank .246, shoulders .259 and hips .191 across, of which joint centres take the inner part.
constexpr Range kHalfShoulders = {0.10, 0.125}, kHalfHips = {0.065, 0.085};
constexpr Range kTorso = {0.29, 0.33}, kNeckToHead = {0.115, 0.135};
constexpr Range kUpperArm = {0.16, 0.185}, kForearm = {0.14, 0.165};
constexpr Range kThigh = {0.23, 0.26}, kShank = {0.21, 0.24};
// Limbs that point at the viewer look shorter.
constexpr Range kArmForeshortening = {0.8, 1}, kLegForeshortening = {0.85, 1};

// Angles in radians.
constexpr double kLeanDeviation = 0.18, kNodDeviation = 0.2, kTilt = 1.2;

double Draw(base::RandomStream* random, Range range) { return random->NextUniform(range.low, range.high); }

bool Chance(base::RandomStream* random, double probability) { return random->NextUniform() < probability; }

// The triangular distribution by inversion.
double DrawTriangular(base::RandomStream* random, double low, double mode, double high) {
  const double u = random->NextUniform();
  const double rising = (mode - low) / (high - low);
  if (u < rising) return low + std::sqrt(u * (high - low) * (mode - low));
  return high - std::sqrt((1 - u) * (high - low) * (high - mode));
}

Point2d Rotate(const Point2d& v, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * v.x - s * v.y, s * v.x + c * v.y};
}

// The torso's frame: which way is up, which way is the image's right, and how the body is turned about its own axis.
struct Torso {
  Point2d up, right;
  double facing;  // cosine of the turn; negative from behind, where left joints change sides
  double turn;    // sine of the turn
  double outward() const { return facing >= 0 ? 1 : -1; }
};

Torso DrawTorso(const SyntheticPeopleOptions& options, bool facing_front, base::RandomStream* random) {
  const double yaw = random->NextUniform(-1, 1) * options.yaw;
  const bool tilted = Chance(random, options.tilt_probability);
  const double lean = tilted ? random->NextUniform(-kTilt, kTilt) : random->NextNormal() * kLeanDeviation;
  return {Rotate({0, -1}, lean), Rotate({1, 0}, lean), std::cos(yaw) * (facing_front ? 1 : -1), std::sin(yaw)};
}

void SetHead(const Torso& torso, const Point2d& neck, base::RandomStream* random, Figure* figure) {
  const Point2d up = Rotate(torso.up, random->NextNormal() * kNodDeviation);
  const Point2d right(-up.y, up.x);
  const Point2d head = neck + up * Draw(random, kNeckToHead);
  auto& joints = figure->joints;
  // the nose moves to the side that the face looks to, a little below the middle of the head
  joints[kNose] = head + right * (0.05 * torso.turn) - up * 0.012;
  joints[kLeftEye] = joints[kNose] + right * (0.030 * torso.facing) + up * 0.022;
  joints[kRightEye] = joints[kNose] - right * (0.030 * torso.facing) + up * 0.022;
  // the ears sit on the skull's rim and move the other way
  const Point2d ears = head - right * (0.02 * torso.turn);
  const double half_width = 0.95 * Figure::kHeadRadius * torso.facing;
  joints[kLeftEar] = ears + right * half_width;
  joints[kRightEar] = ears - right * half_width;
  figure->head = head;
  figure->head_up = up;
}

struct LimbLengths {
  double upper, lower;
};

// `side` is +1 where the arm is on the image's right. Abduction 0 hangs down the torso, pi is straight up.
void SetArm(const Torso& torso, Joint shoulder, Joint elbow, Joint wrist, double side, LimbLengths lengths,
            base::RandomStream* random, Figure* figure) {
  const double abduction = DrawTriangular(random, -0.3, 0.3, 2.7);
  const bool bent = Chance(random, 0.6);
  const double bend = bent ? random->NextUniform(-0.3, 2.2) : random->NextUniform(-0.2, 0.4);
  const Point2d upper = Rotate(-torso.up, -abduction * side);
  const double upper_length = lengths.upper * Draw(random, kArmForeshortening);
  const double forearm_length = lengths.lower * Draw(random, kArmForeshortening);
  auto& joints = figure->joints;
  joints[elbow] = joints[shoulder] + upper * upper_length;
  joints[wrist] = joints[elbow] + Rotate(upper, -bend * side) * forearm_length;
}

void SetLeg(const Torso& torso, Joint hip, Joint knee, Joint ankle, double side, LimbLengths lengths,
            base::RandomStream* random, Figure* figure) {
  const bool ordinary = Chance(random, 0.8);
  const double spread = ordinary ? DrawTriangular(random, -0.25, 0.1, 0.9) : random->NextUniform(-0.3, 1.4);
  const bool bent = Chance(random, 0.5);
  const double bend = bent ? random->NextUniform(-0.2, 1.2) : random->NextUniform(-0.1, 0.3);
  // most legs stand under the body however it leans; some follow it
  const bool standing = Chance(random, 0.7);
  const Point2d thigh = Rotate(standing ? Point2d(0, 1) : -torso.up, -spread * side);
  const double thigh_length = lengths.upper * Draw(random, kLegForeshortening);
  const double shank_length = lengths.lower * Draw(random, kLegForeshortening);
  auto& joints = figure->joints;
  joints[knee] = joints[hip] + thigh * thigh_length;
  joints[ankle] = joints[knee] + Rotate(thigh, bend * side) * shank_length;
}

}  // namespace

Figure DrawPose(const SyntheticPeopleOptions& options, base::RandomStream* random) {
  Figure figure;
  figure.facing_front = !Chance(random, options.back_probability);
  const Torso torso = DrawTorso(options, figure.facing_front, random);

  // from the front, the left side of the body is on the image's right
  const Point2d shoulders = torso.right * (Draw(random, kHalfShoulders) * torso.facing);
  const Point2d hips = torso.right * (Draw(random, kHalfHips) * torso.facing);
  const Point2d neck = torso.up * Draw(random, kTorso);
  figure.joints[kLeftShoulder] = neck + shoulders;
  figure.joints[kRightShoulder] = neck - shoulders;
  figure.joints[kLeftHip] = hips;
  figure.joints[kRightHip] = -hips;
  SetHead(torso, neck, random, &figure);

  const double left = torso.outward();
  // both arms and both legs of a person have the same length
  const LimbLengths arm{Draw(random, kUpperArm), Draw(random, kForearm)};
  const LimbLengths leg{Draw(random, kThigh), Draw(random, kShank)};
  SetArm(torso, kLeftShoulder, kLeftElbow, kLeftWrist, left, arm, random, &figure);
  SetArm(torso, kRightShoulder, kRightElbow, kRightWrist, -left, arm, random, &figure);
  SetLeg(torso, kLeftHip, kLeftKnee, kLeftAnkle, left, leg, random, &figure);
  SetLeg(torso, kRightHip, kRightKnee, kRightAnkle, -left, leg, random, &figure);
  return figure;
}

Figure Place(const Figure& pose, double height, const Point2d& hips) {
  Figure figure = pose;
  for (Point2d& joint : figure.joints) joint = joint * height + hips;
  figure.head = figure.head * height + hips;
  figure.height = pose.height * height;
  return figure;
}

}  // namespace grouppose::synthetic
