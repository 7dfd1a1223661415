"""cuda_library: CUDA C++ compiled by the nvcc of @nvcc, with the machine's g++ as its host compiler.

The files are compiled in every build, so that an edit cannot break them unseen. Linking what they give needs CUDA's
runtime, which comes with --config=cuda: choose with if_cuda() what is linked only there.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("@rules_cc//cc:defs.bzl", "cc_library")

# The data-centre GPUs of these years, A100 and H100. --define=cuda_architectures=75,80,... compiles for others;
# --config=cuda does. The code of the last one is included as PTX too, which newer GPUs compile when they load it.
_ARCHITECTURES = "80,90"

def if_cuda(then, otherwise = []):
    """A list that is `then` under --config=cuda."""
    return select({
        "//third_party/bazel:cuda": then,
        "//conditions:default": otherwise,
    })

def _compile(ctx, source, toolchain, context):
    """Declares the action that compiles one source; returns its object, and the static profile of its kernels."""
    toolkit = ctx.file._toolkit
    output = ctx.actions.declare_file("_cuda/%s/%s.o" % (ctx.label.name, source.basename))
    profile = ctx.actions.declare_file("_cuda/%s/%s.csv" % (ctx.label.name, source.basename))
    args = ctx.actions.args()
    args.add_all(["-c", source, "-o", output])
    args.add_all(["-ccbin", toolchain.compiler_executable, "-std=c++17", "-Xcompiler=-fPIC"])
    args.add_all(["-O0"] if ctx.var["COMPILATION_MODE"] == "dbg" else ["-O3", "-DNDEBUG"])

    # device code that calls a function of the host would only be warned of
    args.add("--Werror=cross-execution-space-call")

    # The same bytes every time: intermediate files, whose names end up in the object, are named after the source and
    # not after the process, and so is the seed. (The symbols of an unnamed namespace would still carry a hash of the
    # folder that nvcc runs in: give kernels a named one.)
    args.add_all(["--keep", "--keep-dir", ".", "--frandom-seed=" + source.path])
    architectures = ctx.var.get("cuda_architectures", _ARCHITECTURES).split(",")
    args.add_all(["-gencode=arch=compute_%s,code=sm_%s" % (a, a) for a in architectures])
    args.add("-Xptxas=-v")
    args.add("-gencode=arch=compute_%s,code=compute_%s" % (architectures[-1], architectures[-1]))
    args.add_all(ctx.attr.copts)
    args.add_all(context.defines, before_each = "-D")
    args.add_all(context.quote_includes, before_each = "-I")
    args.add_all(context.includes, before_each = "-I")
    args.add_all(context.system_includes, before_each = "-isystem")
    ctx.actions.run(
        executable = ctx.file._profile,
        # what ptxas says of every kernel would drown a warning
        arguments = ["compile", profile.path, source.basename, toolkit.path + "/bin/nvcc", args],
        inputs = depset(
            [source, toolkit, ctx.file._profile] + ctx.files.hdrs,
            transitive = [context.headers, toolchain.all_files],
        ),
        outputs = [output, profile],
        env = {
            "PATH": "/usr/bin:/bin",
            "TMPDIR": "/tmp",
        },
        mnemonic = "CudaCompile",
        progress_message = "Compiling CUDA %s" % source.short_path,
    )
    return output, profile

def _cuda_library_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    below = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps + [ctx.attr._headers]])
    compiled = [_compile(ctx, source, toolchain, below.compilation_context) for source in ctx.files.srcs]
    objects = [output for output, _ in compiled]
    archive = ctx.actions.declare_file("lib%s.a" % ctx.label.name)
    args = ctx.actions.args()
    args.add_all(["rcsD", archive] + objects)
    ctx.actions.run(
        executable = toolchain.ar_executable,
        arguments = [args],
        inputs = depset(objects, transitive = [toolchain.all_files]),
        outputs = [archive],
        mnemonic = "CudaArchive",
    )
    library = cc_common.create_library_to_link(
        actions = ctx.actions,
        feature_configuration = features,
        cc_toolchain = toolchain,
        static_library = archive,
        pic_static_library = archive,
    )
    own = CcInfo(
        compilation_context = cc_common.create_compilation_context(headers = depset(ctx.files.hdrs)),
        linking_context = cc_common.create_linking_context(linker_inputs = depset([cc_common.create_linker_input(
            owner = ctx.label,
            libraries = depset([library]),
        )])),
    )
    return [
        DefaultInfo(files = depset([archive])),
        OutputGroupInfo(static_profile = depset([profile for _, profile in compiled])),
        cc_common.merge_cc_infos(direct_cc_infos = [own], cc_infos = [below]),
    ]

def _link_only_impl(ctx):
    linking = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).linking_context
    return [CcInfo(linking_context = linking)]

link_only = rule(
    implementation = _link_only_impl,
    doc = """What deps link, without their headers.

