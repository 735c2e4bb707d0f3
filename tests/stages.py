# SPDX-License-Identifier: Apache-2.0
"""The stages of tests/run: what each runs, and how many test cases passed and failed in it.

A stage is a function that returns a Count or raises StageFailed. What it prints goes to build/log/<stage>.log; the
screen gets a line per stage, and the end of the log when it fails. build/ledger.jsonl gets a line per stage run.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
BUILD = REPOSITORY / "build"
LEDGER = BUILD / "ledger.jsonl"
DEPS = pathlib.Path(os.environ.get("MILLRACE_DEPS") or REPOSITORY / ".deps")
JOBS = str(os.cpu_count())
BINARY = BUILD / "release/src/cli/millrace"
FAILPOINTS_TEST = "tests/e2e/test_kafka_failpoints.py"
# The C library and its loader. Everything else must be inside the binary.
SYSTEM_LIBRARIES = re.compile(r"(libc|libm|libdl|libpthread|librt)\.so\.\d+|ld-linux.*\.so\.\d+")

FULL = False


class StageFailed(Exception):
    """Says in a line why; the log has the rest."""


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self


class Log:
    """The log of the stage that runs."""

    def __init__(self, stage):
        path = BUILD / "log" / f"{stage}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.file = open(path, "w", encoding="utf-8", errors="replace")

    def run(self, *command, check=True, environment=None):
        """Runs a command into the log; returns its exit code, or raises when `check` and it is not 0."""
        words = [str(word) for word in command]
        self.file.write("$ " + " ".join(words) + "\n")
        self.file.flush()
        code = subprocess.run(words, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=self.file, stderr=subprocess.STDOUT,
                              env=dict(os.environ, **(environment or {}))).returncode
        if check and code != 0:
            raise StageFailed(f"{' '.join(words[:3])} ... ended with {code}")
        return code

    def write(self, text):
        self.file.write(text + "\n")
        self.file.flush()

    def tail(self, lines=60):
        self.file.flush()
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-lines:])


# Building


def configure(log, preset, *definitions):
    log.run("cmake", "--preset", preset, *definitions)


def build(log, preset, targets=("all",)):
    if not targets:
        raise StageFailed(f"nothing to build in {preset}: no test has the label")
    log.run("cmake", "--build", BUILD / preset, "-j", JOBS, "--target", *targets)


def ctest_names(preset, label):
    """The ctest entries with a label: millrace_test(x) makes entry x and program x_test, millrace_fuzz(x) entry and
    program fuzz_x."""
    listing = subprocess.run(["ctest", "--test-dir", BUILD / preset, "-N", "-L", f"^{label}$"], capture_output=True,
                             text=True, check=True).stdout
    return re.findall(r"^ *Test +#\d+: (\S+)", listing, re.MULTILINE)


def programs(preset, label):
    names = ctest_names(preset, label)
    return [name if name.startswith("fuzz_") else f"{name}_test" for name in names]


# Running


def ctest(log, preset, label, environment=None):
    """Runs the entries with a label. A GoogleTest program counts as its cases, any other as one."""
    names = ctest_names(preset, label)
    if not names:
        raise StageFailed(f"no test in {preset} has the label {label}")
    reports = BUILD / preset / "reports" / label
    shutil.rmtree(reports, ignore_errors=True)
    (reports / "gtest").mkdir(parents=True)
    log.run("ctest", "--test-dir", BUILD / preset, "-L", f"^{label}$", "-j", JOBS, "--output-on-failure",
            "--output-junit", reports / "ctest.xml", check=False,
            environment={"GTEST_OUTPUT": f"json:{reports}/gtest/", **(environment or {})})
    count = Count()
    for case in xml.etree.ElementTree.parse(reports / "ctest.xml").iter("testcase"):
        cases = Count()
        for report in reports.glob(f"gtest/{case.get('name')}_test.json"):
            totals = json.loads(report.read_text())
            skipped = sum(test.get("result") == "SKIPPED" for suite in totals["testsuites"] for test in suite["testsuite"])
            failed = totals["failures"] + totals["errors"]
            cases += Count(totals["tests"] - failed - skipped - totals["disabled"], failed, skipped)
        if case.get("status") != "run" and not cases.failed:
            cases.failed += 1  # crashed or ran out of time: no report tells
        elif not (cases.passed or cases.failed or cases.skipped):
            cases.passed += 1
        count += cases
    return count


def pytest(log, *arguments, environment=None):
    report = BUILD / "reports" / "pytest.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    code = log.run(sys.executable, "-m", "pytest", "-v", "-ra", "-p", "no:cacheprovider", f"--junitxml={report}",
                   "--durations=15", *arguments, check=False, environment=environment)
    if not report.exists() or code not in (0, 1):
        raise StageFailed(f"pytest ended with {code}")
    suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
    total, failed, skipped = (int(suite.get(name)) for name in ("tests", "failures", "skipped"))
    failed += int(suite.get("errors"))
    return Count(total - failed - skipped, failed, skipped)


# Stages


def sources(*endings):
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--",
                              *(f"*.{ending}" for ending in endings)],
                             cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.splitlines() if (REPOSITORY / name).exists()]


def stage_format(log):
    """clang-format has nothing to change"""
    log.run("clang-format-19", "--dry-run", "-Werror", *sources("cc", "h"))
    return Count(passed=1)


def stage_release(log):
    """release build: millrace, unit tests, benchmarks"""
    configure(log, "release")
    build(log, "release")
    return Count(passed=1)


def stage_one_binary(log):
    """the release binary starts and needs only the system's C library"""
    log.run(BINARY, "version")
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]",
                        subprocess.run(["readelf", "-dW", BINARY], capture_output=True, text=True, check=True).stdout)
    foreign = [library for library in needed if not SYSTEM_LIBRARIES.fullmatch(library)]
    log.write(f"needs {needed}; {BINARY.stat().st_size / 1e6:.1f} MB")
    if foreign or not needed:
        raise StageFailed(f"{BINARY.name} needs {foreign or 'an unknown loader'}")
    return Count(passed=1)


