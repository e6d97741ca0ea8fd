//! Tables as files: CSV with header lines, read with the place of every mistake, and written.

pub(super) mod csv_fields;
mod decimal;
mod header;
mod parse;
mod read;
mod write;

pub(super) use decimal::decimal;
pub use header::TableHeader;
pub(super) use header::{entry_span, known_entry};
pub(super) use parse::check_constant;
pub(super) use read::{Record, records};
pub use write::{TableRow, table_text, with_entries};