Where --config=cuda links more, nothing that is compiled changes, and a build with CUDA compiles nothing anew.
""",
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)

cuda_library = rule(
    implementation = _cuda_library_impl,
    doc = "A static library of .cu files.",
    attrs = {
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "hdrs": attr.label_list(allow_files = [".h"]),
        "srcs": attr.label_list(allow_files = [".cu"]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_headers": attr.label(default = "@nvcc//:headers", providers = [CcInfo]),
        "_profile": attr.label(default = "//third_party/bazel:cuda_profile.py", allow_single_file = True),
        "_toolkit": attr.label(default = "@nvcc//:nvidia/cu13", allow_single_file = True),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def cuda_static_profile(name, library, table):
    """The static profile of a library's kernels, compared with a checked-in table: registers, spills, code size, ...

    NAME is the built table (third_party/bazel/cuda_profile.py says what it holds), NAME_test the comparison, which also
    fails where a kernel spills, and NAME_update writes the checked-in one anew.

    Args:
      name: of all this.
      library: a cuda_library with one source.
      table: the checked-in CSV file.
    """
    native.filegroup(name = name, srcs = [library], output_group = "static_profile")
    path = "%s/%s" % (native.package_name(), table)
    native.sh_test(
        name = name + "_test",
        size = "small",
        srcs = ["//third_party/bazel:cuda_profile.py"],
        args = [
            "compare",
            "$(rootpath :%s)" % name,
            "$(rootpath %s)" % table,
            "'./bazelw run //%s:%s_update'" % (native.package_name(), name),
        ],
        data = [name, table],
    )
    native.sh_binary(
        name = name + "_update",
        srcs = ["//third_party/bazel:cuda_profile.py"],
        args = ["update", "$(rootpath :%s)" % name, path],
        data = [name],
    )

def cuda_emulated_library(name, src, deps, architecture = 900, **kwargs):
    """One .cu file, compiled by g++ for tests that run its kernels on the CPU: //ops/cuda_emulator.

    Args:
      name: of the library; programs that link it compile its headers with OPS_CUDA_EMULATED.
      src: the .cu file.
      deps: what the cuda_library of this file has.
      architecture: what OPS_CUDA_ARCH is, 900 for sm_90.
      **kwargs: as for cc_library.
    """
    native.genrule(
        name = name + "_source",
        srcs = [src],
        outs = [name + ".cc"],
        cmd = "echo '#include \"%s/%s\"' > $@" % (native.package_name(), src),
    )
    cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        # elements are loaded sixteen bytes at a time; "#pragma unroll" is nvcc's
        copts = ["-fno-strict-aliasing", "-Wno-unknown-pragmas"],
        local_defines = ["OPS_CUDA_ARCH=%d" % architecture],
        textual_hdrs = [src],
        deps = deps + ["//ops/cuda_emulator"],
        **kwargs
    )
