#!/bin/bash
# Builds the operators for an installed PyTorch and checks and times them on its GPU: needs neither Bazel nor a network.
#
#   tools/gpu_checks.sh [--build_only] [--output=FOLDER]     # FOLDER keeps libgrouppose_ops.so and the objects
#
# Needs python3 with torch 2.11.0+cu130, nvcc 13 and g++ 12 or newer; PYTHON, NVCC and CXX name others than those on PATH.
# Exit code 0: all checks passed; 1: one failed; 2: something is missing; 77: there is no GPU (built, loaded and compared
# on the CPU only). This much has been run; the checks and times on a GPU have not.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3} nvcc=${NVCC:-nvcc} cxx=${CXX:-g++} build_only=false output=
say() { echo "gpu_checks: $*" >&2; }
give_up() { say "$*" && exit 2; }

for argument in "$@"; do
  case $argument in
    --help | -h) sed -n '2,/^set/s/^# \?//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    --build_only) build_only=true ;;
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

# folder, version, and the architecture of the GPU: A100's where there is none
torch=$("$python" -c "
import os, torch
has_gpu = torch.cuda.is_available()
print(os.path.dirname(torch.__file__), torch.__version__, '%d%d' % torch.cuda.get_device_capability() if has_gpu else 80)
") || give_up "'$python' has no torch; PYTHON names one that has"
read -r folder version architecture <<< "$torch"
case $version in
  2.11.*) ;;
  *) say "the operators are written for torch 2.11.0; going on with $version" ;;
esac

# ---- build: as ops/BUILD does

cd "$root"
includes=(-I. -isystem "$folder/include" -isystem "$folder/include/torch/csrc/api/include" -isystem "$toolkit/include")
flags=(-std=c++17 -O3 -DNDEBUG -fPIC -march=x86-64-v3 -DAT_PER_OPERATOR_HEADERS)
in=ops/ms_deform_attn
say "building for sm_$architecture with $nvcc and torch $version"
"$nvcc" -std=c++17 -O3 -DNDEBUG -Xcompiler=-fPIC -ccbin "$cxx" -I. -gencode="arch=compute_$architecture,code=sm_$architecture" \
  -c $in/ms_deform_attn_cuda.cu -o "$output/cuda.o"
for source in ms_deform_attn ms_deform_attn_checks ms_deform_attn_cuda_operator; do
  "$cxx" "${flags[@]}" -ffp-contract=off -fopenmp "${includes[@]}" -c "$in/$source.cc" -o "$output/$source.o"
done
cudart=$("$python" -c "
import glob, os, sys
for folder in sys.path + ['$toolkit/lib64', '$toolkit/lib']:
    for pattern in ('nvidia/cu13/lib/libcudart.so.13', 'libcudart.so.13'):
        for found in glob.glob(os.path.join(folder, pattern)):
            print(found), sys.exit()
") && [ -n "$cudart" ] || give_up "no libcudart.so.13, neither beside torch nor in $toolkit"
"$cxx" -shared -o "$output/libgrouppose_ops.so" "$output"/*.o -L"$folder/lib" -ltorch_cpu -ltorch_cuda -lc10 -lc10_cuda \
  "$cudart"
say "built $output/libgrouppose_ops.so"
if $build_only; then exit 0; fi

"$python" tools/python/ms_deform_attn_gpu_checks.py --library="$output/libgrouppose_ops.so"
