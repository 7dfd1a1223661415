"""profile_gate: a chosen set of kernels that a merge must not make slower."""

load("//third_party/bazel:defs.bzl", "sh_binary")

def profile_gate(name, filter, targets = ["//ops/..."], max_slowdown = 5, time_budget = 180, **kwargs):
    """./bazelw run :NAME -- --base=REV --head=REV compares the kernels of two revisions.

    Exit code 1 where one became slower, gives other results or does not run. Further arguments are those of
    `profile gate`.

    Args:
      name: of the target
      filter: regular expression that is found in "LABEL NAME" of the benchmarks in question
      targets: Bazel patterns of where to look for programs named *_benchmark
      max_slowdown: per cent that pass
      time_budget: seconds of measuring; builds come on top
      **kwargs: of the target
    """
    sh_binary(
        name = name,
        srcs = ["//tools/profile:run_gate.sh"],
        args = [
            "$(rootpath //tools/profile)",
            "gate",
            "'--filter=%s'" % filter,
            "--max-slowdown=%s" % max_slowdown,
            "--time_budget=%d" % time_budget,
        ] + ["--targets=" + target for target in targets],
        data = ["//tools/profile"],
        **kwargs
    )
