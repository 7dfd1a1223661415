#!/bin/bash
# The short form: the corpus and some thousand changes of it, the same ones every time.
set -euo pipefail
for reader in annotations detections; do
  eval/fuzz/fuzz_readers --reader="$reader" --runs=6000 --crash="${TEST_UNDECLARED_OUTPUTS_DIR:-/tmp}/crash.json"
done
