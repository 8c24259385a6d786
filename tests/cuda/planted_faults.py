#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tests of the CUDA backend notice its likely faults? Plants one at a time in a copy of the
headers and runs the test that is responsible on the emulated device: it must fail.

    planted_faults.py [NAME...] [--list]

Takes about half a minute of a processor for each, so it is run by hand. Exit code 1 if a fault goes
unnoticed, or if the headers no longer hold the text that a fault replaces.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST = 300  # seconds of a test; each takes a few
CONTEXT, GRAPH, ENGINE = "cuda/context.hpp", "cuda/graph.hpp", "cuda/kernel/engine.hpp"
EMULATED = "context_emulated"
# name: header, what it holds, what it then holds, file of the test, test cases
FAULTS = {
    "forms_replace_one_another": (
        "core/prepared.hpp", "if (stamp_.load(std::memory_order_relaxed) != stamp) drop_forms();", "drop_forms();",
        "context", "*live side by side*"),
    "graph_of_another_precision": (
        "cuda/transfer.cuh", "number(ctx.precision),", "0,", "context", "*live side by side*"),
    "shared_memory_of_the_launch": (
        CONTEXT, "allow_shared(kernel, shared_limit_)", "allow_shared(kernel, bytes)",
        EMULATED, "*different shared memory*"),
    "broken_recording_is_an_error": (GRAPH, "return false;", "throw;", EMULATED, "*broken from outside*"),
    "records_for_ever": (GRAPH, "attempts_ < most_attempts", "true", EMULATED, "*broken from outside*"),
    "copies_touch_recordings": (
        "cuda/runtime.hpp", "if (capturing) continue;", "", EMULATED, "*while one records*"),
    "copies_do_not_wait": (
        "cuda/runtime.hpp", "entry.event.hold_back(copies);", "", EMULATED, "*a stream of the caller*"),
    "launches_on_any_device": (
        CONTEXT, "select();\n    if (shared_bytes > 48", "if (shared_bytes > 48", EMULATED, "*two devices*"),
    "arena_on_any_device": (
        CONTEXT, "    select();\n    return ContextBase::arena();", "    return ContextBase::arena();",
        EMULATED, "*two devices*"),
    "network_of_another_device": (
        "cuda/transfer.cuh", "device == ctx.device()", "true", EMULATED, "*two devices*"),
    "budget_without_the_arena": (
        "upscale.hpp", "(available + ctx.arena().capacity() + forms) / 2", "available / 2", EMULATED,
        "*second picture*"),
    "memory_that_runs_out_is_an_error": (
        "cuda/transfer.cuh", "shares_memory = true", "shares_memory = false", EMULATED, "*less is kept*"),
    "memory_is_kept_for_less": (
        "upscale.hpp", "ctx.arena().clear();\n      ctx.storage", "ctx.storage", EMULATED, "*less is kept*"),
    "rows_are_handed_on_again": (
        "upscale.hpp", "Storage::none || begun) throw;", "Storage::none) throw;", EMULATED, "*handed on*"),
    "wide_heads_need_more": (
        "cuda/kernel/attention.hpp", "D <= 32 ? 64 : 32;", "64;", "window_attention", "*wide heads*"),
    "progress_of_queued_work": (CONTEXT, "if (before) before->wait();", "", EMULATED, "*runs late*"),
    "progress_waits_for_itself": (
        CONTEXT, "if (before) before->wait();", "now->wait();", EMULATED, "*runs late*"),
    "graphs_without_progress": (
        CONTEXT, "if (watched()) recording_->cut(stream(), done, stage);", "", "context", "*progress and stop*"),
    "any_device_will_do": (CONTEXT, "version >= gpu::least_capability", "true", EMULATED, "*too old*"),
    "result_is_not_waited_for": (
        "cuda/transfer.cuh", "* sizeof(float));\n    ctx.sync();", "* sizeof(float));", EMULATED, "*runs late*"),
    "rows_leave_too_early": (
        "cuda/row_fetcher.hpp", "band.computed.hold_back(copies_);", "", EMULATED, "*rows come*"),
    "rows_are_not_waited_for": ("cuda/row_fetcher.hpp", "band.copied.wait();", "", EMULATED, "*rows come*"),
    "rows_are_written_over": (
        "cuda/kriging_passes.cuh", "rgb_[y / band_ % 2]", "rgb_[0]", EMULATED, "*rows come*"),
    "rows_do_not_overlap": (
        "cuda/transfer.cuh", "if (fetcher.on_their_way() > 1) hand_on();", "hand_on();", EMULATED, "*rows come*"),
    "rows_on_their_way_are_forgotten": (
        "cuda/transfer.cuh", "~Drop() { fetcher.drop(); }", "~Drop() {}", EMULATED, "*rows come*"),
    "pixels_are_waited_for": (
        "cuda/transfer.cuh", "write(ctx, high, to);", "write(ctx, high, to);\n    if constexpr (requires { ctx.sync(); }) ctx.sync();",
        "pixels", "*nothing waits*"),
    "pixels_of_any_device": (
        "cuda/pixels.cuh", "source == ctx.device() && result == ctx.device()", "true", "pixels", "*refused*"),
    "blue_is_red": ("cuda/kernel/pixels.hpp", "bgr ? 2 - c : c", "c", "pixels", "*samples as the host*"),
    "sums_drift_towards_zero": (
        ENGINE, "Planes > 1 ? 0.0f : sums[at + e];", "sums[at + e];", "emulation", "*drift*"),
    "parts_of_a_sum_are_lost": (
        ENGINE, "Planes > 1 ? sums[at + e] + four[e] : four[e];", "four[e];", "emulation", "*drift*"),
    "fragments_swapped": (
        ENGINE, "r % 2 * 8 + lane / 4", "r / 2 * 8 + lane / 4", "emulation", "*engines multiply*"),
    "product_reads_too_early": (
        "cuda/kernel/gemm.hpp", "exec.template wait<stages - 2>();", "exec.template wait<stages - 1>();",
        "linear", "*"),
    "product_beyond_its_rows": (
        "cuda/kernel/gemm.hpp", "row < p.pixels ? row * p.outputs : Index{-1}", "row * p.outputs", "linear", "*"),
    "attention_without_a_barrier": (
        "cuda/kernel/attention.hpp", "key, value, place);\n      exec.sync();", "key, value, place);",
        "window_attention", "*awkward*"),
    "perceptron_without_a_barrier": (
        "cuda/kernel/mlp.hpp", "exec.template wait<0>();\n      exec.sync();\n      if (step + 1",
        "exec.template wait<0>();\n      if (step + 1", "mlp", "*"),
    "rounded_rows_swapped": (
        ENGINE, "lane % 16) * pitch + step * 16", "lane % 8) * pitch + step * 16", "mlp", "*"),
    "rounded_rows_without_zeros": (
        "cuda/kernel/mlp.hpp", "if (c < columns)", "if (c < p.channels)", "mlp", "*"),
    "quotient_of_a_neighbour": (
        "cuda/kernel/attention.hpp", "static_cast<std::uint32_t>(by) - 1) /", "0) /", "window_attention",
        "*agrees with*"),
    "row_above_is_another": (
        "cuda/kriging_passes.cuh", "at(a_, end - 1 - top)", "at(a_, end - top)", "kriging_upsampler", "*"),
    "sums_beyond_their_rows": (
        "cuda/kernel/channel.hpp", "first + i < count ?", "true ?", "operators", "*"),
}


