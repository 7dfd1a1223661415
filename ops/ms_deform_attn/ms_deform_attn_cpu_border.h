// The bordered form of one head: channels side by side, rounded up to whole cache lines, with a border of zero pixels
// around every level. A point that takes part then has its four corners inside, so no corner needs a test. Rows are
// w + 1 pixels wide: the zero pixel on the left of a row is the one on the right of the row above.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_BORDER_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_BORDER_H_

#include <cstdint>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

// Pixel (y, x) of a level, -1 <= y <= height and -1 <= x <= width, is at first + (y + 1) * stride + x + 1.
struct BorderedLevel {
  int64_t height, width, stride, first;
};

class Border {
 public:
  explicit Border(const MsDeformAttnSizes& sizes) {
    for (int64_t level = 0; level < sizes.levels; ++level) {
      const int64_t height = sizes.spatial_shapes[2 * level], width = sizes.spatial_shapes[2 * level + 1];
      levels_.push_back({height, width, width + 1, pixels_});
      pixels_ += (height + 2) * (width + 1);
    }
    // the pixel on the right of the last row
    ++pixels_;
  }
  const std::vector<BorderedLevel>& levels() const { return levels_; }
  int64_t pixels() const { return pixels_; }

  // Calls visit(dense, bordered, width) for every row of every level, with the indices of its first pixel.
  template <typename Visit>
  void ForEachRow(Visit visit) const {
    int64_t dense = 0;
    for (const BorderedLevel& level : levels_) {
      for (int64_t y = 0; y < level.height; ++y) {
        visit(dense, level.first + (y + 1) * level.stride + 1, level.width);
        dense += level.width;
      }
    }
  }

 private:
  std::vector<BorderedLevel> levels_;
  int64_t pixels_ = 0;
};

// One cache line: a bordered pixel is a whole number of them.
inline constexpr int64_t kLineBytes = 64;

// Elements of one bordered pixel.
template <typename Real>
int64_t BorderedChannels(int64_t channels) {
  constexpr int64_t kLine = kLineBytes / static_cast<int64_t>(sizeof(Real));
  return (channels + kLine - 1) / kLine * kLine;
}

// What a thread's buffer is for: each use has one, so that training does not clear it twice a step.
enum class BufferUse { kForward, kBackward };

// This thread's memory for one bordered head. A pixel takes `row` bytes, of which the caller writes the same `used`
// ones of every inner pixel; all others are zero. One object a thread and use lives at a time. The memory stays with
// the thread for the next call, up to 16 MB of it, and is cleared when the border, the row or the used bytes change.
// Large ones lie on huge pages where Linux gives them.
class BorderedBuffer {
 public:
  BorderedBuffer(BufferUse use, const Border& border, int64_t row, int64_t used);
  ~BorderedBuffer();
  BorderedBuffer(const BorderedBuffer&) = delete;
  BorderedBuffer& operator=(const BorderedBuffer&) = delete;
  void* data() const;

 private:
  const BufferUse use_;
};

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_BORDER_H_
