// What HTML reports share: one style for light and dark, narrow and wide, and tables that scroll by themselves.
//
//   std::string body;
//   base::HtmlWriter html(&body);
//   html.Begin("main");
//   base::BeginSection(&html, "results", "Results");
//   base::BeginTable(&html, "Results", {{"variant"}, {"AP", /*number=*/true}});
//   ...
//   base::ReportPage("A study", style, body);
#ifndef BASE_REPORT_PAGE_H_
#define BASE_REPORT_PAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/html.h"

namespace base {

// A column's head; numbers stand at the right.
struct TableHead {
  std::string text;
  bool number = false;
};

// A table's frame and head row; a long table scrolls in it, also with the keyboard. EndTable closes it.
void BeginTable(HtmlWriter* html, const std::string& label, const std::vector<TableHead>& heads);
void EndTable(HtmlWriter* html);
void NumberCell(HtmlWriter* html, const std::string& text);

// The caller ends it.
void BeginSection(HtmlWriter* html, const std::string& id, const std::string& title);
void WriteNotes(HtmlWriter* html, const std::vector<std::string>& notes);

// 801852 -> "801,852"
std::string Thousands(int64_t number);

// A whole page with the shared style and that of plots; `style` is CSS of this page alone, which comes after them, and
// `body` markup with <main> and all.
std::string ReportPage(std::string_view title, std::string_view style, std::string_view body);

}  // namespace base

#endif  // BASE_REPORT_PAGE_H_
