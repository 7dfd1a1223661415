// lsa*: linear assignment against scipy.
#include "grouppose/loss/assignment.h"

#include "absl/strings/str_cat.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/pieces.h"

namespace grouppose::parity {

void CheckAssignment(const Fixture& fixture, Report* report) {
  // a sum of as many costs as the shorter side has, in float64
  const Tolerance tolerance = {1e-9, 1e-12, 0};
  for (const std::string& name : fixture.Keys("cases")) {
    const at::Tensor cost = fixture.Get(name + ".cost").to(at::kDouble).contiguous();
    if (cost.dim() != 2) throw FixtureError(absl::StrCat(fixture.name(), ": ", name, ".cost is no matrix"));
    const double* data = cost.const_data_ptr<double>();
    const auto pairs = loss::SolveAssignment({data, static_cast<size_t>(cost.numel())}, cost.size(0), cost.size(1));
    if (!pairs.ok()) {
      report->Fail(name, std::string(pairs.status().message()));
      continue;
    }
    double total = 0;
    for (size_t i = 0; i < pairs->rows.size(); ++i) total += data[pairs->rows[i] * cost.size(1) + pairs->columns[i]];
    report->Compare(name + ".total", total, fixture.Get(name + ".total").item<double>(), tolerance);
    const std::vector<int64_t> rows = Integers(fixture.Get(name + ".row")),
                               columns = Integers(fixture.Get(name + ".col"));
    // also where costs tie and several assignments are best
    report->Equal(name + ".row", pairs->rows, rows);
    report->Equal(name + ".col", pairs->columns, columns);
  }
}

}  // namespace grouppose::parity
