#include "base/html.h"

#include <cstdint>

#include "base/check.h"

namespace base {

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

void HtmlWriter::OpenTag(std::string_view tag, Attributes attributes) {
  *text_ += '<';
  *text_ += tag;
  for (const auto& [name, value] : attributes) {
    *text_ += ' ';
    *text_ += name;
    *text_ += "=\"";
    *text_ += EscapeHtml(value);
    *text_ += '"';
  }
}

HtmlWriter& HtmlWriter::Begin(std::string_view tag, Attributes attributes) {
  OpenTag(tag, attributes);
  *text_ += '>';
  open_.emplace_back(tag);
  return *this;
}

HtmlWriter& HtmlWriter::End() {
  GROUPPOSE_CHECK(!open_.empty(), "no tag is open");
  *text_ += "</" + open_.back() + ">";
  open_.pop_back();
  return *this;
}

HtmlWriter& HtmlWriter::Text(std::string_view text) {
  *text_ += EscapeHtml(text);
  return *this;
}

HtmlWriter& HtmlWriter::Element(std::string_view tag, Attributes attributes, std::string_view text) {
  return Begin(tag, attributes).Text(text).End();
}

HtmlWriter& HtmlWriter::Empty(std::string_view tag, Attributes attributes) {
  OpenTag(tag, attributes);
  *text_ += "/>";
  return *this;
}

HtmlWriter& HtmlWriter::NewLine() {
  *text_ += '\n';
  return *this;
}

void HtmlWriter::Finish() const {
  GROUPPOSE_CHECK(open_.empty(), "<", open_.empty() ? std::string() : open_.back(), "> is still open");
}

std::string DataUri(std::string_view media_type, std::string_view bytes) {
  // RFC 4648, section 4
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string uri = "data:" + std::string(media_type) + ";base64,";
  uri.reserve(uri.size() + (bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) word = word << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) uri += j <= count ? kAlphabet[word >> (18 - 6 * j) & 63] : '=';
  }
  return uri;
}

std::string HtmlDocument(std::string_view title, std::string_view style, std::string_view body) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n";
  // whatever a page holds, the browser fetches nothing and runs nothing
  page +=
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n";
  page += "<title>" + EscapeHtml(title) + "</title>\n<style>\n";
  page += style;
  page += "</style>\n</head>\n<body>\n";
  page += body;
  page += "</body>\n</html>\n";
  return page;
}

}  // namespace base
