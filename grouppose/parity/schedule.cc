// lr_schedule*: {description: [[rate of the model, rate of the backbone] of every epoch]}.
#include "grouppose/train/schedule.h"

#include <limits>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grouppose/parity/checks.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// "resumed from the checkpoint of epoch 3 with lr_drop=2, lr at epochs 4..7"
struct Description {
  int64_t drop_epoch = 0, first_epoch = 0, last_epoch = 0;
};

Description ParseDescription(const std::string& text) {
  static const std::regex& pattern =
      *new std::regex(R"(.*lr_drop\s*=\s*([0-9]{1,9}).*epochs? ([0-9]{1,9})\.\.([0-9]{1,9}).*)");
  std::smatch match;
  if (!std::regex_match(text, match, pattern)) {
    throw FixtureError(absl::StrCat("'", text, "' has no lr_drop=N and no epochs A..B"));
  }
  const Description description = {std::stoll(match[1]), std::stoll(match[2]), std::stoll(match[3])};
  if (description.drop_epoch == 0) throw FixtureError(absl::StrCat("'", text, "': lr_drop is 0"));
  return description;
}

// The rates at epoch 0 of a run from its start; the published ones where there is none.
std::vector<double> StartingRates(const JsonFile& table) {
  for (const std::string& text : table.Keys("")) {
    dom::array rows;
    dom::object cases;
    if (absl::StartsWith(text, "resumed") || table.root().get(cases) || cases[text].get(rows)) continue;
    if (ParseDescription(text).first_epoch != 0) continue;
    return {double(rows.at(0).at(0)), double(rows.at(0).at(1))};
  }
  return {1e-4, 1e-5};
}

}  // namespace

void CheckSchedule(const JsonFile& table, Report* report) {
  const std::vector<double> start = StartingRates(table);
  dom::object cases;
  if (table.root().get(cases)) throw FixtureError(table.path() + ": no object");
  for (const auto field : cases) {
    const std::string text{field.key};
    const Description description = ParseDescription(text);
    train::ScheduleOptions options;
    options.drop_epoch = description.drop_epoch;
    const dom::array rows = field.value;
    report->Expect(text, static_cast<int64_t>(rows.size()) == description.last_epoch - description.first_epoch + 1,
                   absl::StrCat(rows.size(), " rows for its epochs"));
    int64_t epoch = description.first_epoch;
    for (dom::element row : rows) {
      // a resumed run too follows from its epoch alone
      const double factor = train::LearningRateFactor(options, /*step=*/0, epoch);
      // the official rate is rounded once at every drop
      const Tolerance tolerance =
          Tolerance::Relative((2 + epoch / description.drop_epoch) * std::numeric_limits<double>::epsilon());
      const std::string what = absl::StrCat("lr_drop=", description.drop_epoch, " epoch ", epoch);
      report->Compare(what, start[0] * factor, double(row.at(0)), tolerance);
      report->Compare(what + " backbone", start[1] * factor, double(row.at(1)), tolerance);
      ++epoch;
    }
  }
}

}  // namespace grouppose::parity
