//! Secrets typed by a person, which no screen shows, or piped in.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _, Write as _},
};

use flowrun_card::Secret;
use flowrun_connections::MAX_SECRET_BYTES;
use zeroize::Zeroizing;

/// A secret from standard input: typed on the terminal, else all that is piped in, less one line
/// end.
///
/// # Errors
/// Why there is none.
pub(crate) fn read_secret(question: &str) -> Result<Secret, String> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return ask(question);
    }
    // With all its room at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 64));
    let most = MAX_SECRET_BYTES.saturating_add(3) as u64;
    stdin
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("standard input cannot be read: {}", error.kind()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "the secret is not UTF-8 text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
}

/// Asks on the terminal that the process belongs to, wherever standard input comes from.
///
/// # Errors
/// Why there is no answer.
#[cfg(unix)]
pub(crate) fn ask(question: &str) -> Result<Secret, String> {
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| "there is no terminal to ask on".to_owned())?;
    let failed = |error: io::Error| format!("the terminal cannot be used: {}", error.kind());
    let answer = {
        // Before the question: what is pasted right after it is neither shown nor lost.
        let _quiet = Quiet::new(&terminal).map_err(failed)?;
        write!(&terminal, "? {question} (not shown): ").map_err(failed)?;
        read_line(&terminal)
    };
    writeln!(terminal).map_err(failed)?;
    answer
}

#[cfg(not(unix))]
pub(crate) fn ask(_: &str) -> Result<Secret, String> {
    Err("there is no terminal to ask on".to_owned())
}

/// Keeps a terminal from showing what is typed, until it is dropped. Keys that would end the
/// process come as bytes, so that it never ends with the terminal left like this.
#[cfg(unix)]
struct Quiet<'a> {
    terminal: &'a File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl<'a> Quiet<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        use rustix::termios::{
            LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr,
        };
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        tcsetattr(self.terminal, OptionalActions::Now, &self.before).ok();
    }
}

/// The bytes of a line, with the keys that edit it.
fn read_line(mut input: impl io::Read) -> Result<Secret, String> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    loop {
        let mut byte = [0];
        match input.read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(1) => {}
            _ => return Err("cancelled".to_owned()),
        }
        match byte {
            [b'\r' | b'\n'] => break,
            [INTERRUPT | END] => return Err("cancelled".to_owned()),
            // Backspace takes a whole character.
            [8 | 127] => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U takes the line.
            [21] => line.clear(),
            [byte] if line.len() < MAX_SECRET_BYTES => line.push(byte),
            _ => return Err(format!("a secret has up to {MAX_SECRET_BYTES} bytes")),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| "the secret is not UTF-8 text")?;
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_typed_with_its_mistakes() {
        for (typed, expect) in [
            ("canary\n", Ok("canary")),
            ("canary\rmore", Ok("canary")),
            ("\n", Ok("")),
            ("canaß\u{7f}ry\u{8}\u{8}ry\n", Ok("canary")),
            ("\u{7f}wrong\u{15}right\n", Ok("right")),
            ("cana\u{3}ry\n", Err("cancelled")),
            ("cana\u{4}", Err("cancelled")),
            ("cana", Err("cancelled")),
        ] {
            let read = read_line(typed.as_bytes());
            let read = read.as_ref().map(Secret::expose).map_err(String::as_str);
            assert_eq!(read, expect, "{typed:?}");
        }
        assert!(read_line([0xff, b'\n'].as_slice()).is_err());
        let long = [b"x".repeat(MAX_SECRET_BYTES), b"\n".to_vec()].concat();
        assert!(read_line(long.as_slice()).is_ok());
        let longer = [b"x".as_slice(), &long].concat();
        assert_eq!(
            read_line(longer.as_slice()).unwrap_err(),
            "a secret has up to 65536 bytes"
        );
    }
}
