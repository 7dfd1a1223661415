"""clang-tidy as build actions, one a source file: what was looked at once is not looked at again.

    clang_tidy_test(name = "tidy_test")    at the end of a BUILD file: every source of that package
    ./bazelw run //tools/lint:tidy         the whole tree, or the files that are named
"""

_KINDS = ["cc_binary", "cc_library", "cc_test"]

def _flags(ctx, context):
    """What the compiler is given, as far as clang has a word for it."""
    flags = ctx.fragments.cpp.cxxopts + ctx.fragments.cpp.copts
    flags += ["-D" + define for define in context.defines.to_list() + ctx.rule.attr.local_defines]
    for option, folders in [
        ("-iquote", context.quote_includes),
        ("-I", context.includes),
        ("-isystem", context.system_includes),
    ]:
        for folder in folders.to_list():
            flags += [option, folder]
    return flags

def _tidy_aspect_impl(target, ctx):
    if ctx.rule.kind not in _KINDS:
        return []
    sources = [f for f in ctx.rule.files.srcs if f.is_source and f.extension == "cc"]
    infos = [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    if CcInfo in target:
        infos.append(target[CcInfo])
    context = cc_common.merge_cc_infos(cc_infos = infos).compilation_context
    findings = []
    for source in sources:
        finding = ctx.actions.declare_file("%s.tidy/%s.txt" % (ctx.rule.attr.name, source.basename))
        findings.append(finding)
        command = [ctx.file._clang_tidy.path, "--quiet", "--config-file=" + ctx.file._config.path, source.path, "--"]
        ctx.actions.run_shell(
            # Findings are no failure of the build. What clang could not read at all it says on stderr only. Names as
            # the tree has them: a sandbox's folder changes from run to run.
            command = """out=$1; shift
                "$@" > found 2> errors || [ -s found ] || cp errors found
                sed -e "s#$PWD/##g" -e "s#^[.]/##" found > "$out"
            """,
            arguments = [finding.path] + command + _flags(ctx, context),
            inputs = depset(
                [source, ctx.file._clang_tidy, ctx.file._headers, ctx.file._config] + ctx.rule.files.srcs,
                transitive = [context.headers],
            ),
            mnemonic = "ClangTidy",
            outputs = [finding],
            progress_message = "Reading %s with clang-tidy" % source.short_path,
        )
    return [OutputGroupInfo(tidy = depset(findings))]

tidy_aspect = aspect(
    implementation = _tidy_aspect_impl,
    attrs = {
        "_clang_tidy": attr.label(default = "@clang_tidy//:clang_tidy/data/bin/clang-tidy", allow_single_file = True),
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_headers": attr.label(default = "@clang_tidy//:clang_tidy/data/lib", allow_single_file = True),
    },
    fragments = ["cpp"],
)

def _clang_tidy_test_impl(ctx):
    findings = depset(transitive = [
        target[OutputGroupInfo].tidy
        for target in ctx.attr.targets
        if OutputGroupInfo in target and hasattr(target[OutputGroupInfo], "tidy")
    ])
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    files = [f.short_path for f in findings.to_list()]
    ctx.actions.write(script, is_executable = True, content = """#!/bin/sh
# Prints what clang-tidy found in %d files; fails if it found anything.
! cat %s | grep .
""" % (len(files), " ".join(files)))
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(transitive_files = findings))]

_clang_tidy_test = rule(
    implementation = _clang_tidy_test_impl,
    attrs = {"targets": attr.label_list(aspects = [tidy_aspect])},
    test = True,
)

def clang_tidy_test(name, targets = None, **kwargs):
    """clang-tidy finds nothing in the package's C++ rules above this line, or in `targets`.

    Args:
      name: tidy_test.
      targets: the rules to read; those without LibTorch, which takes clang-tidy ten seconds a file, where a package
        has both.
      **kwargs: what every test has.
    """
    if targets == None:
        targets = [":" + rule["name"] for rule in native.existing_rules().values() if rule["kind"] in _KINDS]
    _clang_tidy_test(name = name, targets = targets, size = "small", **kwargs)
