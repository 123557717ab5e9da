//! The two streams of a run, and the one place that decides colour, progress and verbosity for everybody.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::{escape_control, prompt};
use crate::engine::Confirmed;
use crate::error::CliError;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Even on a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What decides how a [`Ui`] looks; resolved from flags and environment by config.
#[derive(Clone, Copy, Debug, Default)]
pub struct UiOptions {
    /// Drop the conversation (never a warning, an error or the answer).
    pub quiet: bool,
    /// Say more.
    pub verbose: bool,
    /// Colour on stdout.
    pub color: ColorChoice,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// Columns of the terminal as `COLUMNS` says, where nothing can be asked.
    pub columns: Option<u16>,
}

/// What a piece of text means, which decides its colour; everything stays legible without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Look here.
    Warn,
    /// A name.
    Name,
    /// Less important.
    Dim,
    /// A heading.
    Strong,
    /// One of several of a kind, told apart by colour.
    Numbered(usize),
}

impl Tone {
    fn style(self) -> Style {
        let color = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
        match self {
            Self::Good => color(AnsiColor::Green),
            Self::Bad => color(AnsiColor::Red).bold(),
            Self::Warn => color(AnsiColor::Yellow),
            Self::Name => color(AnsiColor::Cyan),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Numbered(number) => {
                use AnsiColor::{Blue, BrightGreen, BrightRed, Cyan, Magenta, Yellow};
                let all = [Cyan, Magenta, Yellow, Blue, BrightGreen, BrightRed];
                color(all[number % all.len()])
            }
        }
    }
}

/// The two streams of a run. Cheap to clone: a reporter has its own.
#[derive(Clone, Debug)]
pub struct Ui {
    options: UiOptions,
    flags: String,
    stdin_tty: bool,
    stdout_tty: bool,
    stderr_tty: bool,
}

impl Ui {
    /// Looks at the process's streams once.
    pub fn new(options: UiOptions) -> Self {
        Self {
            options,
            flags: String::new(),
            stdin_tty: io::stdin().is_terminal(),
            stdout_tty: io::stdout().is_terminal(),
            stderr_tty: io::stderr().is_terminal(),
        }
    }

    /// The same, with the flags that chose the bus put into every hinted command: pasted, it must not reach another bus.
    #[must_use]
    pub fn with_flags(mut self, flags: &[(&str, &str)]) -> Self {
        self.flags = flags.iter().map(|(flag, value)| format!("{flag} {} ", quoted(value))).collect();
        self
    }

