//! The one place where a scene meets the drawing library: paints it as SVG and as PNG and writes both files.
//!
//! Both backends draw the same whole-number geometry at [`UNITS`] units per page pixel. The SVG keeps it in its view box;
//! the PNG averages blocks of units down to [`PIXELS`] pixels per page pixel, which smooths all edges alike.

use std::path::{Path, PathBuf};

use image::{ExtendedColorType, ImageEncoder, codecs::png};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text as SvgText};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle,
};

use super::ReportError;
use super::error::write_file;
use super::font::{self, Weight};
use super::palette::Colour;
use super::scene::{Anchor, At, Mark, Scene, Text, WIDTH};

/// Drawing units per page pixel.
const UNITS: u32 = 4;
/// PNG pixels per page pixel.
const PIXELS: u32 = 2;
/// The longest page of a bitmap; one of this length takes 200 MB while it is painted.
const MOST_BITMAP_HEIGHT: f64 = 5000.0;
/// Plotters writes this share of a text's size into an SVG.
const SVG_SIZE: f64 = 1.24;
/// Em from the baseline up to the top at which plotters anchors an SVG text.
const SVG_TOP: f64 = 0.76;

/// The two files of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureFiles {
    /// The vector file.
    pub svg: PathBuf,
    /// The bitmap, two pixels for each pixel of the page.
    pub png: PathBuf,
}

/// Paints `scene` into `<path>.svg` and `<path>.png`, each replaced as a whole.
///
/// # Errors
/// [`ReportError::Draw`] and [`ReportError::Write`] name the file concerned.
pub fn write_figure(scene: &Scene, path: &Path) -> Result<FigureFiles, ReportError> {
    let files = FigureFiles { svg: with_suffix(path, ".svg"), png: with_suffix(path, ".png") };
    let svg = drawn(scene, FigureFormat::Svg, &files.svg)?;
    let png = drawn(scene, FigureFormat::Png, &files.png)?;
    write_file(&files.svg, &svg)?;
    write_file(&files.png, &png)?;
    Ok(files)
}

/// How a figure is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureFormat {
    /// Vectors.
    Svg,
    /// A bitmap.
    Png,
}

impl FigureFormat {
    /// The format that the extension of `path` names, `None` where it names no format of figures.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Paints `scene` into the one file at `path`, which is replaced as a whole.
///
/// # Errors
/// [`ReportError::Draw`] and [`ReportError::Write`] name the file.
pub fn write_figure_as(scene: &Scene, format: FigureFormat, path: &Path) -> Result<(), ReportError> {
    write_file(path, &drawn(scene, format, path)?)
}

/// The bytes of the figure's file at `path`.
fn drawn(scene: &Scene, format: FigureFormat, path: &Path) -> Result<Vec<u8>, ReportError> {
    let bytes = match format {
        FigureFormat::Svg => svg(scene).map(String::into_bytes),
        FigureFormat::Png => png(scene),
    };
    bytes.map_err(|reason| ReportError::Draw { path: path.to_path_buf(), reason })
}

/// `path` with `suffix` after its whole name, so that dots in the name stay.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn units(pixels: f64) -> i32 {
    (pixels * f64::from(UNITS)).round() as i32
}

fn page_units(scene: &Scene) -> (u32, u32) {
    (units(WIDTH).unsigned_abs(), units(scene.height).unsigned_abs())
}

fn svg(scene: &Scene) -> Result<String, String> {
    let mut drawn = String::new();
    paint(scene, SVGBackend::with_string(&mut drawn, page_units(scene)), svg_text)?;
    let (width, height) = page_units(scene);
    let in_units = format!("<svg width=\"{width}\" height=\"{height}\"");
    let in_pixels = format!("<svg width=\"{WIDTH}\" height=\"{}\" stroke-linejoin=\"round\"", scene.height);
    Ok(drawn.replacen(&in_units, &in_pixels, 1))
}

fn png(scene: &Scene) -> Result<Vec<u8>, String> {
    if scene.height > MOST_BITMAP_HEIGHT {
        return Err(format!(
            "a page of {} x {WIDTH} pixels is too long for a PNG; give the file the extension .svg",
            scene.height
        ));
    }
    let (width, height) = page_units(scene);
    let mut drawn = vec![255; width as usize * height as usize * 3];
    paint(scene, BitMapBackend::with_buffer(&mut drawn, (width, height)), bitmap_text)?;
    let block = UNITS / PIXELS;
    let smooth = averaged(&drawn, width as usize, block as usize);
    let mut file = Vec::new();
    png::PngEncoder::new_with_quality(&mut file, png::CompressionType::Best, png::FilterType::Adaptive)
        .write_image(&smooth, width / block, height / block, ExtendedColorType::Rgb8)
        .map_err(|error| error.to_string())?;
    Ok(file)
}

