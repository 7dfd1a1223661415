// The problems of ms_deform_attn_random_problems.h, and what GoogleTest says of results.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_PROBLEMS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_PROBLEMS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/ms_deform_attn/ms_deform_attn_random_problems.h"

namespace ops::testing {

// Equal to `tolerance` times the largest expected element.
template <typename T>
void ExpectNear(const char* name, const Guarded<T>& found, const Guarded<double>& wanted, double tolerance) {
  ASSERT_TRUE(found.GuardsHold()) << name;
  double largest = 0;
  for (size_t i = 0; i < wanted.count(); ++i) largest = std::max(largest, std::abs(wanted.data()[i]));
  for (size_t i = 0; i < wanted.count(); ++i) {
    ASSERT_NEAR(static_cast<double>(found.data()[i]), wanted.data()[i], tolerance * largest) << name << " at " << i;
  }
}

template <typename T, typename Real>
void ExpectNear(const Results<T, Real>& found, const Results<double>& wanted, double output_tolerance,
                double gradient_tolerance) {
  ExpectNear("output", found.output, wanted.output, output_tolerance);
  ExpectNear("grad_value", found.grad_value, wanted.grad_value, gradient_tolerance);
  ExpectNear("grad_locations", found.grad_locations, wanted.grad_locations, gradient_tolerance);
  ExpectNear("grad_weights", found.grad_weights, wanted.grad_weights, gradient_tolerance);
}

}  // namespace ops::testing

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_PROBLEMS_H_
