"""Static OpenCV (core, imgproc, imgcodecs with its own libjpeg-turbo, libpng and zlib), built by CMake in one action.

It is built in the configuration of build tools, whatever configuration asks for it: once, and not again for --config=asan
and its like.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_ON = ["BUILD_JPEG", "BUILD_PNG", "BUILD_ZLIB", "ENABLE_PIC", "WITH_JPEG", "WITH_PNG", "WITH_PTHREADS_PF"]

_OFF = [
    "BUILD_DOCS",
    "BUILD_EXAMPLES",
    "BUILD_ITT",
    "BUILD_JAVA",
    "BUILD_PERF_TESTS",
    "BUILD_SHARED_LIBS",
    "BUILD_TESTS",
    "BUILD_opencv_apps",
    "BUILD_opencv_js",
    "BUILD_opencv_python2",
    "BUILD_opencv_python3",
    "ENABLE_CCACHE",
    "ENABLE_PRECOMPILED_HEADERS",
    "OPENCV_GENERATE_PKGCONFIG",
    "WITH_1394",
    "WITH_ADE",
    "WITH_AVIF",
    "WITH_CUDA",
    "WITH_EIGEN",
    "WITH_FFMPEG",
    "WITH_FLATBUFFERS",
    "WITH_GDAL",
    "WITH_GDCM",
    "WITH_GSTREAMER",
    "WITH_GTK",
    "WITH_IMGCODEC_GIF",
    "WITH_IMGCODEC_HDR",
    "WITH_IMGCODEC_PFM",
    "WITH_IMGCODEC_PXM",
    "WITH_IMGCODEC_SUNRASTER",
    "WITH_IPP",
    "WITH_ITT",
    "WITH_JASPER",
    "WITH_LAPACK",
    "WITH_OPENCL",
    "WITH_OPENEXR",
    "WITH_OPENJPEG",
    "WITH_OPENMP",
    "WITH_PROTOBUF",
    "WITH_QT",
    "WITH_QUIRC",
    "WITH_SPNG",
    "WITH_TBB",
    "WITH_TIFF",
    "WITH_V4L",
    "WITH_VA",
    "WITH_VA_INTEL",
    "WITH_WEBP",
]

# In the order in which a linker would want them.
_LIBRARIES = [
    "lib/libopencv_imgcodecs.a",
    "lib/libopencv_imgproc.a",
    "lib/libopencv_core.a",
    "lib/opencv4/3rdparty/liblibjpeg-turbo.a",
    "lib/opencv4/3rdparty/liblibpng.a",
    "lib/opencv4/3rdparty/libzlib.a",
]

def _opencv_build_impl(ctx):
    include = ctx.actions.declare_directory(ctx.label.name + "_include")
    archive = ctx.actions.declare_file("libopencv_all.a")

    # Every name is relative: the same action in every clone, and so the same entry of the disk cache.
    inputs = [ctx.file.src, ctx.file._cmake, ctx.file._ninja, ctx.file._nasm]
    arguments = ctx.actions.args()
    arguments.add_all([f.path for f in inputs + [archive, include]])
    arguments.add(find_cpp_toolchain(ctx).compiler_executable)
    arguments.add(",".join(_LIBRARIES))
    arguments.add_all(_ON, format_each = "-D%s=ON")
    arguments.add_all(_OFF, format_each = "-D%s=OFF")
    arguments.add("-DCMAKE_BUILD_TYPE=Release")
    arguments.add("-DBUILD_LIST=core,imgproc,imgcodecs")
    arguments.add("-DCPU_BASELINE=AVX2")  # the tree's instruction set, see .bazelrc
    arguments.add("-DCPU_DISPATCH=")
    ctx.actions.run(
        executable = ctx.file._build,
        inputs = inputs,
        outputs = [archive, include],
        arguments = [arguments],
        env = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"},
        mnemonic = "OpenCvBuild",
        progress_message = "Building OpenCV with CMake (once; several minutes)",
    )
    return [OutputGroupInfo(archive = depset([archive]), include = depset([include]))]

_CC_TOOLCHAIN = {
    # what find_cpp_toolchain reads
    "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
}

opencv_build = rule(
    implementation = _opencv_build_impl,
    attrs = dict({
        "src": attr.label(allow_single_file = True, mandatory = True, doc = "OpenCV's source folder"),
        "_build": attr.label(default = "//third_party/opencv:build.sh", allow_single_file = True),
        "_cmake": attr.label(default = "@cmake//:cmake/data", allow_single_file = True),
        "_nasm": attr.label(default = "@nasm//:usr/bin/nasm", allow_single_file = True),
        "_ninja": attr.label(default = "@ninja//:bin/ninja", allow_single_file = True),
    }, **_CC_TOOLCHAIN),
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def _opencv_library_impl(ctx):
    groups = ctx.attr.build[OutputGroupInfo]
    toolchain = find_cpp_toolchain(ctx)
    library = cc_common.create_library_to_link(
        actions = ctx.actions,
        cc_toolchain = toolchain,
        feature_configuration = cc_common.configure_features(ctx = ctx, cc_toolchain = toolchain),
        pic_static_library = groups.archive.to_list()[0],
    )
    linker_input = cc_common.create_linker_input(
        libraries = depset([library]),
        owner = ctx.label,
        user_link_flags = depset(["-pthread", "-ldl"]),
    )
    return [CcInfo(
        compilation_context = cc_common.create_compilation_context(
            headers = groups.include,
            system_includes = depset([folder.path for folder in groups.include.to_list()]),
        ),
        linking_context = cc_common.create_linking_context(linker_inputs = depset([linker_input])),
    )]

opencv_library = rule(
    implementation = _opencv_library_impl,
    attrs = dict({
        "build": attr.label(cfg = "exec", mandatory = True, doc = "an opencv_build"),
    }, **_CC_TOOLCHAIN),
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
