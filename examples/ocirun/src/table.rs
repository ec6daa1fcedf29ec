//! Tables for people.

/// The least width of a column, and the room between two.
const WIDTH: usize = 12;
const PADDING: usize = 3;

/// The rows with their columns aligned, each ended by a newline.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let length = |text: &str| text.chars().count();
    let mut widths = [WIDTH; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(length(cell) + PADDING);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:<width$}", width = *width));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
