"""Times mbn's training engine against PyTorch: the same networks, batches and threads, turn by turn.

In every round each side takes a turn of a few steps; what counts is the median step of a turn, and the
ratio of two turns of one round. Rounds in which other programs took processor time are thrown away. The
order of the turns rotates. Memory is measured in a process for each side: what a few steps add at the peak
to what was resident before the network was made; for torch.compile this includes compiling.

Both sides train with plain SGD with momentum (PyTorch's fused one), without dropout, on torchvision's
networks. PyTorch runs eagerly with NCHW and with channels_last tensors, and through torch.compile (with
channels_last tensors) where there is a C++ compiler.

Needs torch, torchvision and Linux. Run it from anywhere; it builds mbn's side with cargo.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torchvision
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
OURS = "mbn"
RIVALS = {"nchw": "PyTorch, NCHW", "channels_last": "PyTorch, channels_last", "compile": "torch.compile"}
STEPS_FOR_MEMORY = 3
WARM_UP_STEPS = 2
PAUSE_S = 0.1


@dataclass(frozen=True)
class Case:
    network: str
    resolution: int
    batch: int
    classes: int = 10
    stem_stride: int = 2
    mode: str = "train"

    def __str__(self):
        stem = ", stride-1 stem" if self.stem_stride == 1 else ""
        inference = ", inference" if self.mode == "infer" else ""
        return f"{self.network} {self.resolution}px b{self.batch}{stem}{inference}"

    def arguments(self):
        """The case as arguments of benches/step_time.rs."""
        return [part for name, value in asdict(self).items() for part in (f"--{name.replace('_', '-')}", str(value))]


def all_cases():
    cases = {}
    for short, network in [
        ("v3_small", "mobilenet_v3_small"),
        ("v3_large", "mobilenet_v3_large"),
        ("v2", "mobilenet_v2"),
    ]:
        cases[f"{short}-32"] = Case(network, 32, 64)
        cases[f"{short}-32-stride1"] = Case(network, 32, 64, stem_stride=1)
        cases[f"{short}-96"] = Case(network, 96, 32)
        cases[f"{short}-224-infer"] = Case(network, 224, 1, classes=1000, mode="infer")
    return cases


CASES = all_cases()


class PyTorch:
    """One way to run a case with PyTorch, in this process."""

    def __init__(self, case, rival):
        self.case = case
        self.model = torchvision_network(case)
        self.images = torch.rand(case.batch, 3, case.resolution, case.resolution) * 2.0 - 1.0
        self.labels = torch.arange(case.batch) % case.classes
        if rival != "nchw":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9, fused=True)
        self.model.train(case.mode == "train")
        self.forward = torch.compile(self.model) if rival == "compile" else self.model

    def parameters(self):
        return sum(parameter.numel() for parameter in self.model.parameters())

    def turn(self, count):
        """The seconds of each of `count` steps."""
        step = self.train if self.case.mode == "train" else self.infer
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        return seconds

    def train(self):
        loss = F.cross_entropy(self.forward(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def infer(self):
        with torch.inference_mode():
            return self.forward(self.images).max().item()

    def cpu_seconds(self):
        """Nothing beside this process."""
        return 0.0


def torchvision_network(case):
    model = getattr(torchvision.models, case.network)(weights=None, num_classes=case.classes, dropout=0.0)
    if case.stem_stride == 1:
        strided = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.stride == (2, 2)]
        for convolution in strided[:2]:
            convolution.stride = (1, 1)
        if case.network == "mobilenet_v3_small":
            # Its first block keeps size and channels now, so it has a residual connection.
            model.features[1].use_res_connect = True
    return model


class Ours:
    """The engine, in a process of its own: benches/step_time.rs."""

    def __init__(self, program, case, threads):
        command = [program, *case.arguments(), "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.answer()
        self.peak_mb = None

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"step_time ended with exit code {self.process.wait()}")
        return json.loads(line)

    def parameters(self):
        return self.ready["parameters"]

    def turn(self, count):
        self.process.stdin.write(f"run {count}\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.peak_mb = answer["peak_mb"]
        return answer["seconds"]

    def cpu_seconds(self):
        return cpu_seconds_of(self.process.pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def cpu_seconds_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def busy_cpu_seconds():
    """Processor time that all programs have used, stolen time and interrupts included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, machine_times()[1:9])
    return (user + nice + system + irq + softirq + steal) / CLOCK_TICKS


def machine_times():
    with open("/proc/stat") as stat:
        return stat.readline().split()


