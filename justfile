# Everything CI checks.
check:
    .ci/run

# The main job on the embedded data.
search:
    cargo run --release --bin mbn-search -- --target pixel-latency.csv --budget 25ms

# Tests only.
test:
    cargo test --release

# Benchmarks of the search and of latency prediction.
bench:
    cargo bench

# Rewrites the JSON Schemas after a change of the file formats.
schemas:
    MBN_UPDATE=1 cargo test --release --test schemas
