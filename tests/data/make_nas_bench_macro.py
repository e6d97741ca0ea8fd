"""Makes nas_bench_macro.csv, a reduced copy of NAS-Bench-Macro.

usage: make_nas_bench_macro.py SOURCE DESTINATION

SOURCE is the benchmark as one CSV row per architecture with the columns arch, acc_seed0,
acc_seed1, acc_seed2, flops and canonical. Kept are the distinct networks (arch = canonical), the
accuracies in percent with two digits, which a test set of 10,000 images makes exact, and the
multiply-adds that the benchmark calls FLOPs.
"""

import csv
import sys

HEADER = """\
# NAS-Bench-Macro, reduced: CIFAR-10 test accuracy in percent of every distinct network, three seeds
# source: xiusu/NAS-Bench-Macro @61a2bfc2, Apache-2.0
# made by make_nas_bench_macro.py
# arch: 8 layers in stages of 2, 3, 3; 0 identity, 1 MBConv k3 e3, 2 MBConv k5 e6
"""
SEEDS = ["acc_seed0", "acc_seed1", "acc_seed2"]


def main(source, destination):
    with open(source, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arch"] == row["canonical"]]
    with open(destination, "w", newline="\n") as file:
        file.write(HEADER)
        file.write(",".join(["arch", *SEEDS, "flops"]) + "\n")
        for row in sorted(rows, key=lambda row: row["arch"]):
            accuracies = [f"{float(row[seed]):.2f}" for seed in SEEDS]
            file.write(",".join([row["arch"], *accuracies, row["flops"]]) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
