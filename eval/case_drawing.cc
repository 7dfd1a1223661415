#include "eval/case_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/html.h"

namespace eval {
namespace {

using base::HtmlWriter;

// The drawing's own units: each panel is a square of this side, with a gap between the two.
constexpr double kPanel = 400, kGap = 12;
// The part of the photo that is shown: this much wider than the poses, and no smaller than so many pixels.
constexpr double kMargin = 1.35, kSmallestView = 48;

// The colours of Okabe and Ito (2008) for the sides of the body, and those of the report for the kinds; a dark casing
// under everything keeps them apart from the photo.
constexpr char kStyle[] = R"css(
path, circle { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.casing { stroke: #000; stroke-opacity: .55; stroke-width: 6; }
.limb { stroke-width: 3; } .joint { stroke: #000; stroke-opacity: .6; stroke-width: 1; }
.left { stroke: #56b4e9; } .right { stroke: #f0a000; } .middle { stroke: #fff; }
.joint.left { fill: #56b4e9; } .joint.right { fill: #f0a000; } .joint.middle { fill: #fff; }
.pale { opacity: .45; }
.ring { stroke-width: 3.5; } .way { stroke-width: 2; stroke-dasharray: 5 4; }
.jitter { stroke: #ffd84a; } .inversion { stroke: #ff5468; } .swap { stroke: #45d6ff; } .miss { stroke: #c79bff; }
text { font: 600 15px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; fill: #fff; paint-order: stroke;
  stroke: #000; stroke-opacity: .7; stroke-width: 3px; }
)css";

struct View {
  double x = 0, y = 0, side = 1;  // pixels of the photo
  double Scale() const { return kPanel / side; }
};

struct Point {
  double x, y;
};

std::string Text(double value) { return absl::StrFormat("%.1f", value); }

// Grows a box by what is finite of a pose.
class Extents {
 public:
  void Add(double x, double y) {
    if (!std::isfinite(x) || !std::isfinite(y)) return;
    low_[0] = std::min(low_[0], x);
    low_[1] = std::min(low_[1], y);
    high_[0] = std::max(high_[0], x);
    high_[1] = std::max(high_[1], y);
  }
  void AddBox(const Box& box) {
    Add(box[0], box[1]);
    Add(box[0] + box[2], box[1] + box[3]);
  }
  // A square around it; the whole photo where nothing was added. A pose far outside of the photo does not make the view
  // larger than the photo.
  View Square(const ImageHeader& photo) const {
    const double largest = std::max(photo.width, photo.height);
    if (!(low_[0] <= high_[0])) return {0, 0, largest};
    const double centre_x = std::clamp((low_[0] + high_[0]) / 2, 0.0, static_cast<double>(photo.width));
    const double centre_y = std::clamp((low_[1] + high_[1]) / 2, 0.0, static_cast<double>(photo.height));
    const double extent = std::max(high_[0] - low_[0], high_[1] - low_[1]);
    const double side = std::clamp(kMargin * extent, kSmallestView, std::max(kSmallestView, largest));
    return {centre_x - side / 2, centre_y - side / 2, side};
  }

 private:
  std::array<double, 2> low_ = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  std::array<double, 2> high_ = {-std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
};

class CaseWriter {
 public:
  CaseWriter(const CaseDrawing& drawing, std::string* text) : drawing_(drawing), html_(text) {
    const KeypointDataset& description = *drawing.description;
    sides_.assign(description.num_keypoints(), "middle");
    for (const auto& [left, right] : description.flip_pairs) {
      sides_[left] = "left";
      sides_[right] = "right";
    }
    Extents extents;
    if (drawing.annotated != nullptr) {
      extents.AddBox(drawing.annotated->bbox);
      AddPose(drawing.annotated->keypoints, /*labelled_only=*/true, &extents);
    }
    if (drawing.detected != nullptr) AddPose(drawing.detected->keypoints, /*labelled_only=*/false, &extents);
    view_ = extents.Square(drawing.photo->header);
  }

  void Write(const std::string& description) {
    const double width = 2 * kPanel + kGap;
    html_.Begin("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                        {"viewBox", absl::StrCat("0 0 ", width, " ", kPanel)},
                        {"width", absl::StrCat(width)},
                        {"height", absl::StrCat(kPanel)},
                        {"role", "img"}});
    html_.Element("title", {}, description).Element("style", {}, kStyle).NewLine();
    html_.Begin("defs");
    const ImageHeader& header = drawing_.photo->header;
    html_.Empty("image", {{"id", "photo"},
                          {"width", absl::StrCat(header.width)},
                          {"height", absl::StrCat(header.height)},
                          {"style", "image-orientation:none"},
                          {"href", base::DataUri(header.media_type, drawing_.photo->bytes)}});
    html_.End().NewLine();
    BeginPanel(0, drawing_.annotated != nullptr ? "annotated" : "annotated: nobody");
    for (const Annotation* other : drawing_.others) WritePose(other->keypoints, /*labelled_only=*/true, "pale");
    if (drawing_.annotated != nullptr) WritePose(drawing_.annotated->keypoints, /*labelled_only=*/true, "");
    EndPanel();
    BeginPanel(kPanel + kGap, drawing_.detected != nullptr ? "detected" : "detected: nobody");
    if (drawing_.detected != nullptr) WritePose(drawing_.detected->keypoints, /*labelled_only=*/false, "");
    if (drawing_.diagnosed != nullptr) WriteErrors();
    EndPanel();
    html_.End().NewLine();
    html_.Finish();
  }

 private:
  static void AddPose(const std::vector<double>& keypoints, bool labelled_only, Extents* extents) {
    for (size_t i = 0; i + 2 < keypoints.size(); i += 3) {
      if (!labelled_only || keypoints[i + 2] > 0) extents->Add(keypoints[i], keypoints[i + 1]);
    }
  }

  // From pixels of the photo to units of the panel.
  Point At(const std::vector<double>& keypoints, int k) const {
    return {(keypoints[3 * k] - view_.x) * view_.Scale(), (keypoints[3 * k + 1] - view_.y) * view_.Scale()};
  }

  void BeginPanel(double x, const std::string& label) {
    label_ = label;
    html_.Begin("svg", {{"x", Text(x)}, {"width", absl::StrCat(kPanel)}, {"height", absl::StrCat(kPanel)}});
    html_.Empty("rect", {{"width", "100%"}, {"height", "100%"}, {"fill", "#4b5058"}});
    html_.Empty(
        "use", {{"href", "#photo"},
                {"transform", absl::StrFormat("scale(%.5f) translate(%.2f %.2f)", view_.Scale(), -view_.x, -view_.y)}});
    html_.NewLine();
  }

  void EndPanel() {
    html_.Element("text", {{"x", "10"}, {"y", "24"}}, label_);
    html_.End().NewLine();
  }

  void Line(const std::string& style, const Point& from, const Point& to) {
    html_.Empty("path", {{"class", style}, {"d", absl::StrFormat("M%.1f %.1fL%.1f %.1f", from.x, from.y, to.x, to.y)}});
  }

  void Circle(const std::string& style, const Point& centre, double radius) {
    html_.Empty("circle", {{"class", style}, {"cx", Text(centre.x)}, {"cy", Text(centre.y)}, {"r", Text(radius)}});
  }

  void WritePose(const std::vector<double>& keypoints, bool labelled_only, const std::string& style) {
    const auto shown = [&](int k) {
      return (!labelled_only || keypoints[3 * k + 2] > 0) && std::isfinite(keypoints[3 * k]) &&
             std::isfinite(keypoints[3 * k + 1]);
    };
    html_.Begin("g", {{"class", style}}).NewLine();
    for (const bool casing : {true, false}) {
      for (const auto& [a, b] : drawing_.description->skeleton) {
        if (shown(a) && shown(b)) Line(casing ? "casing" : "limb " + SideOf(a, b), At(keypoints, a), At(keypoints, b));
      }
    }
    for (int k = 0; k < drawing_.description->num_keypoints(); ++k) {
      if (shown(k)) Circle("joint " + sides_[k], At(keypoints, k), 4);
    }
    html_.End().NewLine();
  }

  // The limb between a left keypoint and one of the middle is a left one; between left and right it is of the middle.
  std::string SideOf(int a, int b) const {
    if (sides_[a] == sides_[b]) return sides_[a];
    if (sides_[a] == "middle") return sides_[b];
    return sides_[b] == "middle" ? sides_[a] : "middle";
  }

  void WriteErrors() {
    const std::vector<double>& detected = drawing_.detected->keypoints;
    const std::vector<double>& annotated = drawing_.annotated->keypoints;
    for (int k = 0; k < drawing_.description->num_keypoints(); ++k) {
      const KeypointKind kind = drawing_.diagnosed->keypoints[k].kind;
      if (kind == KeypointKind::kGood || kind == KeypointKind::kUnlabelled) continue;
      const Point from = At(detected, k), to = At(annotated, k);
      if (!std::isfinite(from.x) || !std::isfinite(from.y)) continue;
      const std::string name = KeypointKindName(kind);
      Line("casing way", from, to);
      Line("way " + name, from, to);
      Circle("casing", from, 8);
      Circle("ring " + name, from, 8);
    }
    html_.NewLine();
  }

  const CaseDrawing& drawing_;
  HtmlWriter html_;
  std::vector<std::string> sides_;  // "left", "right", "middle": one a keypoint
  View view_;
  std::string label_;
};

}  // namespace

std::string DrawCase(const CaseDrawing& drawing, const std::string& description) {
  std::string text;
  CaseWriter(drawing, &text).Write(description);
  return text;
}

}  // namespace eval
