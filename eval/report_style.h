// What eval's HTML pages have besides base::ReportPage's style.
#ifndef EVAL_REPORT_STYLE_H_
#define EVAL_REPORT_STYLE_H_

namespace eval {

inline constexpr char kReportStyle[] = R"css(
:root {
  --kind-good: #b9c2cc; --kind-jitter: #e3b505; --kind-inversion: #d1495b; --kind-swap: #2e86ab; --kind-miss: #5d4a7e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --kind-good: #4a535e; --kind-jitter: #e8c547; --kind-inversion: #f27683; --kind-swap: #64b5d6; --kind-miss: #a996d3;
  }
}
main { max-width: 74rem; }
.headline { font-size: 1.1rem; }
table { border-collapse: separate; border-spacing: 0; }
th, td { padding: .42rem .6rem; }
.words { white-space: normal; min-width: 13rem; }
.figures { margin: .8rem 0; }
.bar { display: flex; width: 100%; min-width: 9rem; height: .9rem; border-radius: .25rem; overflow: hidden; }
.bar span { display: block; height: 100%; }
.bar-cell { width: 45%; }
.kind-good { background: var(--kind-good); } .kind-jitter { background: var(--kind-jitter); }
.kind-inversion { background: var(--kind-inversion); } .kind-swap { background: var(--kind-swap); }
.kind-miss { background: var(--kind-miss); }
.kind-scoring { background: var(--plot-3); } .kind-background { background: var(--plot-2); }
.kind-missed { background: var(--plot-1); } .kind-ap { background: var(--kind-good); }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; padding: 0; margin: .5rem 0; list-style: none;
  font-size: .85rem; }
.pictures { display: grid; gap: 1.2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 50rem) { .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
.pictures figure { margin: 0; min-width: 0; }
.pictures img { display: block; width: 100%; height: auto; border-radius: .4rem; }
figcaption { overflow-wrap: anywhere; } figcaption span { display: block; color: var(--muted); }
)css";

}  // namespace eval

#endif  // EVAL_REPORT_STYLE_H_
