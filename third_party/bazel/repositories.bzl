"""Every outside project: one repository each, locked by version and SHA-256 in its room under //third_party."""

load("//third_party/bazel:fetch.bzl", "locked_packages")

def _project(name, room, **kwargs):
    locked_packages(
        name = name,
        build_file = "//third_party/%s:%s.BUILD" % (room, room),
        lock = "//third_party/%s:%s.lock" % (room, room),
        **kwargs
    )

def _bazel_rules():
    """What Bazel 4.2.3 itself asks for: rules from Debian, two small stand-ins from us."""
    native.local_repository(name = "rules_cc", path = "third_party/bazel/shims/rules_cc")
    native.local_repository(name = "remote_coverage_tools", path = "third_party/bazel/shims/remote_coverage_tools")
    locked_packages(
        name = "rules_java",
        lock = "//third_party/bazel:rules_java.lock",
        # //tools/ci:hermetic_test asks where this repository lies
        patch_cmds = ["echo 'exports_files([\"WORKSPACE\"])' >> BUILD"],
        strip_prefix = "usr/share/bazel/rules/java",
    )
    locked_packages(
        name = "rules_proto",
        lock = "//third_party/bazel:rules_proto.lock",
        strip_prefix = "usr/share/bazel/rules/proto",
    )
    locked_packages(
        name = "bazel_skylib",
        lock = "//third_party/bazel:skylib.lock",
        strip_prefix = "usr/share/bazel/tools/skylib",
    )

def _tools():
    """What build actions run. The machine gives only g++, python3 and the shell's own programs."""
    _project(
        name = "cmake",
        room = "cmake",
        patch_cmds = ["rm -rf cmake/data/doc cmake/data/bin/cpack cmake/data/bin/ctest"],
    )
    _project(
        name = "ninja",
        room = "ninja",
        # a folder without the version in its name
        patch_cmds = ["mkdir bin; mv *.data/scripts/ninja bin/"],
    )
    _project(name = "nasm", room = "nasm")
    _project(name = "clang_format", room = "clang_format")
    _project(name = "nvcc", room = "nvcc")
    _project(name = "clang_tidy", room = "clang_tidy")

def _libraries():
    _project(
        name = "com_google_absl",
        room = "abseil",
        # One archive made of all libabsl_*.a: nobody has to care about their order.
        patch_cmds = ["(echo create libabsl_all.a; for a in usr/lib/*/libabsl_*.a; do echo addlib $a; done; echo save; echo end) | ar -M"],
    )
    _project(
        name = "com_google_protobuf",
        room = "protobuf",
        overlay = {"//third_party/protobuf:protoc_main.cc": "protoc_main.cc"},
        # The headers of the library in one directory of their own, those of the compiler in another.
        patch_cmds = [
            "mkdir -p include/google protoc_include/google/protobuf well_known zlib_include",
            "mv usr/include/google/protobuf/compiler protoc_include/google/protobuf/",
            "cd usr/include; find google -name '*.proto' -exec cp --parents {} ../../well_known \\;",
            "mv usr/include/google/protobuf include/google/",
            "mv usr/include/zlib.h usr/include/zconf.h zlib_include/",
        ],
    )
    _project(name = "com_google_googletest", room = "googletest")
    _project(name = "com_github_google_benchmark", room = "benchmark")
    _project(name = "eigen", room = "eigen")
    _project(name = "simdjson", room = "simdjson")
    _project(name = "highway", room = "highway")
    _project(name = "sqlite", room = "sqlite")
    _project(
        name = "libtorch",
        room = "torch",
        patch_cmds = [
            # One directory for all shared libraries; none of the copies of other projects' headers.
            "mkdir lib; mv torch/lib/*.so* nvidia/cu13/lib/*.so* lib/",
            "cd torch/include; rm -rf google pybind11 THC tensorpipe fbgemm oneapi kineto legacy fp16",
            "rm -rf functorch torchgen nvidia/cu13/lib torch/bin torch/test torch/_inductor torch/_dynamo torch/testing",
        ],
    )
    _project(
        name = "cuda_libs",
        room = "cuda_libs",
        # Shared libraries only, all in one directory, and none that LibTorch does not load.
        patch_cmds = [
            "mkdir lib; for folder in nvidia/*/lib; do mv $folder/*.so* lib/; done; rm -rf nvidia",
            "cd lib; rm -f libcufile_rdma* libnvblas* libcufftw* libcusolverMg* *.alt.so* nvshmem_* libnvshmem_device*",
        ],
    )
    _project(
        name = "opencv",
        room = "opencv",
        # What OpenCV's build can do without. Its configuring fails without most other folders.
        patch_cmds = [
            "mv opencv src; rm -rf src/samples",
            "cd src/modules; rm -rf calib3d dnn features2d flann gapi highgui ml objdetect photo stitching video videoio",
        ],
    )

def repositories():
    """Declares all repositories. Nothing is fetched before a target needs it."""
    _bazel_rules()
    _tools()
    _libraries()
