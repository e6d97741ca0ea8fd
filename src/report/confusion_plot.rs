//! The figure of a confusion matrix: a cell for each pair of label and prediction, shaded by the share of the label's
//! images, beside a list of the most frequent confusions.
//!
//! Right predictions and confusions have a hue of their own, and confusions a scale of their own that ends at the largest:
//! those of a good network would be invisible on a scale to 100 %.

use std::path::Path;

use super::ReportError;
use super::confusion_matrix::{ConfusedPair, ConfusionMatrix};
use super::figure::{FigureFiles, write_figure};
use super::font::{self, Weight};
use super::legend::{Symbol, draw_heading};
use super::palette::{BLUE, GREY, GRID, INK, VERMILLION, ink_on, tint};
use super::scene::{Anchor, HEIGHT, Rect, Scene, Text, WIDTH};

/// Up to this many classes, cells have numbers.
const MOST_NUMBERED: usize = 20;
/// Page pixels per em of numbers, at least and at most, and of everything else.
const NUMBER_SIZES: (f64, f64) = (5.5, 13.0);
const NAME_SIZES: (f64, f64) = (8.0, 11.0);
const LABEL_SIZE: f64 = 12.0;
/// Side of a matrix whose names are of middle length.
const USUAL_SIDE: f64 = 380.0;
/// Room for class names left of and below the matrix.
const LONGEST_ROW_NAME: f64 = 120.0;
const LONGEST_COLUMN_NAME: f64 = 100.0;
/// The baseline of the vertical label, from the left border of the page.
const LABEL_LEFT: f64 = 20.0;
/// Room between names and the matrix.
const GAP: f64 = 5.0;
/// The lightest shade of a cell that is not empty.
const LEAST_SHADE: f64 = 0.1;
/// The list of confusions: how many, room from the matrix, distance of lines, size of texts.
const MOST_LISTED: usize = 14;
const LIST_GAP: f64 = 28.0;
const LIST_LINE: f64 = 19.0;
const LIST_SIZE: f64 = 10.5;

/// A confusion matrix as a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// What is drawn.
    pub matrix: ConfusionMatrix,
}

/// Where the cells lie.
struct Grid {
    frame: Rect,
    classes: usize,
}

impl ConfusionPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// When a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene(), path)
    }

    /// Lays the figure out.
    pub fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let cells: Vec<ConfusedPair<'_>> = self.matrix.pairs().collect();
        let worst = cells.iter().filter(|cell| !cell.is_right()).map(|cell| cell.share).fold(0.0, f64::max);
        let top = draw_heading(&mut scene, &self.title, &self.subtitle, &legend(worst)) + 12.0;
        let grid = self.grid(top);
        self.draw_names(&mut scene, &grid);
        grid.draw_cells(&mut scene, &cells, worst);
        grid.draw_lines(&mut scene);
        draw_labels(&mut scene, &grid.frame);
        self.draw_list(&mut scene, &grid.frame);
        if cells.is_empty() {
            let Rect { left, top, right, bottom } = grid.frame;
            let at = ((left + right) / 2.0, (top + bottom) / 2.0);
            scene.text(Text::new("no image was classified", at, 14.0, Anchor::Middle, GREY));
        }
        scene
    }

    /// The largest square that leaves room for the names, left of the list.
    fn grid(&self, top: f64) -> Grid {
        let size = self.name_size();
        let widest = |limit: f64| {
            let widths = self.matrix.classes().iter().map(|name| font::width(name, size, Weight::Regular));
            widths.fold(0.0, f64::max).min(limit)
        };
        let left = LABEL_LEFT + 12.0 + widest(LONGEST_ROW_NAME) + GAP;
        let side = HEIGHT - top - widest(LONGEST_COLUMN_NAME) - GAP - LABEL_SIZE - 16.0;
        let frame = Rect { left, top, right: left + side, bottom: top + side };
        Grid { frame, classes: self.matrix.classes().len() }
    }

    /// A size of names that goes with the usual size of the cells.
    fn name_size(&self) -> f64 {
        let cell = USUAL_SIDE / self.matrix.classes().len() as f64;
        (0.8 * cell).clamp(NAME_SIZES.0, NAME_SIZES.1)
    }

    /// Draws as many names, evenly, as fit below each other.
    fn draw_names(&self, scene: &mut Scene, grid: &Grid) {
        let Rect { left, bottom, .. } = grid.frame;
        let size = self.name_size();
        let step = (1.1 * size / grid.cell()).ceil().max(1.0) as usize;
        for (class, name) in self.matrix.classes().iter().enumerate().step_by(step) {
            let cell = grid.rect(class, class);
            let (x, y) = ((cell.left + cell.right) / 2.0, (cell.top + cell.bottom) / 2.0);
            if step > 1 {
                scene.line(vec![(left - 3.0, y), (left, y)], 0.75, GREY);
                scene.line(vec![(x, bottom), (x, bottom + 3.0)], 0.75, GREY);
            }
            let text = |at, limit| Text::new(name, at, size, Anchor::End, INK).cut_to(limit);
            scene.text(text((left - GAP, y + 0.36 * size), LONGEST_ROW_NAME));
            scene.text(text((x + 0.36 * size, bottom + GAP), LONGEST_COLUMN_NAME).upwards());
        }
    }

    /// Lists the most frequent confusions right of the matrix, as long as it.
    fn draw_list(&self, scene: &mut Scene, frame: &Rect) {
        let left = frame.right + LIST_GAP;
        let right = WIDTH - 16.0;
        let confusions = self.matrix.confusions();
        if confusions.is_empty() {
            return;
        }
        let heading =
            Text::new("most frequent confusions", (left, frame.top + 9.0), LABEL_SIZE, Anchor::Start, INK);
        scene.text(heading.cut_to(right - left));
        let lines = ((frame.height() / LIST_LINE) as usize).saturating_sub(1).min(MOST_LISTED);
        for (index, confusion) in (1..).zip(confusions.iter().take(lines)) {
            let y = frame.top + 9.0 + LIST_LINE * f64::from(index);
            let count = Text::new(&confusion.images.to_string(), (right, y), LIST_SIZE, Anchor::End, INK);
            let room = right - left - count.width() - 8.0;
            scene.text(Text::new(
                &pair(confusion.label, confusion.predicted, room),
                (left, y),
                LIST_SIZE,
                Anchor::Start,
                INK,
            ));
            scene.text(count);
        }
    }
}

