#include "base/html.h"

#include "base/check.h"
#include "gtest/gtest.h"

namespace base {
namespace {

TEST(HtmlWriter, NestsAndCloses) {
  std::string text;
  HtmlWriter html(&text);
  html.Begin("p", {{"class", "note"}}).Text("AP < ").Element("b", {}, "0.1").Empty("br").End().NewLine();
  html.Finish();
  EXPECT_EQ(text, "<p class=\"note\">AP &lt; <b>0.1</b><br/></p>\n");
}

TEST(HtmlWriter, LetsNothingBecomeMarkup) {
  std::string text;
  HtmlWriter html(&text);
  const std::string hostile = "\"'><script>alert(1)</script>&";
  html.Element("td", {{"title", hostile}}, hostile);
  EXPECT_EQ(text.find("<script"), std::string::npos) << text;
  const std::string escaped = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;";
  EXPECT_EQ(text, "<td title=\"" + escaped + "\">" + escaped + "</td>");
}

TEST(HtmlWriter, RefusesTagsThatDoNotMatch) {
  std::string text;
  HtmlWriter html(&text);
  EXPECT_THROW(html.End(), CheckError);
  html.Begin("p");
  EXPECT_THROW(html.Finish(), CheckError);
}

// RFC 4648, section 10
TEST(DataUri, EncodesAsTheRfcSays) {
  EXPECT_EQ(DataUri("text/plain", ""), "data:text/plain;base64,");
  EXPECT_EQ(DataUri("text/plain", "f"), "data:text/plain;base64,Zg==");
  EXPECT_EQ(DataUri("text/plain", "fo"), "data:text/plain;base64,Zm8=");
  EXPECT_EQ(DataUri("text/plain", "foo"), "data:text/plain;base64,Zm9v");
  EXPECT_EQ(DataUri("text/plain", "foobar"), "data:text/plain;base64,Zm9vYmFy");
  EXPECT_EQ(DataUri("image/png", std::string("\x89PNG\xff\xfe\0", 7)), "data:image/png;base64,iVBOR//+AA==");
}

TEST(HtmlDocument, IsAPageThatFetchesNothing) {
  const std::string page = HtmlDocument("a <study>", "p { margin: 0 }\n", "<p>body</p>\n");
  EXPECT_EQ(page.find("<!DOCTYPE html>"), 0u);
  EXPECT_NE(page.find("<title>a &lt;study&gt;</title>"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("<p>body</p>"), std::string::npos);
  EXPECT_EQ(page.find("http:"), std::string::npos);
}

}  // namespace
}  // namespace base