def stage_unit(log):
    """unit tests, release"""
    return ctest(log, "release", "unit")


def stage_fuzz_replay(log):
    """seeds and regressions of every fuzz target, release"""
    return ctest(log, "release", "fuzz")


def stage_sim(log):
    """simulation, release"""
    return ctest(log, "release", "sim", full_environment())


def stage_asan(log):
    """unit tests, simulation and fuzz replay under the address and undefined-behaviour sanitizers"""
    # The short form takes the clang build that fuzzing needs anyway; the full one also the compiler that ships.
    count = Count()
    for preset in ("fuzz", "asan") if FULL else ("fuzz",):
        configure(log, preset)
        labels = ("unit", "fuzz", "sim")
        build(log, preset, [program for label in labels for program in programs(preset, label)])
        for label in labels:
            count += ctest(log, preset, label, {"MILLRACE_SIM_SEEDS": "300"})
    return count


def stage_tsan(log):
    """tests of what crosses threads, under the thread sanitizer"""
    configure(log, "tsan")
    build(log, "tsan", programs("tsan", "tsan"))
    return ctest(log, "tsan", "tsan")


def stage_tidy(log):
    """clang's warnings and clang-tidy on everything in src/"""
    # A build folder of its own: never built, read by clang-tidy. Precompiled headers of g++ would confuse it.
    log.run("cmake", "--preset", "debug", "-B", BUILD / "tidy", "-DCMAKE_CXX_COMPILER=clang++-19",
            "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON")
    # The analyzer takes half of the time: with --full.
    checks = [] if FULL else ["-checks=-clang-analyzer-*"]
    log.run("run-clang-tidy-19", "-quiet", "-j", JOBS, *checks, "-p", BUILD / "tidy", f"^{REPOSITORY}/src/.*\\.cc$")
    return Count(passed=1)


