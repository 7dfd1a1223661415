// From a tensor's type to that of the kernels that have its bits.
#ifndef OPS_WITH_TYPE_OF_H_
#define OPS_WITH_TYPE_OF_H_

#include <c10/core/ScalarType.h>

namespace ops {

// Calls body(T()) with float, double, or the kernels' own 16-bit type that has the bits of `type`: one of
// these four.
template <typename Half, typename BFloat16, typename Body>
void WithTypeOf(c10::ScalarType type, Body body) {
  switch (type) {
    case c10::ScalarType::Float:
      return body(float());
    case c10::ScalarType::Double:
      return body(double());
    case c10::ScalarType::Half:
      return body(Half());
    default:
      return body(BFloat16());
  }
}

}  // namespace ops

#endif  // OPS_WITH_TYPE_OF_H_
