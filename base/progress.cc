#include "base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace base {
namespace {

// A bar drawn more often than this flickers and costs time.
constexpr double kBarSeconds = 0.1;
// Lines in a log for the whole task, where time alone would give fewer.
constexpr int kLines = 10;
// Wide enough to see a thirtieth.
constexpr int kBarWidth = 30;
// Where a terminal does not say how wide it is.
constexpr int kDefaultWidth = 80;

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool StderrIsTerminal() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

int TerminalWidth() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return size.ws_col;
}

// Three significant digits are enough for an eye: "5.83/s", "1234/s", "0.012/s".
std::string RateText(double rate) {
  char text[32];
  std::snprintf(text, sizeof(text), rate >= 100 ? "%.0f/s" : "%.3g/s", rate);
  return text;
}

std::string CountText(int64_t done, int64_t total) {
  return total > 0 ? std::to_string(done) + "/" + std::to_string(total) : std::to_string(done);
}

// "########......"
std::string BarText(int64_t done, int64_t total) {
  const int64_t filled = std::clamp<int64_t>(kBarWidth * std::min(done, total) / total, 0, kBarWidth);
  return std::string(filled, '#') + std::string(kBarWidth - filled, '.');
}

}  // namespace

std::string DurationText(double seconds) {
  // beyond any task; also what a rate of nearly nothing gives
  constexpr double kMost = 1e8;
  const int64_t whole = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, kMost)));
  char text[48];
  if (whole < 60) {
    std::snprintf(text, sizeof(text), "%d s", static_cast<int>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lld:%02d:%02d", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  }
  return text;
}

Progress::Progress(std::string name, int64_t total, ProgressOptions options)
    : name_(std::move(name)), total_(total), options_(std::move(options)) {
  if (!options_.clock) options_.clock = SteadySeconds;
  if (options_.style == ProgressOptions::kAuto) {
    options_.style = StderrIsTerminal() ? ProgressOptions::kBar : ProgressOptions::kLines;
  }
  if (options_.width == 0) options_.width = TerminalWidth();
  start_ = now_ = options_.clock();
  // the first state is shown at once as a bar, and after a while as a line
  shown_at_ = options_.style == ProgressOptions::kBar ? start_ - kBarSeconds : start_;
  done_ = shown_done_ = options_.done_before;
}

Progress::~Progress() { LeaveBar(); }

double Progress::Rate() const {
  const double seconds = now_ - start_;
  return seconds > 0 ? static_cast<double>(done_ - options_.done_before) / seconds : 0;
}

void Progress::Update(int64_t done, const std::string& text) {
  if (finished_ || options_.style == ProgressOptions::kQuiet) return;
  now_ = options_.clock();
  done_ = done;
  text_ = text;
  unshown_ = true;
  if (options_.style == ProgressOptions::kBar) {
    if (now_ - shown_at_ >= kBarSeconds || done_ == total_) ShowBar();
    return;
  }
  const bool far_enough = total_ > 0 && (done_ - shown_done_) * kLines >= total_;
  if (far_enough || done_ == total_ || now_ - shown_at_ >= options_.line_seconds) ShowLine();
}

void Progress::Finish() {
  if (!finished_ && unshown_) options_.style == ProgressOptions::kBar ? ShowBar() : ShowLine();
  finished_ = true;
  LeaveBar();
}

void Progress::ShowBar() {
  const double rate = Rate();
  std::string line = name_;
  if (total_ > 0) line += " [" + BarText(done_, total_) + "]";
  line += "  " + CountText(done_, total_);
  if (rate > 0) line += "  " + RateText(rate);
  if (rate > 0 && total_ > 0) line += "  " + DurationText(static_cast<double>(total_ - done_) / rate) + " left";
  if (!text_.empty()) line += "  " + text_;
  // a line that wraps could not be overwritten
  line.resize(std::min<size_t>(line.size(), std::max(options_.width - 1, 0)));
  // back to the first column, and clear what the longer line before left
  *options_.stream << "\r" << line << "\x1b[K" << std::flush;
  bar_is_open_ = true;
  unshown_ = false;
  shown_at_ = now_;
}

void Progress::ShowLine() {
  const double rate = Rate();
  *options_.stream << name_ << ": " << CountText(done_, total_);
  if (rate > 0) *options_.stream << ", " << RateText(rate);
  if (total_ > 0 && done_ >= total_) {
    *options_.stream << ", done in " << DurationText(now_ - start_);
  } else if (rate > 0 && total_ > 0) {
    *options_.stream << ", " << DurationText(static_cast<double>(total_ - done_) / rate) << " left";
  }
  if (!text_.empty()) *options_.stream << ", " << text_;
  *options_.stream << std::endl;
  unshown_ = false;
  shown_at_ = now_;
  shown_done_ = done_;
}

void Progress::LeaveBar() {
  if (bar_is_open_) *options_.stream << std::endl;
  bar_is_open_ = false;
}

}  // namespace base
