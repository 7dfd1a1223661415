#!/usr/bin/env python3
"""Reads what `deps(...)` of the programs without LibTorch is, as Bazel's own query answers, and finds none of it there."""

import sys
from pathlib import Path

labels = Path(sys.argv[1]).read_text(encoding="utf-8").split()
if "//base:status" not in labels or "@com_google_absl//:absl" not in labels:
    sys.exit("the query gave no dependencies: %s" % labels[:5])
libtorch = [label for label in labels if label.startswith("@libtorch")]
if libtorch:
    sys.exit("LibTorch is linked by programs that must do without: %s" % ", ".join(libtorch))
print("%d dependencies, none of LibTorch" % len(labels))
