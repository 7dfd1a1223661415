"""accuracy_gate_test: a test that fails where metrics are worse than recorded runs were.

    accuracy_gate_test(
        name = "study_gate_test",
        baseline = "study_baseline.textproto",
        metrics = ":study.full.seed0",          # a file, or a target that makes metrics.textproto or a .json of scores
    )

Its output has a line for each metric; `pose_eval gate --help` says how to record a new baseline.
"""

def _metrics_file(ctx):
    files = [
        file
        for file in ctx.files.metrics
        if file.basename == "metrics.textproto" or file.extension == "json" or len(ctx.files.metrics) == 1
    ]
    if len(files) != 1:
        fail("%s: expected one metrics.textproto or .json in metrics, found %d" % (ctx.label, len(files)))
    return files[0]

def _accuracy_gate_test_impl(ctx):
    metrics = _metrics_file(ctx)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        "#!/bin/sh\nexec '%s' gate --baseline='%s' --metrics='%s'\n" % (
            ctx.executable._pose_eval.short_path,
            ctx.file.baseline.short_path,
            metrics.short_path,
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [ctx.executable._pose_eval, ctx.file.baseline, metrics])
    return [DefaultInfo(executable = script, runfiles = runfiles)]

accuracy_gate_test = rule(
    implementation = _accuracy_gate_test_impl,
    test = True,
    attrs = {
        "baseline": attr.label(allow_single_file = [".textproto"], mandatory = True, doc = "eval/gate.proto"),
        "metrics": attr.label(allow_files = True, mandatory = True, doc = "what is measured"),
        "_pose_eval": attr.label(default = "//eval:pose_eval", executable = True, cfg = "target"),
    },
)
