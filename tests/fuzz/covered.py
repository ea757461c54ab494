"""The lines of a fuzzer's target that inputs reach. The target are the files below src/ that lines
`// Target: PATTERN...` in the fuzzer name."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "coverage"


def target(source):
    mark = "// Target: "
    lines = [line for line in source.read_text().splitlines() if line.startswith(mark)]
    patterns = " ".join(line.removeprefix(mark) for line in lines).split()
    return sorted({path for pattern in patterns for path in (ROOT / "src").glob(pattern)})


def lines(name, source, inputs):
    """Runs `inputs`. [(path, lines reached, lines)] of the target; files without code are left out."""
    program = BUILD / "tests" / "fuzz" / f"{name}_fuzz"
    raw, data = BUILD / f"{name}.profraw", BUILD / f"{name}.profdata"
    subprocess.run([program, "-timeout=60", *inputs], check=True, capture_output=True,
                   env={**os.environ, "LLVM_PROFILE_FILE": str(raw)})
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", raw, "-o", data], check=True)
    raw.unlink()
    report = subprocess.run(["llvm-cov-19", "export", "-summary-only", f"-instr-profile={data}", program,
                             *target(source)], check=True, stdout=subprocess.PIPE).stdout
    files = json.loads(report)["data"][0]["files"]
    return [(os.path.relpath(file["filename"], ROOT), file["summary"]["lines"]["covered"],
             file["summary"]["lines"]["count"]) for file in files]


def how_to_look(name):
    return (f"llvm-cov-19 show -instr-profile=build/coverage/{name}.profdata "
            f"build/coverage/tests/fuzz/{name}_fuzz FILE | grep ' 0|'")
