//! Questions on a terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use crate::{
    exit::Exit,
    render::{self, HELP},
};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Whether somebody is there to answer.
pub(in crate::commands) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error, and gives the answer without blanks around it.
pub(in crate::commands) fn ask(question: &str) -> Result<String, Exit> {
    let mut out = anstream::stderr().lock();
    write!(out, "{HELP}?{HELP:#} {question}: ").ok();
    out.flush().ok();
    drop(out);
    let mut answer = String::new();
    match io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer) {
        Ok(length) if length > 0 => Ok(answer.trim().to_owned()),
        // The end of the input: nobody goes on.
        _ => {
            render::error("cancelled", None);
            Err(Exit::Cancelled)
        }
    }
}

/// Asks until an answer passes.
pub(in crate::commands) fn ask_until<T>(
    question: &str,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Exit> {
    loop {
        match check(&ask(question)?) {
            Ok(answer) => return Ok(answer),
            Err(problem) => render::error(&problem, None),
        }
    }
}
