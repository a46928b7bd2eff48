//! The real binary in a folder of its own, and its whole outcome with what differs between two runs
//! (run ids, times, ports, folders) replaced by words.

#![allow(dead_code, reason = "no test target uses all of it")]

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use regex::Regex;
use tempfile::TempDir;

/// The `flows/` of the checkout.
pub(crate) fn flows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows")
}

/// A folder that the binary is started in; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A copy of `flows/`, without what the sandbox of the checkout keeps there.
    pub(crate) fn of_flows() -> Self {
        let folder = Self::empty();
        copy(&flows(), folder.path());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Replaces a text that a file has.
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no `{from}`");
        self.write(name, text.replace(from, to));
    }

    /// The command, with nothing of this machine's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowrun"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs `flowrun` with arguments that stand between spaces.
    pub(crate) fn flowrun(&self, arguments: &str) -> Outcome {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.flowrun_with(&arguments)
    }

    /// Runs `flowrun` with these arguments.
    pub(crate) fn flowrun_with(&self, arguments: &[&str]) -> Outcome {
        self.outcome(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn outcome(&self, output: &Output) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let outcome = Outcome {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            folder: self.path().display().to_string(),
        };
        for stream in [&outcome.stdout, &outcome.stderr] {
            assert!(!stream.contains("panicked"), "{outcome}");
            assert!(
                !stream.contains('\u{1b}'),
                "escape codes in a pipe: {outcome:?}"
            );
        }
        outcome
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // What runs leave behind: the sandbox's state, and downloads.
        if [".flowrun", "out"]
            .iter()
            .any(|name| entry.file_name() == *name)
        {
            continue;
        }
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// How the binary ended. As text it is whole, and the same in each run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: String,
}

impl Outcome {
    /// Standard output, the same in each run.
    pub(crate) fn stdout(&self) -> String {
        normal(&self.stdout.replace(&self.folder, "FOLDER"))
    }

    /// Standard error, the same in each run.
    pub(crate) fn stderr(&self) -> String {
        normal(&self.stderr.replace(&self.folder, "FOLDER"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "exit {code}")?,
            None => f.write_str("ended by a signal")?,
        }
        for (name, text) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            if !text.is_empty() {
                write!(f, "\n-- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

static DIFFERENT: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b01[0-9A-HJKMNP-TV-Z]{24}\b", "RUN"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "WHEN"),
        (r"\b\d+(\.\d+)? (ms|s|min)([:)])", "TIME$3"),
        (r#""duration_ms":\d+"#, r#""duration_ms":TIME"#),
        (r"127\.0\.0\.1:[1-9]\d*", "127.0.0.1:PORT"),
        (r"\b0{8}[0-9a-f]{24}\b", "VERSION"),
        (r"\bflowrun-[0-9a-f]{32}\b", "EXTERNAL-ID"),
        (r#"(request_id"?[:=] ?"?)[A-Z0-9]{16}\b"#, "${1}REQUEST"),
    ]
    .into_iter()
    .map(|(pattern, word)| (Regex::new(pattern).unwrap(), word))
    .collect()
});

fn normal(text: &str) -> String {
    DIFFERENT
        .iter()
        .fold(text.to_owned(), |text, (pattern, word)| {
            pattern.replace_all(&text, *word).into_owned()
        })
}
