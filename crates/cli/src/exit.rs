//! The exit codes, the same for every command.

use std::process::ExitCode;

use flowrun_card::ErrorKind;
use flowrun_engine::{Code, Diagnostic, RunReport, RunStatus, Severity};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// The run failed.
    Failed,
    /// The flow or the call is invalid.
    Invalid,
    Cancelled,
    /// A connection or credentials.
    Connection,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Invalid => 2,
            Exit::Cancelled => 3,
            Exit::Connection => 4,
        })
    }
}

impl Exit {
    /// How a run ended.
    pub(crate) fn of_run(report: &RunReport) -> Self {
        match (report.status, &report.error) {
            (RunStatus::Succeeded, _) => Exit::Done,
            (RunStatus::Cancelled, _) => Exit::Cancelled,
            (RunStatus::Failed, Some(error)) if error.kind == ErrorKind::Connection => {
                Exit::Connection
            }
            (RunStatus::Failed, _) => Exit::Failed,
        }
    }

    /// What diagnostics come to: a flow that is right but for connections that do not exist can be
    /// helped without touching it.
    pub(crate) fn of_diagnostics(diagnostics: &[Diagnostic]) -> Self {
        let mut errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .peekable();
        if errors.peek().is_none() {
            Exit::Done
        } else if errors.all(|error| error.code == Code::CONNECTION_NOT_FOUND) {
            Exit::Connection
        } else {
            Exit::Invalid
        }
    }
}
