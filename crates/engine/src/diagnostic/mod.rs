//! Diagnostics as data: what is wrong in a flow file, where, and what to write instead. Whoever
//! shows them renders them.

mod code;
mod list;

use flowrun_card::Span;

pub use self::code::Code;
pub(crate) use self::list::Diagnostics;
use crate::source::Source;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The flow cannot run.
    Error,
    /// It can, and probably does not what was meant.
    Warning,
}

impl Severity {
    /// The name: `error`, `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place in a flow file, and what is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty.
    pub text: String,
}

/// Something that is wrong in a flow file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule it breaks.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: one sentence, lower case, no full stop.
    pub message: String,
    /// Where.
    pub primary: Label,
    /// Other places that have to do with it.
    pub secondary: Vec<Label>,
    /// What to do, or what to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label {
                span,
                text: String::new(),
            },
            secondary: Vec::new(),
            help: None,
        }
    }

    /// Another place that has to do with it.
    #[must_use]
    pub(crate) fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// What to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to do, where there is something to say.
    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The diagnostic in a line: `file:line:column: error[code]: message`.
    pub fn to_line(&self, source: &Source) -> String {
        let position = source.position(self.primary.span.start);
        format!(
            "{}:{}:{}: {}[{}]: {}",
            source.name(),
            position.line,
            position.column,
            self.severity.name(),
            self.code,
            self.message
        )
    }
}
