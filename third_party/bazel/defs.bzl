"""The one file that every BUILD file loads its rules from: a move to another Bazel is one edit here."""

load("//tools/lint:tidy.bzl", _clang_tidy_test = "clang_tidy_test")
load("@rules_cc//cc:defs.bzl", _cc_binary = "cc_binary", _cc_library = "cc_library", _cc_proto_library = "cc_proto_library", _cc_test = "cc_test")
load("@rules_proto//proto:defs.bzl", _proto_library = "proto_library")
load("//third_party/bazel:cuda.bzl", _cuda_emulated_library = "cuda_emulated_library", _cuda_library = "cuda_library", _cuda_static_profile = "cuda_static_profile", _if_cuda = "if_cuda", _link_only = "link_only")

# Warnings are for our own code: outside projects are included as system headers.
_COPTS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-sign-compare", "-Wno-missing-field-initializers"]

proto_library = _proto_library
cc_proto_library = _cc_proto_library
cuda_library = _cuda_library
cuda_emulated_library = _cuda_emulated_library
cuda_static_profile = _cuda_static_profile
if_cuda = _if_cuda
link_only = _link_only
genquery = native.genquery
genrule = native.genrule
sh_binary = native.sh_binary

def cc_library(copts = [], **kwargs):
    _cc_library(copts = _COPTS + copts, **kwargs)

def cc_binary(copts = [], **kwargs):
    _cc_binary(copts = _COPTS + copts, **kwargs)

def cc_test(copts = [], deps = [], size = "small", **kwargs):
    """A GoogleTest program; the main function comes with it."""
    _cc_test(copts = _COPTS + copts, deps = deps + ["@com_google_googletest//:gtest_main"], size = size, **kwargs)

def sh_test(size = "small", **kwargs):
    native.sh_test(size = size, **kwargs)

def python_test(src, **kwargs):
    """An executable Python file that exits non-zero on a failure; the machine's python3 runs it."""
    sh_test(srcs = [src], **kwargs)

clang_tidy_test = _clang_tidy_test