def stage_fuzz(log):
    """each fuzz target from its seeds for some seconds, with the sanitizers"""
    configure(log, "fuzz")
    targets = programs("fuzz", "fuzz")
    build(log, "fuzz", targets)
    seconds = os.environ.get("MILLRACE_FUZZ_SECONDS", "600" if FULL else "8")
    findings = BUILD / "fuzz" / "findings"
    findings.mkdir(exist_ok=True)
    count = Count()
    running = []

    def finish(target, process):
        code = process.wait()
        log.write((BUILD / f"fuzz/{target}.log").read_text(errors="replace")[-2000:])
        if code != 0:
            log.write(f"FAILED {target}: exit code {code}; its input is in {findings}")
        count.passed += code == 0
        count.failed += code != 0

    for target in targets:
        program = next(iter((BUILD / "fuzz/fuzz").rglob(target)))
        name = target.removeprefix("fuzz_")
        found = BUILD / "fuzz" / "corpus" / name  # what this machine found before: the longer runs go on from it
        found.mkdir(parents=True, exist_ok=True)
        seeds = [folder for kind in ("corpus", "regressions") if (folder := REPOSITORY / "fuzz" / kind / name).exists()]
        if len(running) == int(JOBS):
            finish(*running.pop(0))
        with open(BUILD / f"fuzz/{target}.log", "w") as output:
            running.append((target, subprocess.Popen(
                [program, f"-max_total_time={seconds}", "-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1",
                 f"-artifact_prefix={findings}/{target}-", found, *seeds],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)))
    for target, process in running:
        finish(target, process)
    return count


def stage_checker(log):
    """the judge of what stands in topics finds every class of error, and raises no false alarm"""
    return pytest(log, "tests/kafka_tools", environment=full_environment())


def stage_e2e(log):
    """the binary against real servers"""
    versions = os.environ.get("MILLRACE_PG_VERSIONS", "15 17 18" if FULL else "17")
    log.run("tests/servers/fetch", *versions.split(), "kafka", "debezium")
    return pytest(log, "tests/e2e", f"--ignore={FAILPOINTS_TEST}",
                  environment={"MILLRACE_PG_VERSIONS": versions, **full_environment()})


def stage_failpoints(log):
    """a build with failpoints: killed, failed and held up at every step from receive to told"""
    configure(log, "failpoints")
    build(log, "failpoints", ["millrace"])
    log.run("tests/servers/fetch", "17", "kafka")
    return pytest(log, FAILPOINTS_TEST, environment={
        "MILLRACE_FAILPOINTS_BINARY": str(BUILD / "failpoints/src/cli/millrace"), "MILLRACE_FULL": "1"})


def stage_quickstart(log):
    """deploy/quickstart shows change events, by itself and through Kafka"""
    shown = 0
    for seconds, words in ((8, ()), (20, ("--kafka",))):
        log.run("deploy/quickstart", *words, "--seconds", str(seconds), "--rate", "10")
        log.file.flush()
        events = log.path.read_text(errors="replace")[shown:]
        shown += len(events)
        missing = [kind for kind in "rcu" if f'"op":"{kind}"' not in events]
        if missing:
            raise StageFailed(f"no event with op {missing} on the screen in {seconds} seconds")
    return Count(passed=2)


def stage_bench(log):
    """benchmarks: each checks its answer, then times"""
    count = Count()
    for program in sorted(path for path in (BUILD / "release/bench").rglob("bench_*") if path.is_file() and
                          os.access(path, os.X_OK)):
        report = BUILD / "reports" / f"{program.name}.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        code = log.run(program, f"--benchmark_out={report}", "--benchmark_out_format=json", check=False)
        wrong = code != 0 or any(run.get("error_occurred") for run in json.loads(report.read_text())["benchmarks"])
        count += Count(failed=1) if wrong else Count(passed=1)
    if count.passed + count.failed == 0:
        raise StageFailed("no benchmarks were built")
    return count


def stage_perf(log):
    """whole-program comparisons; the report is in perf/results"""
    log.run("tests/servers/fetch", "17", "kafka", "debezium")
    count = Count()
    for program in sorted((REPOSITORY / "perf").iterdir()):
        if os.access(program, os.X_OK) and program.is_file():
            count += Count(failed=1) if log.run(program, check=False) else Count(passed=1)
    if count.passed + count.failed == 0:
        raise StageFailed("nothing to run in perf/")
    return count


def full_environment():
    """Tests read MILLRACE_FULL to take more seeds, more kills, longer runs."""
    return {"MILLRACE_FULL": "1"} if FULL else {}


STAGES = ["format", "release", "one_binary", "unit", "fuzz_replay", "sim", "checker", "quickstart", "e2e", "asan", "tsan",
          "fuzz", "tidy"]
FULL_STAGES = STAGES + ["failpoints", "bench"]
NEEDS_RELEASE = {"one_binary", "unit", "fuzz_replay", "sim", "quickstart", "e2e", "bench", "perf"}


# The ledger


