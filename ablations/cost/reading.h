// How a measured cost is read, wherever it is shown.
#ifndef ABLATIONS_COST_READING_H_
#define ABLATIONS_COST_READING_H_

#include "experiments/cost.pb.h"

namespace grouppose::cost {

// With one thread, the CPU's time: it leaves out when other programs had the core. With several, wall time.
inline bool UsesCpuTime(const experiments::Cost& cost) { return cost.conditions().threads() == 1; }

inline const experiments::Cost::Quartiles& SecondsOf(const experiments::Cost& cost,
                                                     const experiments::Cost::Pass& pass) {
  return UsesCpuTime(cost) ? pass.cpu_seconds() : pass.wall_seconds();
}

// Share of the cores that were asked for below which the machine was doing something else too.
inline constexpr double kAlone = 0.95;

inline bool WasDisturbed(const experiments::Cost::Conditions& conditions) {
  return conditions.has_cpu_share() && conditions.cpu_share() < kAlone;
}

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_READING_H_
