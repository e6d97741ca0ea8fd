//! Matrix products: what 1x1 convolutions and linear layers run on.
//!
//! Both factors of a product are row-major. The right one is [`Packed`] once into panels of a few vectors' width, so
//! that the inner loop reads it in order. A tile of up to 8 rows by one panel accumulates in registers over the whole
//! depth: every element is one chain of fused multiply-adds in the order of the depth, however the rows are cut into
//! pieces. Functions here are serial; callers split the rows.

mod pack;
mod product;
mod transposed;

pub(crate) use pack::Packed;
pub(crate) use product::{Moments, Product};
pub(crate) use transposed::TransposedProduct;

/// Vectors of the widest panel.
const WIDEST: usize = 3;

/// Widths, in vectors, of the panels that cover `vectors`: four make two even panels, not a full and a thin one.
fn panel_widths(mut vectors: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let width = match vectors {
            0 => return None,
            4 => 2,
            left => left.min(WIDEST),
        };
        vectors -= width;
        Some(width)
    })
}

/// Calls `$tile::<I, R, ..>(row)` with as many rows at a time as registers hold until `$rows` are done.
macro_rules! for_each_rows {
    ($isa:ident, $rows:expr, |$row:ident, $r:ident| $tile:expr) => {{
        let (rows, mut $row) = ($rows, 0);
        while $isa::WIDE && $row + 8 <= rows {
            const $r: usize = 8;
            $tile;
            $row += 8;
        }
        while $row + 4 <= rows {
            const $r: usize = 4;
            $tile;
            $row += 4;
        }
        while $row + 2 <= rows {
            const $r: usize = 2;
            $tile;
            $row += 2;
        }
        while $row < rows {
            const $r: usize = 1;
            $tile;
            $row += 1;
        }
    }};
}
use for_each_rows;

#[cfg(test)]
mod tests;