def commit():
    """The commit, and a digest of what differs from it: the same name means the same sources."""
    git = lambda *words: subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, check=True).stdout
    head = git("rev-parse", "--short=12", "HEAD").decode().strip()
    changes = git("diff", "HEAD")
    for name in git("ls-files", "--others", "--exclude-standard", "-z").split(b"\0"):
        path = REPOSITORY / os.fsdecode(name)
        if name and path.is_file():
            changes += name + b"\0" + path.read_bytes()
    return head + (f"+{hashlib.sha256(changes).hexdigest()[:12]}" if changes else "")


def ledger_passes(form, name_of_commit):
    """Stages that passed before, for the same sources in the same form."""
    passed = {}
    if LEDGER.exists():
        for line in LEDGER.read_text().splitlines():
            entry = json.loads(line)
            if (entry["form"], entry["commit"]) == (form, name_of_commit):
                passed[entry["stage"]] = entry if entry["outcome"] == "passed" else None
    return {stage: entry for stage, entry in passed.items() if entry}


def record(**entry):
    LEDGER.parent.mkdir(exist_ok=True)
    with open(LEDGER, "a") as ledger:
        ledger.write(json.dumps(entry) + "\n")


def run_stage(name, form, name_of_commit):
    function = globals()[f"stage_{name}"]
    print(f"{name:12} {function.__doc__} ...", flush=True)
    started = time.time()
    log = Log(name)
    reason = ""
    try:
        count = function(log)
        if count.failed:
            reason = f"{count.failed} of {count.failed + count.passed} failed"
    except (StageFailed, OSError, subprocess.CalledProcessError) as error:
        count, reason = Count(failed=1), str(error)
    seconds = round(time.time() - started, 1)
    outcome = "failed" if count.failed else "passed"
    if count.failed:
        print(log.tail(), flush=True)
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{name:12} {outcome} in {seconds} s: {count.passed} passed, {count.failed} failed{skipped}"
          + (f" ({reason}; build/log/{name}.log)" if reason else ""), flush=True)
    record(stage=name, form=form, commit=name_of_commit, started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
           seconds=seconds, outcome=outcome, reason=reason, **dataclasses.asdict(count))
    return count


def main():
    global FULL
    parser = argparse.ArgumentParser(prog="tests/run", description="Sets up, builds and passes all tests.")
    parser.add_argument("--full", action="store_true",
                        help="the whole matrix: PostgreSQL 15, 17, 18, long simulation and fuzzing, benchmarks; goes on"
                        " where an earlier run of the same sources stopped")
    parser.add_argument("--again", action="store_true", help="with --full: also what has passed before")
    parser.add_argument("--only", action="append", metavar="STAGE", help="only this stage; may be given several times")
    parser.add_argument("--list", action="store_true", help="show the stages and stop")
    options = parser.parse_args()
    FULL = options.full
    stages = FULL_STAGES if FULL else STAGES
    if options.list:
        for name in FULL_STAGES:
            print(f"{name:12} {globals()[f'stage_{name}'].__doc__}" + ("" if name in STAGES else " (--full)"))
        return 0
    if unknown := set(options.only or ()) - set(FULL_STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; tests/run --list shows them")
    if options.only:
        stages = [stage for stage in FULL_STAGES if stage in options.only]
        if NEEDS_RELEASE & set(stages) and "release" not in stages:
            stages.insert(0, "release")

    os.environ["PATH"] = f"{os.environ['PATH']}:{DEPS / 'bin'}"
    form = "full" if FULL else "short"
    name_of_commit = commit()
    passed_before = ledger_passes(form, name_of_commit) if FULL and not options.again else {}
    started = time.monotonic()
    total = Count()
    release_failed = False
    for name in stages:
        if name in NEEDS_RELEASE and release_failed:
            print(f"{name:12} not run: the release build failed", flush=True)
            total += Count(failed=1)
        elif entry := passed_before.get(name):
            print(f"{name:12} passed before, {entry['started']}", flush=True)
            total += Count(entry["passed"], 0, entry["skipped"])
        else:
            count = run_stage(name, form, name_of_commit)
            release_failed |= name == "release" and count.failed > 0
            total += count
    print(f"\n{name_of_commit}: {(time.monotonic() - started) / 60:.1f} minutes; {total.skipped} skipped\n"
          f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