/// The RGB image `pixels` (`width` pixels per row) with every `block` x `block` pixels averaged into one.
fn averaged(pixels: &[u8], width: usize, block: usize) -> Vec<u8> {
    let rows = pixels.len() / (width * 3);
    let count = block * block;
    let mut smooth = Vec::with_capacity(pixels.len() / count);
    for y in (0..rows).step_by(block) {
        for x in (0..width).step_by(block) {
            for channel in 0..3 {
                let at = |i: usize| ((y + i / block) * width + x + i % block) * 3 + channel;
                let sum: usize = (0..count).map(|i| usize::from(pixels[at(i)])).sum();
                smooth.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    smooth
}

type Area<B> = DrawingArea<B, Shift>;

/// Paints all marks on a white page; `text` paints the texts, because plotters places them differently in each backend.
fn paint<B: DrawingBackend>(
    scene: &Scene,
    backend: B,
    text: fn(&Area<B>, &Text) -> Result<(), String>,
) -> Result<(), String> {
    let area = backend.into_drawing_area();
    area.fill(&RGBColor(255, 255, 255)).map_err(|error| error.to_string())?;
    for mark in &scene.marks {
        match mark {
            Mark::Text(mark) => text(&area, mark)?,
            shape => paint_shape(&area, shape).map_err(|error| error.to_string())?,
        }
    }
    area.present().map_err(|error| error.to_string())
}

fn paint_shape<B: DrawingBackend>(
    area: &Area<B>,
    mark: &Mark,
) -> Result<(), plotters::drawing::DrawingAreaErrorKind<B::ErrorType>> {
    match mark {
        Mark::Line { points, width, colour, opacity, dash } => {
            let style = ShapeStyle {
                color: rgba(*colour, *opacity),
                filled: false,
                stroke_width: units(*width).max(1).unsigned_abs(),
            };
            let strokes = dash.map_or_else(|| vec![points.clone()], |dash| dashes(points, dash));
            strokes.into_iter().try_for_each(|stroke| area.draw(&PathElement::new(placed(&stroke), style)))
        }
        Mark::Area { rect, colour, opacity } => {
            let corners = placed(&[(rect.left, rect.top), (rect.right, rect.bottom)]);
            area.draw(&Rectangle::new([corners[0], corners[1]], rgba(*colour, *opacity).filled()))
        }
        Mark::Disc { centre, radius, colour, opacity } => {
            let centre = (units(centre.0), units(centre.1));
            area.draw(&Circle::new(centre, units(*radius), rgba(*colour, *opacity).filled()))
        }
        Mark::Polygon { points, colour } => area.draw(&Polygon::new(placed(points), rgba(*colour, 1.0))),
        Mark::Text(_) => Ok(()),
    }
}

fn rgba(Colour(r, g, b): Colour, opacity: f64) -> RGBAColor {
    RGBColor(r, g, b).mix(opacity)
}

fn placed(points: &[At]) -> Vec<(i32, i32)> {
    points.iter().map(|&(x, y)| (units(x), units(y))).collect()
}

/// The pieces of a polyline that its dashes cover; each piece is straight, a dash around a corner is two pieces.
fn dashes(points: &[At], (dash, gap): (f64, f64)) -> Vec<Vec<At>> {
    let mut pieces = Vec::new();
    let mut phase = 0.0;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |d: f64| (from.0 + (to.0 - from.0) * d / length, from.1 + (to.1 - from.1) * d / length);
        let mut start = -phase;
        while start < length {
            let (a, b) = (start.max(0.0), (start + dash).min(length));
            if a < b {
                pieces.push(vec![at(a), at(b)]);
            }
            start += dash + gap;
        }
        phase = length - (start - (dash + gap));
    }
    pieces
}

fn svg_text<B: DrawingBackend>(area: &Area<B>, text: &Text) -> Result<(), String> {
    let size = text.size * f64::from(UNITS);
    let weight = match text.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    let horizontal = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let colour = rgba(text.colour, 1.0);
    let font = FontDesc::new(FontFamily::Name(font::FAMILIES), size * SVG_SIZE, weight);
    let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Top));
    let (x, y, rise) = (units(text.at.0), units(text.at.1), (size * SVG_TOP).round() as i32);
    let (style, at) = if text.upwards {
        (style.transform(FontTransform::Rotate270), (x - rise, y))
    } else {
        (style, (x, y - rise))
    };
    area.draw(&SvgText::new(text.text.as_str(), at, style)).map_err(|error| error.to_string())
}

