#include "base/report_page.h"

#include "absl/strings/str_cat.h"
#include "base/html.h"
#include "base/plots.h"

namespace base {
namespace {

constexpr char kPageStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1c2128; --muted: #5b6470; --line: #dde1e6; --link: #0b62a8;
  --good: #00654a; --good-back: #d9f2e8; --bad: #9c3a00; --bad-back: #fde6d8; --plain-back: #eceff2;
  --warn-line: #d79b00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #181c22; --text: #e4e8ed; --muted: #9aa4b0; --line: #2c333c; --link: #74b9f5;
    --good: #6ee0b8; --good-back: #10382c; --bad: #ffb38a; --bad-back: #43210f; --plain-back: #262c34;
    --warn-line: #b98a1c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Liberation Sans", "DejaVu Sans", sans-serif; -webkit-text-size-adjust: 100%; }
main { margin: 0 auto; padding: 1.25rem clamp(.75rem, 3vw, 2rem) 3rem; }
header { padding: .5rem 0 .75rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.2rem); line-height: 1.2; margin: 0 0 .35rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .7rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .5rem; }
p { margin: .5rem 0; max-width: 75ch; overflow-wrap: anywhere; }
.lead { color: var(--muted); margin: 0; }
.small, .lead, figcaption span { font-size: .9rem; }
.small { color: var(--muted); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; margin: 1rem 0;
  padding: clamp(.9rem, 2.5vw, 1.5rem); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin-top: .6rem; }
a { color: var(--link); }
.scroll { overflow-x: auto; margin: .6rem 0; border: 1px solid var(--line); border-radius: .5rem; }
table { width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; color: var(--muted); font-size: .8rem; vertical-align: bottom; line-height: 1.25; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--card); }
thead th:first-child { position: sticky; left: 0; background: var(--card); }
.number { text-align: right; }
.swatch { display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; margin-right: .5rem; }
.verdict { display: inline-block; padding: .05rem .55rem; border-radius: 1rem; background: var(--plain-back);
  font-size: .8rem; }
.verdict-better { color: var(--good); background: var(--good-back); font-weight: 600; }
.verdict-worse { color: var(--bad); background: var(--bad-back); font-weight: 600; }
.notes { margin: .4rem 0; padding-left: 1.1rem; max-width: 80ch; }
.notes li { margin: .35rem 0; overflow-wrap: anywhere; }
.figures { display: grid; gap: 1.6rem 2.5rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 60rem) { .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media print { section { break-inside: avoid; } body { background: none; } }
)css";

}  // namespace

void BeginTable(HtmlWriter* html, const std::string& label, const std::vector<TableHead>& heads) {
  html->Begin("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", label}});
  html->Begin("table").Begin("thead").Begin("tr");
  for (const TableHead& head : heads) {
    html->Element("th", {{"scope", "col"}, {"class", head.number ? "number" : ""}}, head.text);
  }
  html->End().End().NewLine().Begin("tbody").NewLine();
}

void EndTable(HtmlWriter* html) { html->End().End().End().NewLine(); }

void NumberCell(HtmlWriter* html, const std::string& text) { html->Element("td", {{"class", "number"}}, text); }

void BeginSection(HtmlWriter* html, const std::string& id, const std::string& title) {
  html->Begin("section", {{"id", id}}).Element("h2", {}, title).NewLine();
}

void WriteNotes(HtmlWriter* html, const std::vector<std::string>& notes) {
  html->Begin("ul", {{"class", "notes"}}).NewLine();
  for (const std::string& note : notes) html->Element("li", {}, note).NewLine();
  html->End().NewLine();
}

std::string Thousands(int64_t number) {
  std::string text = absl::StrCat(number);
  const size_t first = text[0] == '-' ? 1 : 0;
  for (size_t i = text.size(); i > first + 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string ReportPage(std::string_view title, std::string_view style, std::string_view body) {
  return HtmlDocument(title, absl::StrCat(kPageStyle, kPlotStyle, std::string(style)), body);
}

}  // namespace base
