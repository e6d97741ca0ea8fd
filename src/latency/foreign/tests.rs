//! Excerpts of published tables against the tables that ship with the program.

use rstest::rstest;

use super::{ForeignFormat, ForeignTable, read};
use crate::latency::LatencyTable;

/// Of han-cai/files proxylessnas/mobile_trim.yaml @a7c9bcd5, lines 1 to 16 and 37 to 40.
const PROXYLESS_NAS: &str = "\
Conv-input:224x224x3-output:112x112x32:
  count: 982
  mean: 4.083755600814664
  var: 0.2502372872758427
Conv_1-input:7x7x320-output:7x7x1280:
  count: 982
  mean: 3.088623217922607
  var: 0.19174675835259503
Logits-input:7x7x1280-output:1000:
  count: 982
  mean: 0.3096415478615071
  var: 0.05583766681628091
expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0:
  count: 164
  mean: 6.240567073170731
  var: 0.07330791484716055
expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0:
  count: 318
  mean: 3.8821352201257864
  var: 0.08233688249297659
";

/// Of han-cai/files ofa/note10/160_lookup_table.yaml @a7c9bcd5, lines 1 to 4 and 21 to 28.
const ONCE_FOR_ALL: &str = "\
AvgPool2D-input:5x5x1152-output:1x1x1152:
  count: 491
  mean: 0.008482688391038698
  std: 0.0006733248071883371
expanded_conv-input:10x10x136-output:10x10x136-expand:408-kernel:3-stride:1-idskip:1-se:1-hs:1:
  count: 100
  mean: 0.86918
  std: 0.013281099352086765
expanded_conv-input:10x10x136-output:10x10x136-expand:408-kernel:5-stride:1-idskip:1-se:1-hs:1:
  count: 102
  mean: 0.9880686274509805
  std: 0.02536991417358231
";

/// The unit that occurs at every resolution: Logits of the files of 160, 176, 192, 208 and 224 pixels, lines 17 to 20.
const LOGITS: [(u32, f64, f64); 5] = [
    (499, 0.656440881763527, 0.07729654276272765),
    (500, 0.6621400000000001, 0.07648770097211706),
    (500, 0.664778, 0.07766160387218382),
    (500, 0.6671159999999999, 0.07811052774114381),
    (500, 0.669412, 0.07743974597065771),
];

/// Of the CSV form of google-research tunas/cost_model_data.py @0c1bbe5f: its base row and lines 4, 11, 3336, 7331, 7380.
const TUNAS: &str = "\
op,in_h,in_w,c_in,c_out,kernel,expanded,se,activation,stride,latency_ms,spread_ms,slots
base,,,,,,,,,,1.280042,0.000000,1
conv,224,224,3,8,5,,,,2,2.744049,0.000000,1
sepconv,112,112,8,8,3,,,relu,1,1.042972,0.000000,1
bneck,14,14,32,32,3,32,1,swish6,1,0.217490,0.045413,3
conv,7,7,128,256,1,,,,1,1.119450,0.000000,1
conv,1,1,256,512,1,,,,1,0.098789,0.000000,1
";

fn of(format: ForeignFormat, text: &str) -> ForeignTable {
    read(format, &[("file".to_owned(), text.to_owned())], None).expect("well-formed")
}

/// Every row is a row of the shipped table, to the six places that it has.
#[track_caller]
fn assert_rows_of(shipped: &str, table: &ForeignTable) {
    let text =
        crate::text_file::read_text(shipped, "table", crate::latency::LATENCY_TABLES).expect("shipped").1;
    let shipped = LatencyTable::parse(shipped, &text).expect("shipped");
    for row in &table.rows {
        let Some(unit) = row.unit else {
            assert_eq!(shipped.base.expect("a base row").latency_ms, row.latency_ms);
            continue;
        };
        let theirs = shipped.rows.get(&shipped.key(unit)).unwrap_or_else(|| panic!("no row for {unit}"));
        assert!(
            (theirs.latency_ms - row.latency_ms).abs() < 1e-6,
            "{unit}: {} {}",
            theirs.latency_ms,
            row.latency_ms
        );
        let stddev = row.stddev_ms.unwrap_or(0.0);
        assert!(
            (theirs.stddev_ms.unwrap_or(0.0) - stddev).abs() < 1e-6,
            "{unit}: {:?} {stddev}",
            theirs.stddev_ms
        );
    }
    assert_eq!(shipped.header.folded, table.folded);
    assert_eq!(shipped.header.ignores_activation, table.ignores_activation);
}

