"""Static OpenCV (core, imgproc, imgcodecs with its own libjpeg-turbo, libpng and zlib), built by CMake in one action."""

_ON = ["BUILD_JPEG", "BUILD_PNG", "BUILD_ZLIB", "WITH_JPEG", "WITH_PNG", "WITH_PTHREADS_PF", "ENABLE_PIC"]
_OFF = [
    "BUILD_SHARED_LIBS", "BUILD_TESTS", "BUILD_PERF_TESTS", "BUILD_EXAMPLES", "BUILD_DOCS", "BUILD_JAVA",
    "BUILD_opencv_apps", "BUILD_opencv_js", "BUILD_opencv_python2", "BUILD_opencv_python3", "BUILD_ITT",
    "ENABLE_PRECOMPILED_HEADERS", "OPENCV_GENERATE_PKGCONFIG", "WITH_1394", "WITH_ADE", "WITH_AVIF",
    "WITH_CUDA", "WITH_EIGEN", "WITH_FFMPEG", "WITH_FLATBUFFERS", "WITH_GDAL", "WITH_GDCM", "WITH_GSTREAMER",
    "WITH_GTK", "WITH_IMGCODEC_GIF", "WITH_IMGCODEC_HDR", "WITH_IMGCODEC_PFM", "WITH_IMGCODEC_PXM",
    "WITH_IMGCODEC_SUNRASTER", "WITH_IPP", "WITH_ITT", "WITH_JASPER", "WITH_LAPACK", "WITH_OPENCL",
    "WITH_OPENEXR", "WITH_OPENJPEG", "WITH_OPENMP", "WITH_PROTOBUF", "WITH_QT", "WITH_QUIRC", "WITH_SPNG",
    "WITH_TBB", "WITH_TIFF", "WITH_V4L", "WITH_VA", "WITH_VA_INTEL", "WITH_WEBP",
]
_LIBS = {
    "opencv_imgcodecs": "lib/libopencv_imgcodecs.a",
    "opencv_imgproc": "lib/libopencv_imgproc.a",
    "opencv_core": "lib/libopencv_core.a",
    "libjpeg-turbo": "lib/opencv4/3rdparty/liblibjpeg-turbo.a",
    "libpng": "lib/opencv4/3rdparty/liblibpng.a",
    "zlib": "lib/opencv4/3rdparty/libzlib.a",
}

def _opencv_build_impl(ctx):
    src = ctx.file.src
    include = ctx.actions.declare_directory(ctx.label.name + "_include")
    archive = ctx.actions.declare_file("libopencv_all.a")
    defs = ["-D%s=ON" % f for f in _ON] + ["-D%s=OFF" % f for f in _OFF] + [
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_LIST=core,imgproc,imgcodecs",
        "-DCPU_BASELINE=AVX2",
        "-DCPU_DISPATCH=",
        "-DOPENCV_DOWNLOAD_PATH=/nonexistent",
        "-DCMAKE_INSTALL_PREFIX=/opencv",
    ]
    ctx.actions.run_shell(
        inputs = [src, ctx.file._cmake, ctx.file._ninja, ctx.file._nasm],
        outputs = [include, archive],
        command = """set -eu
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/b"
map="-ffile-prefix-map=$root/{src}=opencv -ffile-prefix-map=$work/b=build"
( cd "$work/b"
  "$root/{cmake}/bin/cmake" -G Ninja "$root/{src}" -DCMAKE_MAKE_PROGRAM="$root/{ninja}" -DCMAKE_ASM_NASM_COMPILER="$root/{nasm}" \
    -DCMAKE_C_FLAGS="$map" -DCMAKE_CXX_FLAGS="$map" {defs} > log 2>&1 || {{ tail -60 log; exit 1; }}
  grep -A3 " JPEG: " log | grep -q "SIMD Support: *YES" || {{ echo "libjpeg-turbo was configured without SIMD"; tail -60 log; exit 1; }}
  # cv::getBuildInformation() would hold the time and this folder's name: the archive must be the same bytes everywhere.
  find . -name 'version_string*' -type f | while read -r f; do echo '"OpenCV, built by //third_party/opencv\\n"' > "$f"; done
  "$root/{ninja}" > log 2>&1 || {{ tail -40 log; exit 1; }}
  DESTDIR="$work/i" "$root/{ninja}" install > log 2>&1 || {{ tail -40 log; exit 1; }} )
cp -r "$work/i/opencv/include/opencv4/." "{include}/"
# One archive, so that nobody has to care about the order of six.
( echo "create {archive}"; for a in {libs}; do echo "addlib $work/i/opencv/$a"; done; echo save; echo end ) | ar -M
""".format(
            archive = archive.path,
            cmake = ctx.file._cmake.path,
            defs = " ".join(defs),
            include = include.path,
            libs = " ".join(_LIBS.values()),
            nasm = ctx.file._nasm.path,
            ninja = ctx.file._ninja.path,
            src = src.path,
        ),
        env = {"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8"},
        mnemonic = "OpenCvBuild",
        progress_message = "Building OpenCV with CMake",
    )
    return [
        DefaultInfo(files = depset([archive, include])),
        OutputGroupInfo(include = depset([include]), archive = depset([archive])),
    ]

opencv_build = rule(
    implementation = _opencv_build_impl,
    attrs = {
        "src": attr.label(allow_single_file = True, mandatory = True),
        "_cmake": attr.label(default = "@cmake//:cmake/data", allow_single_file = True),
        "_nasm": attr.label(default = "@nasm//:usr/bin/nasm", allow_single_file = True),
        "_ninja": attr.label(default = "@ninja//:ninja-1.11.1.4.data/scripts/ninja", allow_single_file = True),
    },
)
