// Resizing of 8-bit RGB images, equal to Pillow's `Image.resize(size, BILINEAR)` to the last bit.
#ifndef GROUPPOSE_DATA_RESIZE_H_
#define GROUPPOSE_DATA_RESIZE_H_

#include <cstdint>

#include "grouppose/data/sample.h"

namespace grouppose {

// A triangle filter, as wide as an output pixel where the image shrinks (antialiasing), first along rows and then along
// columns; weights are fixed-point numbers with 22 fractional bits, and each pass rounds to bytes. An axis whose size
// stays is not filtered. Both images have at least one pixel.
Image ResizeBilinear(const Image& image, const ImageSize& size);

// The size that an image is resized to so that its short side becomes `short_side`, and its long side at most about
// `max_size` (0: no limit). Rounds as the official implementation does: the short side that the limit leaves is rounded
// half to even, the other side is cut off; a long side of max_size + 1 can come out.
ImageSize SizeForShortSide(const ImageSize& size, int64_t short_side, int64_t max_size);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_RESIZE_H_