    /// Whether a person reads stdout.
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_tty
    }

    /// Whether a person reads stderr.
    pub fn stderr_is_terminal(&self) -> bool {
        self.stderr_tty
    }

    /// Whether a person would have to type stdin.
    pub fn stdin_is_terminal(&self) -> bool {
        self.stdin_tty
    }

    /// Whether a question can be asked and answered.
    pub fn can_prompt(&self) -> bool {
        self.stdin_tty && self.stderr_tty
    }

    /// Whether the conversation is dropped.
    pub fn quiet(&self) -> bool {
        self.options.quiet
    }

    /// Whether more is to be said.
    pub fn verbose(&self) -> bool {
        self.options.verbose
    }

    /// Columns to write tables in: the terminal's, else `COLUMNS`, else none (as wide as it needs).
    pub fn width(&self) -> Option<u16> {
        if self.stdout_tty {
            terminal_size::terminal_size().map(|(width, _)| width.0).or(self.options.columns)
        } else {
            self.options.columns
        }
    }

    /// A progress indicator on stderr: hidden when quiet or when nobody looks.
    pub fn progress(&self, label: &'static str) -> super::Progress {
        super::Progress::new(label, self.stderr_tty && !self.options.quiet)
    }

    /// Buffered stdout. Flush it when an item must be seen now.
    pub fn out(&self) -> BufWriter<io::Stdout> {
        BufWriter::with_capacity(64 * 1024, io::stdout())
    }

    /// `text` in the colour of `tone`, for stdout.
    pub fn paint(&self, tone: Tone, text: impl Display) -> String {
        paint(self.colored(self.stdout_tty), tone, text)
    }

    /// `text` in the colour of `tone`, for stderr.
    pub fn paint_err(&self, tone: Tone, text: impl Display) -> String {
        paint(self.colored(self.stderr_tty), tone, text)
    }

    fn colored(&self, tty: bool) -> bool {
        match self.options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => tty && !self.options.no_color,
        }
    }

    /// Part of the conversation: what was assumed or is being done. Dropped by `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.options.quiet {
            self.labelled(Tone::Dim, "note:", &text.to_string());
        }
    }

    /// A line of the conversation without a label: what was done. Dropped by `--quiet`.
    pub fn status(&self, text: impl Display) {
        if !self.options.quiet {
            self.say(&text.to_string());
        }
    }

    /// Something unexpected. Never dropped.
    pub fn warn(&self, text: impl Display) {
        self.labelled(Tone::Warn, "warning:", &text.to_string());
    }

    /// Something to paste. Never dropped: it belongs to an error or a warning.
    pub fn hint(&self, text: impl Display) {
        let text = text.to_string().replace("`eventbus ", &format!("`eventbus {}", self.flags));
        self.labelled(Tone::Name, "hint:", &text);
    }

    /// An error with its causes and hints. Never dropped.
    pub fn error(&self, error: &CliError) {
        self.labelled(Tone::Bad, "error:", &error.message);
        for cause in &error.causes {
            self.say(&format!("  caused by: {}", self.harmless(cause)));
        }
        for hint in &error.hints {
            self.hint(hint);
        }
    }

    /// Asks before something is changed; see [`prompt::confirm`].
    ///
    /// # Errors
    /// A usage error naming `--yes` where nobody can answer.
    pub fn confirm(&self, question: &str, yes: bool, look: Option<&str>) -> Result<Option<Confirmed>, CliError> {
        prompt::confirm(self, question, yes, look)
    }

    /// Asks for a typed name before something is destroyed on a protected bus; see [`prompt::confirm_name`].
    ///
    /// # Errors
    /// A usage error for another name, or naming `--confirm` where nobody can answer.
    pub fn confirm_name(&self, question: &str, name: &str, given: Option<&str>) -> Result<Option<Confirmed>, CliError> {
        prompt::confirm_name(self, question, name, given)
    }

    /// Asks for the typed names of what is destroyed; see [`prompt::confirm_names`].
    ///
    /// # Errors
    /// A usage error naming every `--confirm` that is missing where nobody can answer.
    pub fn confirm_names(&self, asked: &[prompt::Asked], given: &[String]) -> Result<Option<Confirmed>, CliError> {
        prompt::confirm_names(self, asked, given)
    }

    /// A sentence behind its label. Of the sentence, which may quote anybody's names, not even colours pass.
    fn labelled(&self, tone: Tone, label: &str, text: &str) {
        self.say(&format!("{} {}", self.paint_err(tone, label), self.harmless(text)));
    }

    fn harmless<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.stderr_tty { super::escape_control_keeping_lines(text) } else { Cow::Borrowed(text) }
    }

    /// One line (or several) on stderr. Nothing can be done about a stderr that is gone.
    fn say(&self, text: &str) {
        let safe = if self.stderr_tty { keep_styles(text) } else { text.to_owned() };
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "{safe}");
    }
}

/// `text` as a shell takes it for one word.
pub fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn paint(colored: bool, tone: Tone, text: impl Display) -> String {
    if colored {
        let style = tone.style();
        format!("{}{text}{}", style.render(), style.render_reset())
    } else {
        text.to_string()
    }
}

/// Escapes control characters except line ends, tabs and the colour sequences (`ESC [ digits ; m`) that `paint` writes.
fn keep_styles(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        out.push_str(&super::escape_control_keeping_lines(before));
        let end = from.find('m').filter(|end| {
            from.starts_with("\u{1b}[") && from[2..*end].bytes().all(|b| b.is_ascii_digit() || b == b';')
        });
        match end {
            Some(end) => {
                out.push_str(&from[..=end]);
                rest = &from[end + 1..];
            }
            None => {
                out.push_str(&escape_control("\u{1b}"));
                rest = &from[1..];
            }
        }
    }
    out.push_str(&super::escape_control_keeping_lines(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn colours_pass_and_cursor_movements_do_not() {
        assert_eq!(keep_styles("\u{1b}[31mred\u{1b}[0m"), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(keep_styles("a\u{1b}[2Jm"), "a\\u{1b}[2Jm");
    }
}