fn bitmap_text<B: DrawingBackend>(area: &Area<B>, text: &Text) -> Result<(), String> {
    let (x0, y0, lead) = (units(text.at.0), units(text.at.1), units(text.lead()));
    let mut outcome = Ok(());
    font::rasterise(&text.text, text.size * f64::from(UNITS), text.weight, |x, y, coverage| {
        let at = if text.upwards { (x0 + y, y0 + lead - x) } else { (x0 - lead + x, y0 + y) };
        if outcome.is_ok() && coverage > 0.0 {
            outcome = area.draw_pixel(at, &rgba(text.colour, coverage));
        }
    });
    outcome.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::INK;

    fn scene() -> Scene {
        let mut scene = Scene::default();
        scene.text(Text::new("a < b & \"c\" \u{1}", (40.0, 40.0), 12.0, Anchor::Start, INK));
        scene.dashed(vec![(10.0, 100.0), (300.0, 100.0)], 1.0, INK, (4.0, 3.0));
        scene.disc((200.0, 200.0), 5.0, INK, 0.5);
        scene
    }

    #[test]
    fn the_same_scene_gives_the_same_bytes_under_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| write_figure(&scene(), &folder.path().join(name)).unwrap();
        let (one, two) = (write("run.v1"), write("two"));
        assert!(one.svg.ends_with("run.v1.svg") && one.png.ends_with("run.v1.png"));
        let read = |path: &Path| std::fs::read(path).unwrap();
        assert_eq!(read(&one.svg), read(&two.svg));
        assert_eq!(read(&one.png), read(&two.png));
        let svg = String::from_utf8(read(&one.svg)).unwrap();
        assert!(svg.starts_with("<svg width=\"800\" height=\"550\""));
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;") && !svg.contains('\u{1}'));
        assert_eq!(&read(&one.png)[16..24], [0, 0, 6, 64, 0, 0, 4, 76]);
    }

    #[test]
    fn one_file_has_the_bytes_of_its_pair() {
        let folder = tempfile::tempdir().unwrap();
        let pair = write_figure(&scene(), &folder.path().join("pair")).unwrap();
        for (name, other) in [("one.svg", pair.svg), ("one.PNG", pair.png)] {
            let path = folder.path().join(name);
            write_figure_as(&scene(), FigureFormat::of(&path).unwrap(), &path).unwrap();
            assert_eq!(std::fs::read(path).unwrap(), std::fs::read(other).unwrap());
        }
        assert_eq!(FigureFormat::of(Path::new("one.pdf")), None);
    }

    #[test]
    fn a_page_has_the_height_of_its_scene_and_a_bitmap_its_limits() {
        let tall = |height| Scene { height, ..scene() };
        assert!(svg(&tall(90.0)).unwrap().starts_with("<svg width=\"800\" height=\"90\""));
        assert_eq!(png(&tall(90.0)).unwrap()[16..24], [0, 0, 6, 64, 0, 0, 0, 180]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tall.png");
        let error = write_figure_as(&tall(5001.0), FigureFormat::Png, &path).unwrap_err();
        assert!(error.to_string().contains(".svg"), "{error}");
        assert!(!path.exists() && svg(&tall(5001.0)).is_ok());
    }

    #[test]
    fn an_unwritable_path_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("taken.svg")).unwrap();
        let error = write_figure(&scene(), &folder.path().join("taken")).unwrap_err();
        assert!(error.to_string().contains("taken.svg"), "{error}");
    }

    #[test]
    fn dashes_keep_their_rhythm_around_corners() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], (2.0, 1.0));
        let expected = [
            [(0.0, 0.0), (2.0, 0.0)],
            [(3.0, 0.0), (5.0, 0.0)],
            [(5.0, 1.0), (5.0, 3.0)],
            [(5.0, 4.0), (5.0, 5.0)],
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn averaging_halves_both_sides() {
        let pixels = [[0; 3], [4; 3], [8; 3], [8; 3], [2; 3], [2; 3], [8; 3], [9; 3]].concat();
        assert_eq!(averaged(&pixels, 4, 2), [2, 2, 2, 8, 8, 8]);
    }
}
