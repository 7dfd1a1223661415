// What eval's pages share: one style for light and dark, narrow and wide, and tables that scroll by themselves.
#ifndef EVAL_REPORT_PAGE_H_
#define EVAL_REPORT_PAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/html.h"

namespace eval {

struct TableHead {
  std::string text;
  bool number = false;
};
void BeginTable(base::HtmlWriter* html, const std::string& label, const std::vector<TableHead>& heads);
void EndTable(base::HtmlWriter* html);
void NumberCell(base::HtmlWriter* html, const std::string& text);

void BeginSection(base::HtmlWriter* html, const std::string& id, const std::string& title);
void WriteNotes(base::HtmlWriter* html, const std::vector<std::string>& notes);

// 12,345
std::string Thousands(int64_t number);

// A whole page; `body` is markup with <main> and all.
std::string ReportPage(const std::string& title, const std::string& body);

}  // namespace eval

#endif  // EVAL_REPORT_PAGE_H_
