#!/bin/bash
# Builds the operators' CUDA kernels, checks them on a GPU, times them, and prints one table: needs neither Bazel nor a
# network.
#
#   tools/gpu/run.sh [--build_only] [--without_torch] [--output=FOLDER]
#
# Two stages: programs without torch that compare the kernels with their references and time them beside a baseline and
# the device's copying; and libgrouppose_ops.so, whose glue is checked in Python. --build_only builds both and runs
# nothing; --without_torch leaves the second out; FOLDER keeps what was built and table.md.
#
# Needs nvcc 13 and g++ 12 or newer, and for the second stage a python3 with torch 2.11.0+cu130; NVCC, CXX and PYTHON
# name others than those on PATH, ARCHITECTURE another GPU than the one here (90 for sm_90).
# Exit code 0: all checks passed; 1: one failed; 2: something is missing; 77: built, but there is no GPU.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3} nvcc=${NVCC:-nvcc} cxx=${CXX:-g++} build_only=false with_torch=true output=
say() { echo "run: $*" >&2; }
give_up() { say "$*" && exit 2; }

# ---- what is built: an operator adds its files here

# kernels, for both stages
kernels=(
  ops/group_attention/group_attention_cuda.cu
  ops/ms_deform_attn/ms_deform_attn_cuda.cu
)
# programs of the first stage, with what each needs beside the kernels; exit codes as above, rows of the table on stdout
programs=(
  "tools/gpu/group_attention_main.cc ops/group_attention/group_attention_reference.cc"
  "tools/gpu/ms_deform_attn_main.cc tools/gpu/ms_deform_attn_baseline.cu ops/ms_deform_attn/ms_deform_attn_reference.cc"
)
# the operators' schemas, meta functions and CUDA keys; CPU kernels want Highway and stay out
glue=(
  ops/group_attention/group_attention.cc
  ops/group_attention/group_attention_checks.cc
  ops/group_attention/group_attention_cuda_operator.cc
  ops/group_attention/group_attention_meta.cc
  ops/ms_deform_attn/ms_deform_attn.cc
  ops/ms_deform_attn/ms_deform_attn_checks.cc
  ops/ms_deform_attn/ms_deform_attn_cuda_operator.cc
  ops/ms_deform_attn/ms_deform_attn_meta.cc
)
# Python checks, called with --library=libgrouppose_ops.so; exit codes as above
checks=(
  tools/gpu/checks.py
)

# ---- arguments and tools

for argument in "$@"; do
  case $argument in
    --help | -h) sed -n '2,/^set/s/^# \?//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    --build_only) build_only=true ;;
    --without_torch) with_torch=false ;;
    --output=?*) mkdir -p "${argument#*=}" && output=$(cd "${argument#*=}" && pwd) ;;
    *) give_up "unknown argument '$argument'; --help says more" ;;
  esac
done
if [ -z "$output" ]; then
  output=$(mktemp -d)
  trap 'rm -rf "$output"' EXIT
fi
command -v "$nvcc" > /dev/null || give_up "no '$nvcc': put CUDA's compiler on PATH or name it, NVCC=/usr/local/cuda/bin/nvcc"
command -v "$cxx" > /dev/null || give_up "no '$cxx': put g++ on PATH or name it, CXX=..."
toolkit=$(cd "$(dirname "$(realpath "$(command -v "$nvcc")")")/.." && pwd)
# the first GPU's; A100's where there is none
architecture=${ARCHITECTURE:-$({ nvidia-smi --query-gpu=compute_cap --format=csv,noheader || echo 8.0; } 2> /dev/null |
  head -n 1 | tr -d .)}
torch_folder=
if $with_torch; then
  torch=$("$python" -c "import os, torch; print(os.path.dirname(torch.__file__), torch.__version__)") ||
    give_up "'$python' has no torch; PYTHON names one that has, --without_torch does without"
  read -r torch_folder version <<< "$torch"
  case $version in
    2.11.*) ;;
    *) say "the operators are written for torch 2.11.0; going on with $version" ;;
  esac
