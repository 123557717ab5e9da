//! Tables for people: borderless where it helps, and safe for a terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, TableStyle};

use super::{Ui, escape_control};

/// One line under the headings and none between rows: what a person scans, and `awk` can cut.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table that is filled row by row and written once.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with `headings`, as wide as `ui`'s stdout allows.
    pub fn new(ui: &Ui, headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = ui.width() {
            table.set_width(width);
        }
        table.set_header(headings.iter().copied());
        Self(table)
    }

    /// The same with `columns` (counted from 0) never wrapped: an id that is broken in two cannot be copied.
    #[must_use]
    pub fn unbroken(mut self, columns: &[usize]) -> Self {
        for column in columns {
            if let Some(column) = self.0.column_mut(*column) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        self
    }

    /// Adds a row; control characters in its cells are escaped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.0.add_row(cells.into_iter().map(|cell| escape_control(cell.as_ref()).into_owned()));
    }

    /// Adds a row whose last cell has several lines; control characters are escaped in each of them.
    pub fn row_with_lines<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>, lines: &[String]) {
        let lines: Vec<_> = lines.iter().map(|line| escape_control(line)).collect();
        let cells = cells.into_iter().map(|cell| escape_control(cell.as_ref()).into_owned());
        self.0.add_row(cells.chain([lines.join("\n")]));
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Trailing blanks make snapshots and copied text ugly, and mean nothing.
        for (i, line) in self.0.to_string().lines().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}
