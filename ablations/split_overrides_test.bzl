"""split_overrides_test: what --//ablations:set becomes."""

load(":study.bzl", "split_overrides")

def _split_overrides_test_impl(ctx):
    found = split_overrides(ctx.attr.value)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    as_expected = found == ctx.attr.expected
    ctx.actions.write(
        output = script,
        is_executable = True,
        content = "#!/bin/sh\ncat <<'END'\nfound %s, expected %s\nEND\nexit %d\n" %
                  (found, ctx.attr.expected, 0 if as_expected else 1),
    )
    return [DefaultInfo(executable = script)]

split_overrides_test = rule(
    implementation = _split_overrides_test_impl,
    attrs = {
        "expected": attr.string_list(),
        "value": attr.string(),
    },
    test = True,
)