def timed_turn(side, count):
    """The median step of a turn, and how many processors other programs kept busy meanwhile."""
    time.sleep(PAUSE_S)
    busy, own, start = busy_cpu_seconds(), time.process_time() + side.cpu_seconds(), time.perf_counter()
    seconds = side.turn(count)
    wall = time.perf_counter() - start
    busy = busy_cpu_seconds() - busy
    own = time.process_time() + side.cpu_seconds() - own
    return statistics.median(seconds), max(busy - own, 0.0) / wall


def steps_per_turn(side, turn_seconds):
    """Warms up, and finds how many steps fill a turn."""
    side.turn(WARM_UP_STEPS)
    return max(3, round(turn_seconds / statistics.median(side.turn(2))))


def play(sides, options):
    """Rounds of turns: `rounds` undisturbed ones if they come within five times as many."""
    counts = {name: steps_per_turn(side, options.turn_seconds) for name, side in sides.items()}
    kept, foreign, tries = [], [], 0
    names = list(sides)
    while len(kept) < options.rounds and tries < 5 * options.rounds:
        first = tries % len(names)
        tries += 1
        turns = {name: timed_turn(sides[name], counts[name]) for name in names[first:] + names[:first]}
        worst = max(load for _, load in turns.values())
        if worst > options.max_foreign:
            time.sleep(1.0)
            continue
        kept.append({name: turns[name][0] for name in names})
        foreign.append(round(worst, 3))
    return kept, {"tries": tries, "foreign_cpus": foreign, "steps_per_turn": counts}


def rivals_of(case, names):
    """The rivals that work here; says which do not."""
    rivals = {}
    for name in names:
        if name == "compile" and not shutil.which(os.environ.get("CXX", "g++")):
            say("torch.compile is left out: there is no C++ compiler (set CXX)")
            continue
        try:
            rival = PyTorch(case, name)
            rival.turn(1)
        except Exception as error:  # torch.compile raises whatever its many parts raise
            if name != "compile":
                raise
            say(f"torch.compile is left out: {str(error).strip().splitlines()[0]}")
            continue
        rivals[name] = rival
    return rivals


def compare(case, program, options):
    say(f"{case} ...")
    with contextlib.closing(Ours(program, case, options.threads)) as ours:
        rivals = rivals_of(case, options.rivals)
        for name, rival in rivals.items():
            if rival.parameters() != ours.parameters():
                raise SystemExit(f"{case}: {name} has {rival.parameters()} parameters, mbn {ours.parameters()}")
        rounds, conditions = play({OURS: ours, **rivals}, options)
    if not rounds:
        say(f"{case}: no round of {conditions['tries']} was undisturbed; free the machine or raise --max-foreign")
        return None
    return {
        "case": str(case),
        **asdict(case),
        **conditions,
        "rounds_seconds": rounds,
        "sides": {name: summary(case, name, rounds) for name in rounds[0]},
        "memory_mb": memory(case, program, rivals, options.threads),
    }


def summary(case, name, rounds):
    seconds = statistics.median(r[name] for r in rounds)
    ratios = [r[name] / r[OURS] for r in rounds]
    return {
        "milliseconds": seconds * 1e3,
        "images_per_second": case.batch / seconds,
        "times_mbn": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
    }


def memory(case, program, rivals, threads):
    """What a few steps add to the memory of a fresh process, at the peak."""
    with contextlib.closing(Ours(program, case, threads)) as ours:
        ours.turn(STEPS_FOR_MEMORY)
        added = {OURS: ours.peak_mb - ours.ready["base_mb"]}
    for name in rivals:
        command = [sys.executable, __file__, "--memory-of", key_of(case), "--rivals", name, "--threads", str(threads)]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise SystemExit(f"{case}: the memory of {name} is unknown\n{answer.stderr}")
        added[name] = json.loads(answer.stdout)
    return added


def key_of(case):
    return next(key for key, known in CASES.items() if known == case)


def added_memory(case, rival):
    """In a fresh process: MiB at the peak of a few steps, less what PyTorch itself takes."""
    base = status_mb("VmRSS:")
    PyTorch(case, rival).turn(STEPS_FOR_MEMORY)
    return status_mb("VmHWM:") - base


def status_mb(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024.0 for line in lines if line.startswith(field))