#[test]
fn proxylessnas_agrees_with_the_shipped_table() {
    let table = of(ForeignFormat::ProxylessNas, PROXYLESS_NAS);
    assert_eq!((table.rows.len(), &table.resolutions[..]), (5, &[224][..]));
    assert_rows_of("pixel1-proxylessnas.csv", &table);
}

#[test]
fn once_for_all_agrees_with_the_shipped_table() {
    let table = of(ForeignFormat::Ofa, ONCE_FOR_ALL);
    assert_eq!(table.rows.len(), 3);
    assert_rows_of("note10.csv", &table);
}

#[test]
fn a_unit_of_several_files_is_pooled() {
    let files = LOGITS.map(|(count, mean, std)| {
        let text = format!(
            "AvgPool2D-input:5x5x1152-output:1x1x1152:\n  count: 491\n  mean: 0.008482688391038698\n  std: 0.0006733248071883371\n\
             Logits-input:1x1x1536-output:1000:\n  count: {count}\n  mean: {mean}\n  std: {std}\n"
        );
        ("file".to_owned(), text)
    });
    let table = read(ForeignFormat::Ofa, &files, None).expect("well-formed");
    assert_eq!(table.rows.len(), 2);
    assert_eq!(table.rows[1].samples, Some(2499));
    assert_rows_of("note10.csv", &table);
}

#[test]
fn tunas_agrees_with_the_shipped_table() {
    let table = of(ForeignFormat::Tunas, TUNAS);
    assert_eq!((table.rows.len(), &table.resolutions[..]), (6, &[224][..]));
    assert_rows_of("pixel-latency.csv", &table);
}

#[rstest]
#[case::ratio_as_channels(
    ForeignFormat::Ofa,
    "expand:408",
    "expand:3",
    "file:5:1: `expand` is 3 for 136 input channels"
)]
#[case::no_se(ForeignFormat::Ofa, "-se:1", "", "file:5:1: the name has no `se`")]
#[case::layer(ForeignFormat::Ofa, "AvgPool2D", "MaxPool2D", "file:1:1: unknown layer `MaxPool2D`")]
#[case::latency(
    ForeignFormat::Ofa,
    "mean: 0.86918",
    "mean: -1",
    "file:5:1: a latency of -1 ms is impossible"
)]
#[case::count(ForeignFormat::Ofa, "count: 100", "count: 0.5", "file:5:1: a count of 0.5 is impossible")]
#[case::mean(ForeignFormat::Ofa, "mean: 0.86918", "median: 1", "file:5:1: the entry has no `mean`")]
fn what_does_not_fit_is_an_error(
    #[case] format: ForeignFormat,
    #[case] part: &str,
    #[case] by: &str,
    #[case] says: &str,
) {
    let text = ONCE_FOR_ALL.replacen(part, by, 1);
    let error = read(format, &[("file".to_owned(), text)], None).expect_err(by).to_string();
    assert!(error.starts_with(says), "{error}");
}

#[rstest]
#[case("sepconv", "pool", "unknown block `pool`")]
#[case("swish6", "swish", "unknown activation `swish`")]
#[case("1.280042", "-1", "file:2:1: a latency of -1 ms is impossible")]
#[case("latency_ms", "latency_us", "missing field `latency_ms`")]
fn a_wrong_block_of_tunas_is_an_error(#[case] part: &str, #[case] by: &str, #[case] says: &str) {
    let text = TUNAS.replacen(part, by, 1);
    let error = read(ForeignFormat::Tunas, &[("file".to_owned(), text)], None).expect_err(by).to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn formats_have_names() {
    for format in ForeignFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert!("yaml".parse::<ForeignFormat>().expect_err("unknown").to_string().contains("nn-meter"));
}
