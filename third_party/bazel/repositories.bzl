"""Every outside project: one repository each, locked by version and SHA-256 in its room under //third_party."""

load("//third_party/bazel:fetch.bzl", "debian_packages", "pypi_sdist", "pypi_wheels")

def _room(name):
    return {
        "build_file": "//third_party/%s:%s.BUILD" % (name, name),
        "lock": "//third_party/%s:%s.lock" % (name, name),
    }

def repositories():
    """Declares all repositories. Nothing is fetched before a target needs it."""

    # What Bazel 4.2.3 itself asks for. The rules come from Debian, two small stand-ins from us.
    native.local_repository(name = "rules_cc", path = "third_party/bazel/shims/rules_cc")
    native.local_repository(name = "remote_coverage_tools", path = "third_party/bazel/shims/remote_coverage_tools")
    debian_packages(name = "rules_java", lock = "//third_party/bazel:rules_java.lock", strip_prefix = "usr/share/bazel/rules/java")
    debian_packages(name = "rules_proto", lock = "//third_party/bazel:rules_proto.lock", strip_prefix = "usr/share/bazel/rules/proto")
    debian_packages(name = "bazel_skylib", lock = "//third_party/bazel:skylib.lock", strip_prefix = "usr/share/bazel/tools/skylib")

    # Libraries.
    debian_packages(
        name = "com_google_absl",
        # One archive made of all libabsl_*.a: nobody has to care about their order.
        patch_cmds = ["(echo create libabsl_all.a; for a in usr/lib/*/libabsl_*.a; do echo addlib $a; done; echo save; echo end) | ar -M"],
        **_room("abseil")
    )
    debian_packages(
        name = "com_google_protobuf",
        overlay = {"//third_party/protobuf:protoc_main.cc": "protoc_main.cc"},
        # The headers of the library in one directory of their own, those of the compiler in another.
        patch_cmds = [
            "mkdir -p include/google protoc_include/google/protobuf well_known",
            "mv usr/include/google/protobuf/compiler protoc_include/google/protobuf/",
            "(cd usr/include && find google -name '*.proto' | cpio -pdm --quiet ../../well_known 2>/dev/null || find google -name '*.proto' -exec cp --parents {} ../../well_known \\;)",
            "mv usr/include/google/protobuf include/google/",
            "mkdir zlib_include; mv usr/include/zlib.h usr/include/zconf.h zlib_include/",
        ],
        **_room("protobuf")
    )
    debian_packages(name = "com_google_googletest", **_room("googletest"))
    debian_packages(name = "com_github_google_benchmark", **_room("benchmark"))
    debian_packages(name = "eigen", **_room("eigen"))
    debian_packages(name = "simdjson", **_room("simdjson"))
    pypi_wheels(
        name = "libtorch",
        patch_cmds = [
            # One directory for all shared libraries; none of the copies of other projects' headers.
            "mkdir lib; mv torch/lib/*.so* nvidia/cu13/lib/*.so* lib/",
            "cd torch/include; rm -rf google pybind11 THC tensorpipe fbgemm oneapi kineto legacy fp16",
            "rm -rf functorch torchgen nvidia/cu13/lib torch/bin torch/test torch/_inductor torch/_dynamo torch/testing",
        ],
        **_room("torch")
    )
    pypi_sdist(
        name = "opencv",
        strip_prefix = "opencv-python-headless-4.12.0.88",
        # What OpenCV's build can do without.
        patch_cmds = ["mv opencv src; rm -rf src/samples; cd src/modules; rm -rf calib3d dnn features2d flann gapi highgui ml objdetect photo stitching video videoio"],
        **_room("opencv")
    )

    # Tools that build actions run. The machine gives only g++.
    pypi_wheels(name = "cmake", patch_cmds = ["chmod +x cmake/data/bin/*"], **_room("cmake"))
    pypi_wheels(name = "ninja", patch_cmds = ["chmod +x ninja/data/bin/ninja 2>/dev/null || find . -name ninja -type f -exec chmod +x {} +"], **_room("ninja"))
    debian_packages(name = "nasm", **_room("nasm"))
    pypi_wheels(name = "clang_format", patch_cmds = ["chmod +x clang_format/data/bin/clang-format"], **_room("clang_format"))
