//! The secrets of this process, and what takes them out of everything that it shows.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, Write},
    sync::LazyLock,
};

use flowrun_card::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::default);

/// What every sink of the command line takes secrets out with.
pub(crate) fn redactor() -> &'static Redactor {
    &REDACTOR
}

/// One line of the log, or several that belong together: written as one when it is dropped, so that
/// no secret is cut in two.
#[derive(Debug, Default)]
pub(crate) struct LogLine(Vec<u8>);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        // Where standard error is gone there is nobody to tell.
        io::stderr()
            .write_all(redactor().text(&text).as_bytes())
            .ok();
    }
}

/// Takes secrets out of what a panic says, of a card for instance.
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut text = format!("{panic}\n");
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            text.push_str(&format!("{trace}"));
        }
        LogLine(text.into_bytes());
    }));
}
