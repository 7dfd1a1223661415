#!/bin/bash
# Compares with the field's Python programs: makes a virtual environment and runs every check below in it.
#
# Prints `ok NAME`, `skip NAME: reason` or `FAIL NAME` for each, and at last `N passed, N failed, N skipped`. The
# environment lies in the user's cache and is made once for each state of tools/python/requirements.txt.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# as in bazelw: results of outside programs, where they are there
if [ -z "${GROUPPOSE_TEST_DATA-}" ] && [ -d ../shared/fixtures ]; then
  GROUPPOSE_TEST_DATA=$(cd ../shared && pwd)
fi
export GROUPPOSE_TEST_DATA=${GROUPPOSE_TEST_DATA-}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
  exit
}

# Makes the environment where it is missing and prints its Python.
environment() {
  local requirements=tools/python/requirements.txt key folder
  key=$({ python3 --version && cat "$requirements"; } | sha256sum | cut -c 1-16)
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/grouppose/python/$key
  mkdir -p "$folder"
  (
    # two clones at once make it once
    flock 9
    [ ! -e "$folder/complete" ] || exit 0
    echo "python_checks: making a virtual environment with $(grep -o '^[a-z]*==[0-9.]*' "$requirements" | xargs)" >&2
    # Debian keeps `ensurepip` in a package of its own: the machine's pip installs into the environment instead
    rm -rf "$folder/venv"
    python3 -m venv --without-pip "$folder/venv" &&
      python3 -m pip --python "$folder/venv/bin/python3" install --quiet --no-deps --only-binary=:all: \
        --disable-pip-version-check --require-hashes -r "$requirements" >&2 &&
      touch "$folder/complete"
  ) 9> "$folder/lock" && echo "$folder/venv/bin/python3"
}

# check NAME COMMAND...: exit code 0 passed, 77 skipped with the reason on the last line, anything else failed.
check() {
  local name=$1 output code
  shift
  output=$("$@" 2>&1)
  code=$?
  case $code in
    0) passed=$((passed + 1)) && echo "ok $name" ;;
    77) skipped=$((skipped + 1)) && echo "skip $name: ${output##*$'\n'}" ;;
    *)
      failed=$((failed + 1))
      printf '%s\n' "$output" | sed 's/^/  /'
      echo "FAIL $name"
      ;;
  esac
}

# ---- the checks

versions() {
  "$python" -c "
import numpy, pycocotools.cocoeval
from importlib.metadata import version
for line in open('tools/python/requirements.txt'):
    if '==' in line:
        name, locked = line.rstrip(' \\\\\\n').split('==')
        assert version(name) == locked, (name, version(name), locked)
"
}

# Builds pose_eval and prints where it is; its messages go to stderr.
pose_eval() {
  ./bazelw build --noshow_progress //eval:pose_eval >&2 && echo "$(./bazelw info bazel-bin 2> /dev/null)/eval/pose_eval"
}

needs_test_data() {
  [ -z "$GROUPPOSE_TEST_DATA" ] && echo "GROUPPOSE_TEST_DATA is not set"
}

# Our evaluator and pycocotools give the same ten numbers on one of the official tool's cases.
equals_pycocotools() {
  needs_test_data && return 77
  local folder=$GROUPPOSE_TEST_DATA/data/eval_cases/$1 program
  program=$(pose_eval) || return 1
  "$program" score --gt="$folder/gt.json" --dt="$folder/dt.json" --json="$work/stats.json" || return 1
  "$python" tools/python/pycocotools_compare.py --gt="$folder/gt.json" --dt="$folder/dt.json" --stats="$work/stats.json"
}

# The same bits, or a refusal by both, on input that no data set has.
equals_pycocotools_on_mutations() {
  needs_test_data && return 77
  local folder=$GROUPPOSE_TEST_DATA/data/eval_cases program
  program=$(pose_eval) || return 1
  "$python" tools/python/pycocotools_mutations.py --pose_eval="$program" --count=100 \
    "$folder"/coco_{crowd,area_boundaries,all_scores_equal}
}

