//! Plots as inline SVG: axes with ticks, lines, a legend. Colours come from the page's style sheet.
//!
//! Everything drawn is also said: each SVG has a title and a description, and the page puts a table
//! beside it. Nothing here knows what the numbers mean.

use super::element::escape;
use crate::report::number;
use std::fmt::Write as _;

/// Widths and heights of the plots, in SVG units: one in a row, and two.
pub(super) const WIDE: (f64, f64) = (860.0, 380.0);
pub(super) const HALF: (f64, f64) = (480.0, 230.0);

/// The room around the plot, in SVG units.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// Colours in the style sheet, `--c0` and on; a plot with more series uses them again.
const COLOURS: usize = 6;

/// A wide range is drawn on a logarithmic axis: one whose ends are this far apart.
const LOGARITHMIC_FROM: f64 = 30.0;

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// As the legend calls it.
    pub(super) name: String,
    /// Which colour.
    pub(super) colour: usize,
    /// Of the run compared with.
    pub(super) dashed: bool,
    /// From left to right.
    pub(super) points: Vec<(f64, f64)>,
}

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
    /// Each nine of a fraction takes as much room as the one before.
    Nines,
}

/// One axis: its range and where it has ticks.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    label: String,
    scale: Scale,
    range: (f64, f64),
    ticks: Vec<(f64, String)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// Unique in the page.
    pub(super) id: &'static str,
    /// What it shows, briefly.
    pub(super) title: String,
    /// What it shows, for those who can't see it.
    pub(super) description: String,
    /// Width and height in SVG units; the page scales it to the room there is.
    pub(super) size: (f64, f64),
    /// Horizontal.
    pub(super) x: Axis,
    /// Vertical.
    pub(super) y: Axis,
    /// Lines, the earlier over the later.
    pub(super) series: Vec<Series>,
}

