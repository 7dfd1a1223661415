// resize_sizes*, recipe_vectors*: arithmetic that tables list.
#include <ATen/TensorOperators.h>

#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "grouppose/data/resize.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/recipe.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// Columns by their names: w, h, size, max_size (null: no limit), out_w, out_h.
struct ResizeColumns {
  explicit ResizeColumns(const JsonFile& table) {
    const std::vector<std::string> names = table.Strings("columns");
    for (size_t i = 0; i < names.size(); ++i) index[names[i]] = i;
    for (const char* name : {"w", "h", "size", "max_size", "out_w", "out_h"}) {
      if (index.count(name) == 0) throw FixtureError(absl::StrCat(table.path(), ": no column ", name));
    }
  }
  int64_t Get(dom::element row, const char* name) const {
    int64_t value = 0;
    const dom::element cell = row.at(index.at(name));
    if (cell.is_null()) return 0;
    if (cell.get(value)) throw FixtureError(absl::StrCat("column ", name, " holds something that is no whole number"));
    return value;
  }
  std::map<std::string, size_t> index;
};

std::string Hexadecimal(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return absl::StrFormat("%08x", bits);
}

// One row: the rules give offset and scale, the hash gives the values.
void CheckVector(dom::element row, Report* report) {
  const std::string name{std::string_view(row["name"])};
  std::vector<int64_t> sizes;
  for (dom::element size : dom::array(row["shape"])) sizes.push_back(int64_t(size));
  const RecipeRule rule = RecipeRuleFor(name, sizes);
  report->Compare(name + " offset", rule.offset, double(row["offset"]), Tolerance::Exact());
  report->Compare(name + " scale", rule.scale, double(row["scale"]), Tolerance::Exact());
  const at::Tensor tensor = RecipeTensor(name, sizes, uint64_t(row["seed"]), rule.offset, rule.scale);
  const float* values = tensor.const_data_ptr<float>();
  std::vector<std::string> first, expected;
  for (dom::element hexadecimal : dom::array(row["first_hex"])) {
    expected.emplace_back(std::string_view(hexadecimal));
    if (static_cast<int64_t>(first.size()) < tensor.numel()) first.push_back(Hexadecimal(values[first.size()]));
  }
  report->Equal(name + " first values", first, expected);
  report->Compare(name + " last value", values[tensor.numel() - 1], static_cast<float>(double(row["last"])),
                  Tolerance::Exact());
  // only the order of a sum in double precision differs
  report->Compare(name + " sum", tensor.to(at::kDouble).sum().item<double>(), double(row["sum_f64"]),
                  Tolerance::Absolute(1e-9));
}

uint64_t HexadecimalNumber(const std::string& text) {
  uint64_t number = 0;
  if (!absl::SimpleHexAtoi(text, &number)) throw FixtureError(absl::StrCat("'", text, "' is no hexadecimal number"));
  return number;
}

}  // namespace

void CheckResizeSizes(const JsonFile& table, Report* report) {
  const ResizeColumns columns(table);
  std::vector<int64_t> ours, official;
  for (dom::element row : dom::array(table.At("rows"))) {
    const ImageSize size = SizeForShortSide({columns.Get(row, "h"), columns.Get(row, "w")}, columns.Get(row, "size"),
                                            columns.Get(row, "max_size"));
    ours.insert(ours.end(), {size.width, size.height});
    official.insert(official.end(), {columns.Get(row, "out_w"), columns.Get(row, "out_h")});
  }
  report->Expect("rows", !official.empty(), "the table has no rows");
  report->Equal("widths and heights", ours, official);
}

void CheckRecipeVectors(const JsonFile& table, Report* report) {
  report->Expect("mix_of_0", base::Mix64(0) == HexadecimalNumber(table.Text("mix_of_0")), "another hash of 0");
  dom::object hashes;
  if (table.At("fnv1a64").get(hashes)) throw FixtureError(table.path() + ": fnv1a64 is no object");
  for (const auto field : hashes) {
    const uint64_t expected = HexadecimalNumber(std::string(std::string_view(field.value)));
    report->Expect(absl::StrCat("fnv1a64 of '", std::string(field.key), "'"),
                   base::Fnv1a64(std::string(field.key)) == expected, "another hash");
  }
  for (dom::element row : dom::array(table.At("table"))) CheckVector(row, report);
}

}  // namespace grouppose::parity