# Every keypoint's kind and every corrected AP, computed again in numpy and by pycocotools.
explains_like_numpy() {
  needs_test_data && return 77
  local folder=$GROUPPOSE_TEST_DATA/data/eval_cases/$1 dataset=${1%%_*} program
  program=$(pose_eval) || return 1
  "$program" explain --dataset="$dataset" --gt="$folder/gt.json" --dt="$folder/dt.json" \
    --json="$work/explanation.json" > /dev/null || return 1
  "$python" tools/python/explain_check.py --gt="$folder/gt.json" --dt="$folder/dt.json" \
    --explanation="$work/explanation.json"
}

# Builds grouppose and prints where it is; its messages go to stderr.
grouppose() {
  ./bazelw build --noshow_progress //tools:grouppose >&2 && echo "$(./bazelw info bazel-bin 2> /dev/null)/tools/grouppose"
}

# What training wrote into metrics.textproto is what pycocotools says of its results.json; the images that `dataset
# synthesize` draws have the annotations that training was measured against.
equals_pycocotools_after_training() {
  local program settings=(--experiment=experiments/smoke.textproto --set training.steps=30)
  program=$(grouppose) || return 1
  "$program" train "${settings[@]}" --output="$work/run" --quiet --threads=1 &&
    "$program" dataset synthesize "${settings[@]}" --output="$work/people" &&
    "$python" tools/python/run_results_check.py --run="$work/run" --gt="$work/run/ground_truth.json" &&
    "$python" tools/python/run_results_check.py --run="$work/run" \
      --gt="$work/people/annotations/person_keypoints_val2017.json"
}

# The same of real photos: a few steps on 24 of them.
equals_pycocotools_after_photos() {
  needs_test_data && return 77
  local program
  program=$(grouppose) || return 1
  "$program" train --experiment=experiments/overfit_coco24.textproto --data="$GROUPPOSE_TEST_DATA/data/coco_mini" \
    --set training.steps=60 --set pretraining.heatmap.steps=100 --set pretraining.stage_one.steps=100 \
    --output="$work/photos" --quiet --threads=1 &&
    "$python" tools/python/run_results_check.py --run="$work/photos" --gt="$work/photos/ground_truth.json"
}

# The committed table of assignments is what scipy says.
equals_scipy() {
  "$python" tools/python/scipy_assignments.py | diff -u grouppose/loss/scipy_assignments.txt -
}

# torch.load reads what `checkpoint convert` writes, and we read what torch.save writes, in both of its formats. PyPI's
# torch is not in the environment, for it needs 2 GB of CUDA's libraries: GROUPPOSE_TORCH_PYTHON names a Python with it.
torch_loads_what_we_convert() {
  local program
  program=$(grouppose) || return 1
  mkdir -p "$work/torch"
  "${GROUPPOSE_TORCH_PYTHON:-$python}" tools/python/torch_load_check.py --grouppose="$program" --work="$work/torch"
}

# The operators inside Python's torch, and the lines of ops/README.md that switch a model over.
operators() {
  local torch_python=${GROUPPOSE_TORCH_PYTHON:-$python}
  "$torch_python" -c "import torch" 2> /dev/null ||
    { echo "no torch in $torch_python: GROUPPOSE_TORCH_PYTHON names a Python with torch 2.11" && return 77; }
  ./bazelw build --noshow_progress //ops:libgrouppose_ops.so >&2 || return 1
  "$torch_python" tools/python/operators_check.py \
    --library="$(./bazelw info bazel-bin 2> /dev/null)/ops/libgrouppose_ops.so"
}

if ! python=$(environment); then
  failed=1
  echo "FAIL environment: the packages could not be installed; they are fetched from PyPI once, then kept"
  finish
fi
check environment versions
check pose_eval.coco_large equals_pycocotools coco_large
check pose_eval.mutations equals_pycocotools_on_mutations
check pose_eval.explain_coco explains_like_numpy coco_large
check pose_eval.explain_hrnet explains_like_numpy coco_hrnet_example
check pose_eval.explain_crowdpose explains_like_numpy crowdpose_crowd
check grouppose.synthetic equals_pycocotools_after_training
check grouppose.photos equals_pycocotools_after_photos
check assignment.scipy equals_scipy
check checkpoint.torch_load torch_loads_what_we_convert
check operators operators
finish