/// Both names with an arrow between them, each cut to its half of `room` where both together are longer.
fn pair(label: &str, predicted: &str, room: f64) -> String {
    const ARROW: &str = " \u{2192} ";
    let whole = format!("{label}{ARROW}{predicted}");
    let width = |text: &str| font::width(text, LIST_SIZE, Weight::Regular);
    if width(&whole) <= room {
        return whole;
    }
    let half = (room - width(ARROW)) / 2.0;
    let cut = |name: &str, most: f64| font::cut(name, LIST_SIZE, Weight::Regular, most);
    // A short name leaves the rest to the other.
    let label = cut(label, half.max(2.0 * half - width(predicted)));
    let predicted = cut(predicted, half.max(2.0 * half - width(&label)));
    format!("{label}{ARROW}{predicted}")
}

fn legend(worst: f64) -> Vec<(Symbol, String)> {
    let right = (Symbol::Shades(BLUE), "right, 0 to 100 % of the class's images".to_owned());
    let wrong = (Symbol::Shades(VERMILLION), format!("confused, 0 to {worst:.1} %"));
    if worst > 0.0 { vec![right, wrong] } else { vec![right] }
}

fn draw_labels(scene: &mut Scene, frame: &Rect) {
    let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
    let label = Text::new("true class", (LABEL_LEFT, middle.1), LABEL_SIZE, Anchor::Middle, INK);
    scene.text(label.upwards());
    scene.text(Text::new("predicted class", (middle.0, HEIGHT - 8.0), LABEL_SIZE, Anchor::Middle, INK));
}

impl Grid {
    /// Side of a cell.
    fn cell(&self) -> f64 {
        self.frame.width() / self.classes.max(1) as f64
    }

    fn rect(&self, label: usize, predicted: usize) -> Rect {
        let (x, y) = (predicted as f64 * self.cell(), label as f64 * self.cell());
        let (left, top) = (self.frame.left + x, self.frame.top + y);
        Rect { left, top, right: left + self.cell(), bottom: top + self.cell() }
    }

    /// Draws the cells; the share of the largest confusion is `worst`.
    fn draw_cells(&self, scene: &mut Scene, cells: &[ConfusedPair<'_>], worst: f64) {
        let number_size = self.number_size(cells);
        for cell in cells {
            let (colour, full) = if cell.is_right() { (BLUE, 100.0) } else { (VERMILLION, worst) };
            let colour = tint(colour, LEAST_SHADE + (1.0 - LEAST_SHADE) * cell.share / full);
            let rect = self.rect(cell.at.0, cell.at.1);
            scene.area(rect, colour, 1.0);
            if let Some(size) = number_size {
                let at = ((rect.left + rect.right) / 2.0, (rect.top + rect.bottom) / 2.0 + 0.36 * size);
                scene.text(Text::new(&cell.images.to_string(), at, size, Anchor::Middle, ink_on(colour)));
            }
        }
    }

    /// The size at which all numbers fit into their cells; `None` when they would be too small or too many.
    fn number_size(&self, cells: &[ConfusedPair<'_>]) -> Option<f64> {
        if self.classes > MOST_NUMBERED {
            return None;
        }
        let widths = cells.iter().map(|cell| font::width(&cell.images.to_string(), 1.0, Weight::Regular));
        let widest = widths.fold(0.0, f64::max);
        let size = ((self.cell() - 2.0) / widest).min(0.8 * self.cell()).min(NUMBER_SIZES.1);
        (size >= NUMBER_SIZES.0).then_some(size)
    }

    /// Draws the frame, and lines between the cells where these are large.
    fn draw_lines(&self, scene: &mut Scene) {
        let Rect { left, top, right, bottom } = self.frame;
        if self.classes <= MOST_NUMBERED {
            for class in 1..self.classes {
                let cell = self.rect(class, class);
                scene.line(vec![(cell.left, top), (cell.left, bottom)], 0.75, GRID);
                scene.line(vec![(left, cell.top), (right, cell.top)], 0.75, GRID);
            }
        }
        scene.line(vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], 1.0, GREY);
    }
}

#[cfg(test)]
mod tests;
