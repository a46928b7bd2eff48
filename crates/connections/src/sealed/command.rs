//! Runs the user's `key_command`, without a shell, for a short time and a short answer.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::SealedError;

/// How long a command may take: it may ask a person to unlock a keyring.
const MAX_TIME: Duration = Duration::from_secs(60);
/// The longest answer, in bytes.
const MAX_OUTPUT: usize = 4096;
const PAUSE: Duration = Duration::from_millis(10);

/// What a command writes to standard output, without the line ends after it.
///
/// # Errors
/// Where it cannot be started, fails, or gives nothing or too much, or takes too long.
pub(super) fn output(words: &[String]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    output_within(words, MAX_TIME)
}

fn output_within(words: &[String], time: Duration) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let program = words.first().map_or("", String::as_str);
    let failed = |message: String| SealedError::KeyCommand {
        program: program.escape_debug().to_string(),
        message,
    };
    let mut child = Command::new(program)
        .args(words.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("it cannot be started: {}", error.kind())))?;
    let answer = answer(&mut child, time);
    // However it went, it does not stay behind.
    if answer.is_err() {
        child.kill().ok();
        child.wait().ok();
    }
    let mut answer = answer.map_err(failed)?;
    while matches!(answer.last(), Some(b'\n' | b'\r')) {
        answer.pop();
    }
    if answer.is_empty() {
        return Err(failed("it wrote nothing".to_owned()));
    }
    Ok(answer)
}

fn answer(child: &mut Child, time: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let too_long = || format!("it took more than {} seconds", time.as_secs());
    let end = Instant::now().checked_add(time);
    let left = || end.map_or(time, |end| end.saturating_duration_since(Instant::now()));
    let Some(stdout) = child.stdout.take() else {
        return Err("its output cannot be read".to_owned());
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    // A pipe cannot be read with a limit of time, so another thread waits for it.
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 64));
        let most = u64::try_from(MAX_OUTPUT).unwrap_or_default();
        let read = stdout.take(most.saturating_add(1)).read_to_end(&mut bytes);
        sender.send(read.map(|_| bytes)).ok();
    });
    let bytes = match receiver.recv_timeout(left()) {
        Ok(Ok(bytes)) => bytes,
        Err(RecvTimeoutError::Timeout) => return Err(too_long()),
        Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
            return Err("its output cannot be read".to_owned());
        }
    };
    if bytes.len() > MAX_OUTPUT {
        return Err(format!("it wrote more than {MAX_OUTPUT} bytes"));
    }
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(bytes),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) if left().is_zero() => return Err(too_long()),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_gives_a_short_answer_in_a_short_time_or_none() {
        let run = |words: &[&str], time: u64| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            output_within(&words, Duration::from_secs(time))
                .map(|answer| String::from_utf8(answer.to_vec()).unwrap())
                .map_err(|error| error.to_string())
        };
        let most = "printf %4096s x";
        for (words, time, expect) in [
            (
                vec!["printf", "key with $HOME; and spaces\\r\\n\\n"],
                60,
                Ok("key with $HOME; and spaces".to_owned()),
            ),
            (vec!["sh", "-c", most], 60, Ok(format!("{:>4096}", "x"))),
            (
                vec!["sh", "-c", "printf %4097s x"],
                60,
                Err("the key_command `sh` gave no key: it wrote more than 4096 bytes"),
            ),
            // It would write for ever.
            (
                vec!["yes"],
                60,
                Err("the key_command `yes` gave no key: it wrote more than 4096 bytes"),
            ),
            (
                vec!["echo"],
                60,
                Err("the key_command `echo` gave no key: it wrote nothing"),
            ),
            (
                vec!["sh", "-c", "echo half; exit 3"],
                60,
                Err("the key_command `sh` gave no key: it ended with exit status: 3"),
            ),
            (
                vec!["flowrun-has-no-such"],
                60,
                Err(
                    "the key_command `flowrun-has-no-such` gave no key: it cannot be started: entity not found",
                ),
            ),
            (
                vec!["sleep", "3600"],
                0,
                Err("the key_command `sleep` gave no key: it took more than 0 seconds"),
            ),
            (
                vec!["sh", "-c", "exec >&-; exec sleep 3600"],
                1,
                Err("the key_command `sh` gave no key: it took more than 1 seconds"),
            ),
        ] {
            assert_eq!(
                run(&words, time),
                expect.map_err(str::to_owned),
                "{words:?}"
            );
        }
    }
}
