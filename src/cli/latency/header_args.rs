//! What a table must say of its device and files of others do not tell.

use clap::Args;
use miette::{Report, miette};

use crate::text_file::file_name;

/// The header of a table, where no file states it.
#[derive(Debug, Clone, Args)]
pub(super) struct HeaderArgs {
    /// The device that was measured, such as "Google Pixel 1, CPU"
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Threads that it computed with, or `unknown`
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<String>,
    /// Type of the numbers, such as float32 or int8
    #[arg(long, value_name = "TYPE")]
    precision: Option<String>,
    /// Images in a batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// Where the numbers come from: project, file, revision
    #[arg(long, value_name = "TEXT")]
    pub(super) source: Option<String>,
    /// The licence of the numbers
    #[arg(long, value_name = "TEXT")]
    pub(super) licence: Option<String>,
}

fn threads(text: &str) -> Result<String, String> {
    match text.parse::<u32>() {
        Ok(count) if count > 0 => Ok(count.to_string()),
        _ if text == "unknown" => Ok("not stated by the source".to_owned()),
        _ => Err("give the number of threads, or `unknown`".to_owned()),
    }
}

/// Keys and values of header lines.
pub(super) type Header = Vec<(&'static str, String)>;

impl HeaderArgs {
    /// The lines that a table must have, of whose files these do not tell them; `sides` are those of the images.
    pub(super) fn required(&self, files: &[String], sides: Option<String>) -> Result<Header, Report> {
        let stated = [
            ("device", self.device.clone(), "--device NAME"),
            ("threads", self.threads.clone(), "--threads N"),
            ("precision", self.precision.clone(), "--precision TYPE"),
            ("batch", self.batch.map(|batch| batch.to_string()), "--batch N"),
            ("resolution", sides, "--resolution PIXELS"),
        ];
        let missing: Vec<_> = stated.iter().filter(|(_, value, _)| value.is_none()).collect();
        if missing.is_empty() {
            return Ok(stated.into_iter().filter_map(|(key, value, _)| Some((key, value?))).collect());
        }
        let join = |words: Vec<&str>| words.join(", ");
        Err(miette!(
            help = format!("add {}", join(missing.iter().map(|(.., flag)| *flag).collect())),
            "{} {} tell {}",
            files.join(", "),
            if files.len() == 1 { "does not" } else { "do not" },
            join(missing.iter().map(|(key, ..)| *key).collect())
        ))
    }
}

/// Names of files without their folders, which mean nothing elsewhere.
pub(super) fn names(files: &[String]) -> String {
    files.iter().map(|file| file_name(file)).collect::<Vec<_>>().join(", ")
}
