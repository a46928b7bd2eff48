//! Regular expressions and globs, compiled once where they are literals.

use std::sync::{Arc, Mutex, PoisonError};

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

/// The largest compiled regular expression, in bytes.
const MAX_COMPILED: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Matches anywhere in a text.
    Regex,
    /// Matches a whole text; `*` and `?` do not match a `/`, `**` does.
    Glob,
}

impl Syntax {
    fn noun(self) -> &'static str {
        match self {
            Syntax::Regex => "regular expression",
            Syntax::Glob => "glob",
        }
    }
}

/// The pattern of a `matches` or `glob`, with the last text that it was compiled from: in a loop
/// it is the same every time.
#[derive(Debug)]
pub(super) struct Pattern {
    syntax: Syntax,
    last: Mutex<Option<(Arc<str>, Compiled)>>,
}

/// Cheap to clone; a clone of the regular expression itself would lose what its searches reuse.
#[derive(Clone, Debug)]
enum Compiled {
    Regex(Arc<Regex>),
    Glob(Arc<GlobMatcher>),
}

impl Pattern {
    pub(super) fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            last: Mutex::new(None),
        }
    }

    /// Whether a text matches; a pattern that cannot be compiled is a message.
    pub(super) fn matches(&self, pattern: &Arc<str>, text: &str) -> Result<bool, String> {
        let compiled = self.compile(pattern)?;
        Ok(match compiled {
            Compiled::Regex(regex) => regex.is_match(text),
            Compiled::Glob(glob) => glob.is_match(text),
        })
    }

    /// Compiles a pattern, unless it is the last one.
    fn compile(&self, pattern: &Arc<str>) -> Result<Compiled, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, compiled)) = &*last
            && known == pattern
        {
            return Ok(compiled.clone());
        }
        let compiled = match self.syntax {
            Syntax::Regex => RegexBuilder::new(pattern)
                .size_limit(MAX_COMPILED)
                .dfa_size_limit(MAX_COMPILED)
                .build()
                .map(|regex| Compiled::Regex(Arc::new(regex)))
                .map_err(|error| reason(&error.to_string())),
            Syntax::Glob => GlobBuilder::new(pattern)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map(|glob| Compiled::Glob(Arc::new(glob.compile_matcher())))
                .map_err(|error| error.kind().to_string()),
        }
        .map_err(|reason| {
            let noun = self.syntax.noun();
            format!("`{pattern}` is no {noun}: {reason}")
        })?;
        *last = Some((Arc::clone(pattern), compiled.clone()));
        Ok(compiled)
    }

    /// Whether the pattern can be compiled.
    pub(super) fn check(&self, pattern: &Arc<str>) -> Result<(), String> {
        self.compile(pattern).map(|_| ())
    }
}

/// Whether a text is a regular expression of a bounded size.
pub(crate) fn check_regex(text: &Arc<str>) -> Result<(), String> {
    Pattern::new(Syntax::Regex).check(text)
}

/// The last line of the crate's message, which says what is wrong; the lines before show where.
fn reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or(message).trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    let mut reason = last.trim_end_matches('.').to_owned();
    if let Some(first) = reason.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    reason
}
