// ema_*: [[updates, entries that changed, largest change], ...] of a Swin's table of indices in an average of its
// weights, which in the official program takes integers along and rounds them towards zero.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grouppose/backbone/backbone.h"
#include "grouppose/parity/checks.h"
#include "grouppose/train/weight_average.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// That of the official configuration, where the table does not say.
constexpr double kDecay = 0.9997;

// The integers of a state dict; an average treats each entry alone.
std::vector<nn::NamedTensor> TablesOfIndices(const nn::Module& module) {
  std::vector<nn::NamedTensor> tables;
  for (nn::NamedTensor& named : module.StateDict()) {
    if (named.tensor.scalar_type() == at::kLong) tables.push_back(std::move(named));
  }
  if (tables.empty()) throw FixtureError("our Swin has no table of indices");
  return tables;
}

}  // namespace

void CheckIntegerBuffers(const JsonFile& table, Report* report) {
  const std::unique_ptr<Backbone> backbone = MakeBackbone(SwinOptions{});
  const std::vector<nn::NamedTensor> tables = TablesOfIndices(*backbone);
  const at::Tensor indices = tables.front().tensor, before = indices.clone();
  const double decay = table.Has("decay") ? table.Number("decay") : kDecay;
  train::WeightAverage average(tables, decay, train::Averaged::kStateDict);
  int64_t updates = 0;
  dom::array rows;
  if (table.At("ema_relative_position_index").get(rows)) throw FixtureError(table.path() + ": no array");
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<double> row = table.Numbers(absl::StrCat("ema_relative_position_index/", i));
    if (row.size() != 3 || row[0] < static_cast<double>(updates) || row[0] > 1e5) {
      throw FixtureError(absl::StrCat(table.path(), ": row ", i, " is no ascending [updates, entries, change]"));
    }
    for (; updates < static_cast<int64_t>(row[0]); ++updates) average.Update();
    average.Exchange();
    const at::Tensor change = (indices - before).abs();
    report->Compare(absl::StrCat("entries changed after ", updates, " updates"),
                    static_cast<double>(change.ne(0).sum().item<int64_t>()), row[1], Tolerance::Exact());
    report->Compare(absl::StrCat("largest change after ", updates, " updates"),
                    static_cast<double>(change.max().item<int64_t>()), row[2], Tolerance::Exact());
    average.Exchange();
  }
}

}  // namespace grouppose::parity
