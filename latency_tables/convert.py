#!/usr/bin/env python3
"""Makes the shipped latency tables from the published data they rest on.

usage: convert.py SOURCE_FOLDER DESTINATION_FOLDER

SOURCE_FOLDER holds pixel1_tunas_blocks.csv, pixel1_proxylessnas_blocks.csv and
note10_ofa_blocks.csv. Numbers are carried over and the columns brought to the one
schema of docs/formats.md; measurements of the same unit, made in networks of
several resolutions, are pooled into one row. Python 3.8 or later, no packages.
"""

import csv
import math
import pathlib
import sys

COLUMNS = "op in_h in_w c_in c_out kernel stride expanded squeeze activation latency_ms stddev_ms samples".split()

# Expected range of n normal draws over their standard deviation (Tippett 1925):
# turns "largest minus smallest" into a standard deviation.
RANGE_OVER_STDDEV = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704}


def make_divisible(value, divisor=8):
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def number(value):
    return f"{value:.6f}".rstrip("0").rstrip(".")


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        for key, value in header:
            file.write(f"# {key}: {value}\n")
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def tunas(source):
    for row in read(source / "pixel1_tunas_blocks.csv"):
        slots = int(row["slots"])
        out = {"latency_ms": row["latency_ms"].rstrip("0"), "samples": slots}
        if slots > 1:
            out["stddev_ms"] = number(float(row["spread_ms"]) / RANGE_OVER_STDDEV[slots])
        if row["op"] == "base":
            yield {"op": "base", **out}
            continue
        shape = {key: row[key] for key in ("in_h", "in_w", "c_in", "c_out")}
        activation = {"swish6": "hswish"}.get(row["activation"], row["activation"])
        if row["op"] == "conv" and row["in_h"] == "1":
            yield {"op": "linear", **shape, "activation": "hswish", **out}
        elif row["op"] == "conv":
            window = {"kernel": row["kernel"], "stride": row["stride"]}
            yield {"op": "conv", **shape, **window, "activation": "hswish", **out}
        else:
            expanded = int(row["expanded"] or row["c_in"])
            squeeze = make_divisible(expanded / 4) if row["se"] == "1" else 0
            yield {
                "op": "inverted_residual", **shape, "kernel": row["kernel"], "stride": row["stride"],
                "expanded": expanded, "squeeze": squeeze, "activation": activation, **out,
            }


def measured_blocks(path, conv_activation, block_activation, stddev):
    """Tables of once-for-all and ProxylessNAS: mean and spread of repeated measurements."""
    for row in read(path):
        shape = {key: row[key] for key in ("in_h", "in_w", "c_in", "c_out")}
        out = {
            "latency_ms": number(float(row["mean_ms"])),
            "stddev_ms": number(stddev(row)),
            "samples": row["count"],
        }
        layer = row["layer"]
        if layer in ("Conv", "Conv_1"):
            stride = int(row["in_h"]) // int(row["out_h"])
            kernel = 3 if layer == "Conv" else 1
            yield {"op": "conv", **shape, "kernel": kernel, "stride": stride, "activation": conv_activation, **out}
        elif layer == "AvgPool2D":
            yield {"op": "pool", **shape, **out}
        elif layer == "Conv_2":
            yield {"op": "linear", **shape, "activation": conv_activation, **out}
        elif layer == "Logits":
            yield {"op": "classifier", **shape, "in_h": 1, "in_w": 1, **out}
        else:
            expanded = int(row["mid_channels"])
            squeeze = make_divisible(expanded // 4) if row["se"] == "1" else 0
            yield {
                "op": "inverted_residual", **shape, "kernel": row["kernel"], "stride": row["stride"],
                "expanded": expanded, "squeeze": squeeze, "activation": block_activation(row), **out,
            }


def pooled(rows):
    """One row for each unit: mean and standard deviation over all of its measurements."""
    units = {}
    for row in rows:
        key = tuple(str(row.get(column, "")) for column in COLUMNS[:10])
        units.setdefault(key, []).append(row)
    for same in units.values():
        counts = [int(row["samples"]) for row in same]
        means = [float(row["latency_ms"]) for row in same]
        spreads = [float(row["stddev_ms"]) for row in same]
        total = sum(counts)
        mean = sum(n * m for n, m in zip(counts, means)) / total
        variance = sum(n * (s * s + (m - mean) ** 2) for n, m, s in zip(counts, means, spreads)) / total
        yield {**same[0], "latency_ms": number(mean), "stddev_ms": number(math.sqrt(variance)), "samples": total}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, destination = map(pathlib.Path, sys.argv[1:])
    write(
        destination / "pixel-latency.csv",
        [
            ("device", "Google Pixel 1, CPU"),
            ("runtime", "TensorFlow Lite (version not stated)"),
            ("threads", "1"),
            ("precision", "float32"),
            ("batch", "1"),
            ("resolution", "224"),
            ("folded", "pool, classifier"),
            ("ignores", "activation"),
            ("method", "regression that Google fitted to whole networks measured on a Pixel 1: a row is a "
                       "coefficient, not a stopwatch reading; constants were moved along stage boundaries (totals "
                       "unchanged) and rows of the same shape in different positions averaged, which changes the "
                       "total of a network by 0.05 % on average and 0.35 % at most; stddev_ms is the spread over "
                       "those positions"),
            ("note", "the pooling and the classifier are inside the base row; in the source the activation is "
                     "tied to the position (ReLU down to 28x28, h-swish after), so that its cost can't be told apart"),
            ("source", "google-research/google-research tunas/cost_model_data.py @0c1bbe5f (TuNAS, arXiv:2008.06120)"),
            ("licence", "Apache-2.0"),
        ],
        tunas(source),
    )
    write(
        destination / "pixel1-proxylessnas.csv",
        [
            ("device", "Google Pixel 1, CPU"),
            ("runtime", "not stated by the source"),
            ("threads", "not stated by the source"),
            ("precision", "float32"),
            ("batch", "1"),
            ("resolution", "224"),
            ("folded", "pool"),
            ("method", "mean and standard deviation of repeated measurements, one block each"),
            ("note", "the pooling is inside the classifier's row"),
            ("source", "han-cai/files proxylessnas/mobile_trim.yaml @a7c9bcd5 (ProxylessNAS, arXiv:1812.00332)"),
            ("licence", "the file's repository states none; the MIT-licensed ProxylessNAS repository downloads it"),
        ],
        measured_blocks(
            source / "pixel1_proxylessnas_blocks.csv", "relu6", lambda row: "relu6",
            lambda row: math.sqrt(float(row["var_ms2"])),
        ),
    )
    write(
        destination / "note10.csv",
        [
            ("device", "Samsung Galaxy Note 10, CPU"),
            ("runtime", "not stated by the source"),
            ("threads", "not stated by the source"),
            ("precision", "float32"),
            ("batch", "1"),
            ("resolution", "160, 176, 192, 208, 224"),
            ("method", "mean and standard deviation of repeated measurements, one block each; units that occur "
                       "at several resolutions are pooled"),
            ("source", "han-cai/files ofa/note10/*_lookup_table.yaml @a7c9bcd5 (once-for-all, arXiv:1908.09791)"),
            ("licence", "none stated by the source"),
        ],
        pooled(measured_blocks(
            source / "note10_ofa_blocks.csv", "hswish",
            lambda row: "hswish" if row["h_swish"] == "1" else "relu",
            lambda row: float(row["std_ms"]),
        )),
    )


if __name__ == "__main__":
    main()