def machine(threads):
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return {
        "cpu": cpu,
        "processors": os.cpu_count(),
        "threads": threads,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "rustc": output_of("rustc", "--version"),
        "mbn": output_of("git", "describe", "--always", "--dirty"),
    }


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine_line(host):
    return (
        f"{host['cpu']}, {host['threads']} of {host['processors']} processors; "
        f"PyTorch {host['torch']}, {host['rustc']}, mbn {host['mbn']}"
    )


def markdown(results, host, rivals):
    """The table for docs/performance.md."""
    used = [name for name in rivals if any(name in result["sides"] for result in results)]
    ratio = "{0} / mbn".format
    head = ["case", "mbn, ms", *(f"{RIVALS[n]}, ms" for n in used), *(ratio(RIVALS[n]) for n in used)]
    head += ["mbn, images/s", "memory, MB: " + " / ".join(["mbn", *(RIVALS[n] for n in used)]), "rounds"]
    rows = [row(result, used) for result in results]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    foreign = max(load for result in results for load in result["foreign_cpus"])
    caption = f"{machine_line(host)}. Ratios: median of the rounds [least..most]; other programs took up to"
    return f"{caption} {foreign:.2f} processors meanwhile.\n\n{table}\n"


def row(result, used):
    sides, added = result["sides"], result["memory_mb"]
    ours = sides[OURS]
    cells = [result["case"], f"{ours['milliseconds']:.1f}"]
    cells += [f"{sides[n]['milliseconds']:.1f}" if n in sides else "" for n in used]
    cells += [ratio_text(sides[n]["times_mbn"]) if n in sides else "" for n in used]
    memories = " / ".join(f"{added[n]:.0f}" if n in added else "-" for n in [OURS, *used])
    return cells + [f"{ours['images_per_second']:.0f}", memories, str(len(result["rounds_seconds"]))]


def ratio_text(ratio):
    return f"{ratio['median']:.2f} [{ratio['min']:.2f}..{ratio['max']:.2f}]"


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_program():
    command = ["cargo", "build", "--release", "--example", "step_time", "--message-format", "json-render-diagnostics"]
    messages = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    artifacts = (message for message in map(json.loads, messages) if message["reason"] == "compiler-artifact")
    return next(a["executable"] for a in artifacts if a["target"]["name"] == "step_time")


def listed(known):
    def parse(text):
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return names

    return parse


def parsed_arguments():
    description = __doc__.split("\n\n")[0]
    parser = argparse.ArgumentParser(description=description, epilog=f"cases: {', '.join(CASES)}")
    parser.add_argument("--cases", type=listed(CASES), default=list(CASES), help="separated by commas; all if left out")
    parser.add_argument("--rivals", type=listed(RIVALS), default=list(RIVALS), help=f"of {', '.join(RIVALS)}")
    parser.add_argument("--threads", type=int, default=1, help="on both sides (default 1)")
    parser.add_argument("--rounds", type=int, default=9, help="undisturbed rounds (default 9)")
    parser.add_argument("--turn-seconds", type=float, default=0.5, help="length of a turn, about (default 0.5)")
    parser.add_argument("--max-foreign", type=float, default=0.15, help="processors that others may keep busy (0.15)")
    parser.add_argument("--quick", action="store_true", help="three short rounds, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round and the machine")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there instead of printing it")
    parser.add_argument("--memory-of", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.turn_seconds = 3, 0.1
    return options


def main():
    options = parsed_arguments()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    if options.memory_of:
        print(json.dumps(added_memory(CASES[options.memory_of], options.rivals[0])))
        return
    program, host = build_program(), machine(options.threads)
    say(machine_line(host))
    results = []
    for name in options.cases:
        result = compare(CASES[name], program, options)
        if result:
            results.append(result)
            say(describe(result))
    if options.json:
        options.json.write_text(json.dumps({"machine": host, "results": results}, indent=1) + "\n")
    if not results:
        sys.exit(1)
    table = markdown(results, host, options.rivals)
    if options.markdown:
        options.markdown.write_text(table)
    else:
        print(table, end="")
    if len(results) < len(options.cases):
        sys.exit(1)


def describe(result):
    worst = max(result["foreign_cpus"])
    lines = [f"  {len(result['rounds_seconds'])} of {result['tries']} rounds kept; others kept up to {worst} CPUs busy"]
    for name, side in result["sides"].items():
        ratio = "" if name == OURS else f"  {ratio_text(side['times_mbn'])} times mbn"
        added = result["memory_mb"][name]
        lines.append(
            f"  {RIVALS.get(name, name):24} {side['milliseconds']:9.2f} ms {side['images_per_second']:9.1f} images/s"
            f" {added:7.0f} MB{ratio}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
