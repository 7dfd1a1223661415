#!/bin/bash
# Builds OpenCV into one static archive and one folder of headers, the same bytes wherever it runs.
#
#   build.sh SOURCE CMAKE NINJA NASM ARCHIVE INCLUDE GCC LIBRARIES [CMAKE_DEFINITION...]
#
# CMAKE is the unpacked folder that holds bin/cmake; LIBRARIES is a comma-separated list of installed archives.
set -euo pipefail
source=$PWD/$1 cmake=$PWD/$2/bin/cmake ninja=$PWD/$3 nasm=$PWD/$4 archive=$PWD/$5 include=$PWD/$6
gcc=$7 driver=${7##*/}
IFS=, read -r -a libraries <<< "$8"
shift 8

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/build"
cd "$work/build"

# Runs a step; shows what it said only when it fails.
step() {
  if ! "$@" > log 2>&1; then
    grep -n -A12 -E "CMake Error|FAILED:|error:" log >&2 || tail -n 60 log >&2
    exit 1
  fi
}

# Neither the folders nor a random number may get into the objects.
flags="-ffile-prefix-map=$source=opencv -ffile-prefix-map=$work/build=build -frandom-seed=opencv"
step "$cmake" -G Ninja "$source" \
  -DCMAKE_MAKE_PROGRAM="$ninja" -DCMAKE_ASM_NASM_COMPILER="$nasm" \
  -DCMAKE_C_COMPILER="$gcc" -DCMAKE_CXX_COMPILER="${gcc%/*}/${driver/gcc/g++}" \
  -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
  -DCMAKE_INSTALL_PREFIX=/opencv -DOPENCV_DOWNLOAD_PATH="$work/download" "$@"
if ! grep -A3 " JPEG: " log | grep -q "SIMD Support: *YES"; then
  grep -A3 " JPEG: " log >&2
  echo "libjpeg-turbo was configured without SIMD" >&2
  exit 1
fi

# cv::getBuildInformation() would hold the time, the kernel and the folders.
printf '%s\n' '"OpenCV, built by //third_party/opencv\n"' > modules/core/version_string.inc
# cv::samples::findFile() would look for OpenCV's sample images in the folders of this build.
printf '#define %s "/nonexistent"\n' OPENCV_BUILD_DIR OPENCV_DATA_BUILD_DIR_SEARCH_PATHS > opencv_data_config.hpp

step "$ninja" -j "$(nproc)"
DESTDIR="$work/install" step "$ninja" install
cp -r "$work/install/opencv/include/opencv4/." "$include/"

# One archive, so that nobody has to care about the order of six.
rm -f "$archive"
cd "$work/install/opencv"
{
  echo "create all.a"
  printf 'addlib %s\n' "${libraries[@]}"
  echo save
  echo end
} | ar -M
# nasm writes each source's full name into a symbol that nothing uses; the members' times go too.
strip --strip-unneeded --enable-deterministic-archives all.a
cp all.a "$archive"
if grep -a -q -F -e "$work" -e "$source" -e "General configuration for OpenCV" "$archive"; then
  echo "the archive holds names or times of this machine" >&2
  exit 1
fi
