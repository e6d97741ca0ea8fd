#!/usr/bin/env python3
"""Make fashion-mnist-small from the full Fashion-MNIST data set.

    python3 make.py SOURCE DESTINATION

SOURCE holds the four IDX files of Fashion-MNIST (gzip) and its LICENSE. The
first 1,000 images of each class of the training part and the first 200 of each
class of the test part are kept, in the order of the source files. The output
depends on nothing but the source files (and the zlib version, for the
compressed bytes): no clock, no randomness.
"""

import gzip
import hashlib
import math
import pathlib
import shutil
import struct
import sys

CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
PARTS = {"train": 1000, "t10k": 200}
IMAGES_MAGIC = 0x0803
LABELS_MAGIC = 0x0801


def read_images(path):
    """Return (height, width, list of images as bytes)."""
    data = gzip.decompress(path.read_bytes())
    magic, count, height, width = struct.unpack(">IIII", data[:16])
    pixels = data[16:]
    size = height * width
    if magic != IMAGES_MAGIC or len(pixels) != count * size:
        sys.exit(f"{path}: not an IDX file of images")
    return height, width, [pixels[i * size : (i + 1) * size] for i in range(count)]


def read_labels(path):
    data = gzip.decompress(path.read_bytes())
    magic, count = struct.unpack(">II", data[:8])
    labels = data[8:]
    if magic != LABELS_MAGIC or len(labels) != count:
        sys.exit(f"{path}: not an IDX file of labels")
    return labels


def first_of_each_class(labels, per_class):
    """Indices of the first `per_class` images of every class, ascending."""
    taken = [0] * len(CLASSES)
    chosen = []
    for index, label in enumerate(labels):
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(index)
    if taken != [per_class] * len(CLASSES):
        sys.exit(f"the source has fewer than {per_class} images of some class: {taken}")
    return chosen


def write_gzip(path, data):
    """Write without a file name or time stamp in the gzip header."""
    with path.open("wb") as file:
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0
        ) as stream:
            stream.write(data)
    print(f"{path.name}")
    print(f"  gzip         {hashlib.sha256(path.read_bytes()).hexdigest()}")
    print(f"  uncompressed {hashlib.sha256(data).hexdigest()}")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make.py SOURCE DESTINATION")
    source, destination = map(pathlib.Path, sys.argv[1:])
    destination.mkdir(parents=True, exist_ok=True)
    for part, per_class in PARTS.items():
        images_name = f"{part}-images-idx3-ubyte.gz"
        labels_name = f"{part}-labels-idx1-ubyte.gz"
        height, width, images = read_images(source / images_name)
        labels = read_labels(source / labels_name)
        chosen = first_of_each_class(labels, per_class)
        pixels = b"".join(images[i] for i in chosen)
        header = struct.pack(">IIII", IMAGES_MAGIC, len(chosen), height, width)
        write_gzip(destination / images_name, header + pixels)
        header = struct.pack(">II", LABELS_MAGIC, len(chosen))
        write_gzip(destination / labels_name, header + bytes(labels[i] for i in chosen))
        mean = sum(pixels) / len(pixels)
        square = sum(p * p for p in pixels) / len(pixels)
        std = math.sqrt(square - mean * mean)
        print(f"  {len(chosen)} images, mean {mean / 255:.6f}, std {std / 255:.6f}")
    (destination / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    shutil.copyfile(source / "LICENSE", destination / "LICENSE")


if __name__ == "__main__":
    main()
