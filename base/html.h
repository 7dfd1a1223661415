// Writes HTML and inline SVG as it goes: every tag is closed, every text and attribute is escaped.
//
//   std::string body;
//   base::HtmlWriter html(&body);
//   html.Begin("p", {{"class", "note"}}).Text("AP < ").Element("b", {}, "0.1").End();
//   html.Finish();                                        // <p class="note">AP &lt; <b>0.1</b></p>
//   base::HtmlDocument("A study", style, body);
//
// What comes from files (names, paths, descriptions) goes through Text, Element or an attribute's value and cannot
// become markup. A page refers to nothing outside itself and runs no script; its content security policy says so to the
// browser.
#ifndef BASE_HTML_H_
#define BASE_HTML_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

class HtmlWriter {
 public:
  // Names are of the program, values may be anything.
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  // Appends to `text`, which outlives the writer.
  explicit HtmlWriter(std::string* text) : text_(text) {}

  HtmlWriter& Begin(std::string_view tag, Attributes attributes = {});
  // Closes the innermost tag.
  HtmlWriter& End();
  HtmlWriter& Text(std::string_view text);
  HtmlWriter& Element(std::string_view tag, Attributes attributes, std::string_view text);
  // A tag without content: <br/>, <circle .../>.
  HtmlWriter& Empty(std::string_view tag, Attributes attributes = {});
  // Readers of the source like line breaks between rows; browsers do not see them.
  HtmlWriter& NewLine();

  // All that was begun has been ended (CheckError).
  void Finish() const;

 private:
  void OpenTag(std::string_view tag, Attributes attributes);

  std::string* text_;
  std::vector<std::string> open_;
};

// & < > " ' as character references.
std::string EscapeHtml(std::string_view text);

// data:image/png;base64,...
std::string DataUri(std::string_view media_type, std::string_view bytes);

// A whole page. `style` is CSS and `body` markup: both of the program, not of files.
std::string HtmlDocument(std::string_view title, std::string_view style, std::string_view body);

}  // namespace base

#endif  // BASE_HTML_H_
