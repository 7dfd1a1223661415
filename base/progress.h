// How far a long task is: a bar with rate and remaining time on a terminal, plain lines elsewhere.
//
//   base::Progress progress("training", total_steps);
//   for (...) progress.Update(step + 1, "loss 12.3");
//   progress.Finish();
//
// On a terminal:  training [#########.....................]  450/1500  5.8/s  3:01 left  loss 12.3
// Elsewhere:      training: 450/1500, 5.8/s, 3:01 left, loss 12.3
//
// Lines appear when a tenth of the whole or `line_seconds` have passed since the last one, and for the end. Nothing but
// what is printed depends on the clock.
#ifndef BASE_PROGRESS_H_
#define BASE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

namespace base {

struct ProgressOptions {
  // kAuto: a bar where stderr is a terminal, else lines.
  enum Style { kAuto, kBar, kLines, kQuiet };
  Style style = kAuto;
  std::ostream* stream = &std::cerr;
  // Seconds since some fixed moment; the default is the steady clock.
  std::function<double()> clock;
  // A line at least so often: a log that says nothing for longer looks stuck.
  double line_seconds = 30;
  // Columns of the terminal; 0 asks it.
  int width = 0;
  // Done before this run began (a resumed run): counts as done, not for the rate.
  int64_t done_before = 0;
};

class Progress {
 public:
  // `total` 0: unknown, so only what is done and the rate are shown.
  Progress(std::string name, int64_t total, ProgressOptions options = {});
  // Ends the line of a bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total, and what else is worth a look.
  void Update(int64_t done, const std::string& text = "");
  // Shows the last state, however recently something was shown. Nothing is shown afterwards.
  void Finish();

 private:
  double Rate() const;
  void ShowBar();
  void ShowLine();
  // Goes on from the bar's line to the next.
  void LeaveBar();

  std::string name_;
  int64_t total_;
  ProgressOptions options_;
  double start_;
  double now_;
  double shown_at_;
  int64_t done_;
  int64_t shown_done_;
  std::string text_;
  bool bar_is_open_ = false;
  bool unshown_ = false;
  bool finished_ = false;
};

// "42 s", "3:01", "1:02:03"
std::string DurationText(double seconds);

}  // namespace base

#endif  // BASE_PROGRESS_H_