impl Axis {
    /// From 0 to a round number that is at least `most`.
    pub(super) fn linear(label: &str, most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = round_step(most / 5.0);
        let count = (most / step).ceil().max(1.0) as u32;
        let ticks = (0..=count).map(|index| f64::from(index) * step);
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            range: (0.0, f64::from(count) * step),
            ticks: ticks.map(|tick| (tick, label_of(tick))).collect(),
        }
    }

    /// Linear from 0, or logarithmic where `values` lie far apart.
    pub(super) fn fitting(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let positive = values.filter(|value| value.is_finite() && *value > 0.0);
        let (least, most) = positive.fold((f64::INFINITY, 0f64), |(least, most), value| (least.min(value), most.max(value)));
        if most / least < LOGARITHMIC_FROM || most == 0.0 {
            return Self::linear(label, most);
        }
        let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        let steps: &[f64] = if high - low <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all = (low..=high).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        let all: Vec<f64> = all.collect();
        let start = all.iter().rfind(|&&tick| tick <= least * 1.000_001).copied().unwrap_or(least);
        let end = all.iter().find(|&&tick| tick >= most * 0.999_999).copied().unwrap_or(most);
        let ticks = all.into_iter().filter(|&tick| (start..=end).contains(&tick));
        Self {
            label: format!("{label} (logarithmic)"),
            scale: Scale::Logarithmic,
            range: (start, end),
            ticks: ticks.map(|tick| (tick, label_of(tick))).collect(),
        }
    }

    /// Fractions as percentiles, from 0 to `most` (below 1), each nine as wide as the one before.
    pub(super) fn percentiles(label: &str, most: f64) -> Self {
        let most = most.clamp(0.9, 0.999_999_9);
        let named = [0.0, 0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99, 0.999_999];
        let ticks = named.into_iter().filter(|&tick| tick <= most);
        Self {
            label: label.to_owned(),
            scale: Scale::Nines,
            range: (0.0, most),
            ticks: ticks.map(|tick| (tick, label_of(tick * 100.0))).collect(),
        }
    }

    /// Where `value` lies, from 0 (start) to 1 (end); values outside lie on the nearest end.
    fn place(&self, value: f64) -> f64 {
        let along = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).ln(),
            Scale::Nines => -(1.0 - value).max(1e-9).ln(),
        };
        let (start, end) = (along(self.range.0), along(self.range.1));
        if end > start {
            ((along(value) - start) / (end - start)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let wanted = [1.0, 2.0, 5.0].into_iter().find(|&times| times * power >= step * 0.999_999);
    wanted.unwrap_or(10.0) * power
}

/// A round number, without the last bits that computing left.
fn label_of(tick: f64) -> String {
    let tick = (tick * 1e9).round() / 1e9;
    if tick >= 1_000.0 { number(tick) } else { tick.to_string() }
}

impl Plot {
    /// A `<figure>` with the drawing and its legend; a sentence where there is nothing to draw.
    pub(super) fn html(&self) -> String {
        if self.series.iter().all(|series| series.points.is_empty()) {
            return format!("<p class=\"none\">{}: nothing was measured.</p>\n", escape(&self.title));
        }
        let (id, (width, height)) = (self.id, self.size);
        let mut svg = format!(
            "<figure>\n<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n",
            title = escape(&self.title),
            description = escape(&self.description),
        );
        self.draw_axes(&mut svg);
        for series in self.series.iter().rev() {
            self.draw_line(&mut svg, series);
        }
        svg.push_str("</svg>\n");
        self.write_legend(&mut svg);
        svg.push_str("</figure>\n");
        svg
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (self.size.0 - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * (self.bottom() - TOP)
    }

    fn bottom(&self) -> f64 {
        self.size.1 - BOTTOM
    }

    // Writing to a string can't fail, here and below.
    fn draw_axes(&self, svg: &mut String) {
        let (right, bottom) = (self.size.0 - RIGHT, self.bottom());
        for (value, label) in &self.y.ticks {
            let y = self.y(*value);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 7.0,
                y + 4.0
            );
        }
        for (value, label) in &self.x.ticks {
            let x = self.x(*value);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
            _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                bottom + 17.0
            );
        }
        _ = writeln!(svg, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>");
        let (middle, half) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            self.size.1 - 8.0,
            escape(&self.x.label)
        );
        _ = writeln!(
            svg,
            "<text class=\"name\" transform=\"translate(14 {half:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escape(&self.y.label)
        );
    }

    fn draw_line(&self, svg: &mut String, series: &Series) {
        let drawable = series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let places: Vec<String> = drawable.map(|&(x, y)| format!("{:.1} {:.1}", self.x(x), self.y(y))).collect();
        let class = class(series);
        match &places[..] {
            [] => {}
            [only] => {
                let (x, y) = only.split_once(' ').unwrap_or((only, only));
                _ = writeln!(svg, "<circle class=\"{class} dot\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
            }
            all => _ = writeln!(svg, "<path class=\"{class}\" d=\"M{}\"/>", all.join("L")),
        }
    }

    fn write_legend(&self, html: &mut String) {
        html.push_str("<figcaption><ul class=\"legend\">\n");
        for series in self.series.iter().filter(|series| !series.points.is_empty()) {
            _ = writeln!(
                html,
                "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"{}\" d=\"M1 4H27\"/></svg>{}</li>",
                class(series),
                escape(&series.name)
            );
        }
        html.push_str("</ul></figcaption>\n");
    }
}

fn class(series: &Series) -> String {
    let colour = series.colour % COLOURS;
    let dashed = if series.dashed { " other" } else { "" };
    format!("line s{colour}{dashed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(ticks(&Axis::linear("", 9.3)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(ticks(&Axis::linear("", 0.3)), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(ticks(&Axis::linear("", 0.0)).last(), Some(&"1"));
        assert_eq!(
            ticks(&Axis::fitting("", [0.3, 70.0].into_iter())),
            ["0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"]
        );
        assert_eq!(
            ticks(&Axis::fitting("", [2.0, 3.0].into_iter())).first(),
            Some(&"0"),
            "close together: linear"
        );
        assert_eq!(ticks(&Axis::percentiles("", 0.9995)), ["0", "50", "90", "99", "99.9"]);
    }

    #[test]
    fn every_nine_takes_as_much_room_as_the_one_before() {
        let axis = Axis::percentiles("", 0.9999);
        let places = [0.9, 0.99, 0.999, 0.9999].map(|fraction| axis.place(fraction));
        for (index, place) in places.iter().enumerate() {
            assert!((place - (index + 1) as f64 / 4.0).abs() < 1e-6, "{places:?}");
        }
        assert_eq!((axis.place(1.0), axis.place(0.0)), (1.0, 0.0));
    }

    #[test]
    fn what_is_no_number_is_not_drawn() {
        let plot = Plot {
            id: "p",
            title: "a < b".to_owned(),
            description: String::new(),
            size: (400.0, 200.0),
            x: Axis::linear("x", 1.0),
            y: Axis::linear("y", f64::NAN),
            series: vec![Series {
                name: "one".to_owned(),
                colour: 7,
                dashed: true,
                points: vec![(0.0, f64::NAN), (0.5, 1.0), (1.0, f64::INFINITY)],
            }],
        };
        let html = plot.html();
        assert!(html.contains("<circle") && !html.contains("NaN") && !html.contains("inf"), "{html}");
        assert!(html.contains("line s1 other") && html.contains("a &lt; b"));
    }
}