fi

# ---- build; independent compilations at once

cd "$root"
objects=$output/objects
mkdir -p "$objects"
object_of() { echo "$objects/$(basename "$1").o"; }
compile() { # nvcc's options also do for the plain C++ files of the programs
  "$nvcc" -std=c++17 -O3 -DNDEBUG -Xcompiler=-fPIC -ccbin "$cxx" -I. \
    -gencode="arch=compute_$architecture,code=sm_$architecture" -c "$1" -o "$(object_of "$1")"
}
compile_glue() {
  "$cxx" -std=c++17 -O3 -DNDEBUG -fPIC -march=x86-64-v3 -DAT_PER_OPERATOR_HEADERS -ffp-contract=off -fopenmp -I. \
    -isystem "$torch_folder/include" -isystem "$torch_folder/include/torch/csrc/api/include" \
    -isystem "$toolkit/include" -c "$1" -o "$(object_of "$1")"
}
pids=()
start() { "$@" & pids+=($!); }
finish() {
  local pid
  for pid in "${pids[@]}"; do wait "$pid" || { say "a compilation failed" && exit 1; }; done
  pids=()
}

say "building for sm_$architecture with $nvcc${torch_folder:+ and torch $version}"
for source in "${kernels[@]}"; do start compile "$source"; done
for source in ${programs[*]}; do start compile "$source"; done
finish
kernel_objects=()
for source in "${kernels[@]}"; do kernel_objects+=("$(object_of "$source")"); done
built=()
for program in "${programs[@]}"; do
  read -ra sources <<< "$program"
  name=$output/$(basename "${sources[0]}" _main.cc)_gpu parts=()
  for source in "${sources[@]}"; do parts+=("$(object_of "$source")"); done
  "$nvcc" -ccbin "$cxx" -o "$name" "${parts[@]}" "${kernel_objects[@]}" -L"$toolkit/lib" -L"$toolkit/lib64"
  built+=("$name")
done
say "built ${built[*]}"

library=$output/libgrouppose_ops.so
if $with_torch; then
  cudart=$("$python" -c "
import glob, os, sys
for folder in sys.path + ['$toolkit/lib64', '$toolkit/lib']:
    for pattern in ('nvidia/cu13/lib/libcudart.so.13', 'libcudart.so.13'):
        for found in glob.glob(os.path.join(folder, pattern)):
            print(found), sys.exit()
") && [ -n "$cudart" ] || give_up "no libcudart.so.13, neither beside torch nor in $toolkit"
  for source in "${glue[@]}"; do start compile_glue "$source"; done
  finish
  glue_objects=()
  for source in "${glue[@]}"; do glue_objects+=("$(object_of "$source")"); done
  "$cxx" -shared -o "$library" "${glue_objects[@]}" "${kernel_objects[@]}" -L"$torch_folder/lib" -ltorch_cpu \
    -ltorch_cuda -lc10 -lc10_cuda "$cudart"
  say "built $library"
fi
if $build_only; then exit 0; fi

# ---- run: the worst exit code counts, 1 before 77

code=0
note() { # an exit code
  case $1 in
    0) ;;
    77) [ "$code" -ne 0 ] || code=77 ;;
    *) code=1 ;;
  esac
}
header="| operator | direction | type | ms | baseline, ms | times faster | GB/s | of copying |"
{ echo "$header" && echo "|---|---|---|---|---|---|---|---|"; } > "$output/table.md"
for program in "${built[@]}"; do
  status=0
  "$program" > "$program.rows" || status=$?
  note "$status"
  cat "$program.rows" >> "$output/table.md"
done
if $with_torch; then
  for check in "${checks[@]}"; do
    status=0
    "$python" "$check" --library="$library" >&2 || status=$?
    note "$status"
  done
fi
[ "$code" -eq 77 ] || cat "$output/table.md"
exit "$code"