def compile_command(source, include, target, optimise):
    ccache = [found] if (found := shutil.which("ccache")) else []
    return [*ccache, "g++", "-std=c++20", optimise, "-DNDEBUG", "-march=native", "-ffp-contract=off", "-w",
            f'-DEQSR_TEST_DATA="{ROOT}/tests"', f"-I{ROOT}/tests", f"-I{include}", "-isystem", "/usr/include/eigen3",
            "-c", str(source), "-o", str(target)]


def common_objects(folder):
    tests = ROOT / "tests"
    sources = [tests / "main.cpp", *sorted((tests / "cuda/emulation").glob("*.cpp"))]
    for source in sources:
        target = folder / f"{source.stem}.o"
        subprocess.run(compile_command(source, ROOT / "include", target, "-O2"), check=True)
        yield str(target)


def noticed(name, folder, objects):
    """None if the test fails, as it must; else what is wrong."""
    header, old, new, test, cases = FAULTS[name]
    include = folder / "include"
    shutil.rmtree(include, ignore_errors=True)
    shutil.copytree(ROOT / "include", include)
    path = include / "eqsr" / header
    text = path.read_text()
    if text.count(old) < 1:
        return f"{header} no longer holds: {old}"
    path.write_text(text.replace(old, new, 1))
    if subprocess.run(compile_command(ROOT / f"tests/cuda/{test}.cpp", include, folder / "test.o", "-O1"),
                      check=False).returncode:
        return "does not compile"
    subprocess.run(["g++", *objects, str(folder / "test.o"), "-o", str(folder / "test"), "-pthread"], check=True)
    try:
        run = subprocess.run([str(folder / "test"), f"--test-case={cases}"], capture_output=True, text=True,
                             check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return None  # a test that hangs fails, too
    if run.returncode == 0:
        none = re.search(r"test cases:\s+0 ", run.stdout)
        return f"no test is called {cases}" if none else "is not noticed"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(FAULTS))
        return 0
    survivors = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        objects = list(common_objects(folder))
        for fault in options.names or FAULTS:
            problem = noticed(fault, folder, objects)
            survivors += problem is not None
            print(f"{fault}: {problem or 'noticed'}", flush=True)
    print(f"{survivors} faults are not noticed" if survivors else "every fault is noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
