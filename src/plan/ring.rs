//! The padded input rows under a depthwise kernel, as they slide down an image.

use super::geometry::Axis;
use crate::kernels::depthwise::Line;

/// As many padded rows as the kernel is high; rows enter in order, each over the one that is no longer seen.
pub(super) struct Ring<'a> {
    vertical: &'a Axis,
    horizontal: &'a Axis,
    channels: usize,
    /// The next input row to enter.
    next: usize,
    lines: Vec<Line>,
}

impl<'a> Ring<'a> {
    pub(super) fn new(vertical: &'a Axis, horizontal: &'a Axis, channels: usize) -> Self {
        Self { vertical, horizontal, channels, next: 0, lines: Vec::with_capacity(vertical.kernel) }
    }

    /// Values of a padded row.
    fn row(&self) -> usize {
        self.horizontal.padded * self.channels
    }

    /// Values of all rows.
    pub(super) fn size(&self) -> usize {
        self.vertical.kernel * self.row()
    }

    /// Zeroes the padding on both sides, which rows that enter leave alone.
    pub(super) fn pad(&self, buffer: &mut [f32]) {
        let (axis, c) = (self.horizontal, self.channels);
        for row in buffer.chunks_exact_mut(self.row()) {
            row[..axis.pad * c].fill(0.0);
            row[(axis.pad + axis.input) * c..].fill(0.0);
        }
    }

    /// Begins at an output row.
    pub(super) fn start(&mut self, output: usize) {
        self.next = (output * self.vertical.stride).saturating_sub(self.vertical.pad);
    }

    /// Input rows that have entered so far, counted from the top of the image.
    pub(super) fn entered(&self) -> usize {
        self.next
    }

    /// Lets the rows under the kernel at an output row enter: `enter(row, values)` fills a row.
    pub(super) fn advance(
        &mut self,
        output: usize,
        buffer: &mut [f32],
        mut enter: impl FnMut(usize, &mut [f32]),
    ) {
        let (kernel, row, c) = (self.vertical.kernel, self.row(), self.channels);
        let (rows, taps) = self.vertical.window(output);
        self.next = self.next.max(rows.start);
        while self.next < rows.end {
            let at = (self.next % kernel) * row + self.horizontal.pad * c;
            enter(self.next, &mut buffer[at..][..self.horizontal.input * c]);
            self.next += 1;
        }
        self.lines.clear();
        self.lines.extend(
            rows.zip(taps)
                .map(|(source, tap)| Line { source: (source % kernel) * row, weights: tap * kernel * c }),
        );
    }

    /// The kernel rows that meet the image at the last output row.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}
