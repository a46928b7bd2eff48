//! The lexer: splits the decoded text of a scalar into text and mustaches, with byte ranges, and
//! refuses the kinds of mustache that flows do not have.

use std::ops::Range;

use super::{MAX_BYTES, MAX_DEPTH, report::Report};

/// A part of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// With its braces.
    pub(super) range: Range<usize>,
    /// `{{~`: takes the white space before it away.
    pub(super) trim_before: bool,
    /// `~}}`: takes the white space after it away.
    pub(super) trim_after: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Text as it stands.
    Text,
    /// What an escape stands for.
    Literal(String),
    Comment,
    /// The range inside the braces.
    Expression(Range<usize>),
    Open(Block, Range<usize>),
    /// `{{else}}`, or `{{else if …}}` with its condition.
    Else(Option<(Block, Range<usize>)>),
    Close(Block),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    If,
    Unless,
    Each,
}

impl Block {
    pub(super) fn name(self) -> &'static str {
        match self {
            Block::If => "if",
            Block::Unless => "unless",
            Block::Each => "each",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Block::If, Block::Unless, Block::Each]
            .into_iter()
            .find(|block| block.name() == name)
    }
}

/// Whether a scalar has a mustache at all.
pub(crate) fn has_mustache(text: &str) -> bool {
    text.contains("{{")
}

/// Splits a text. `None` after something that makes the rest meaningless, which is reported.
/// Blocks are closed, in order, and at most [`MAX_DEPTH`] deep.
pub(super) fn tokens(text: &str, report: &mut Report<'_>) -> Option<Vec<Token>> {
    let mut lexer = Lexer {
        text,
        report,
        tokens: Vec::new(),
        open: Vec::new(),
        depth: 0,
    };
    lexer.run()?;
    Some(lexer.tokens)
}

/// A block that is not closed yet.
struct Open {
    block: Block,
    range: Range<usize>,
    /// How many levels it has taken: one, and one for each `else if`.
    levels: usize,
    /// Whether its plain `else` has been seen.
    otherwise: bool,
}

struct Lexer<'a, 'r> {
    text: &'a str,
    report: &'a mut Report<'r>,
    tokens: Vec<Token>,
    open: Vec<Open>,
    depth: usize,
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, range: Range<usize>) {
        self.tokens.push(Token {
            kind,
            range,
            trim_before: false,
            trim_after: false,
        });
    }

    fn push_text(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.push(TokenKind::Text, range);
        }
    }

    fn run(&mut self) -> Option<()> {
        let mut at = 0;
        // Where text begins that is not a token yet; escapes keep it behind `at`.
        while let Some(found) = self.rest(at).find("{{") {
            let start = at + found;
            let before = self.text.get(at..start).unwrap_or_default();
            let backslashes = before.len() - before.trim_end_matches('\\').len();
            self.push_text(at..start - backslashes);
            match backslashes {
                0 => {}
                1 => {
                    let more = self.rest(start + 2).starts_with("{{");
                    let end = start + if more { 4 } else { 2 };
                    let braces = if more { "{{{{" } else { "{{" };
                    self.push(TokenKind::Literal(braces.to_owned()), start - 1..end);
                    at = end;
                    continue;
                }
                count => {
                    let text = "\\".repeat(count - 1);
                    self.push(TokenKind::Literal(text), start - count..start);
                }
            }
            if before.ends_with('$') {
                return self.report.refuse(
                    start - 1..start + 2,
                    "`${{ … }}` is not part of the language",
                    "write `{{ … }}`; where a dollar sign is meant, `{{ '$' }}{{ … }}`",
                );
            }
            at = self.mustache(start)?;
        }
        self.push_text(at..self.text.len());
        match self.open.pop() {
            None => Some(()),
            Some(Open { block, range, .. }) => {
                let name = block.name();
                self.report.syntax(
                    range,
                    format!("`{{{{#{name}}}}}` is not closed"),
                    format!("write `{{{{/{name}}}}}` where the block ends"),
                )
            }
        }
    }

    /// Reads the mustache at `start` and gives where it ends.
    fn mustache(&mut self, start: usize) -> Option<usize> {
        let rest = self.rest(start + 2);
        if rest.starts_with("{{") {
            return self.report.refuse(
                start..start + 4,
                "raw blocks are not part of the language",
                "write `\\{{` where two braces are meant as text",
            );
        }
        if rest.starts_with('{') {
            return self.report.refuse(
                start..start + 3,
                "triple braces are not part of the language",
                "write `{{ … }}`: nothing is ever escaped; for a brace before a value, `{ {{ … }}`",
            );
        }
        let trim_before = rest.starts_with('~');
        let inner = start + 2 + usize::from(trim_before);
        if self.rest(inner).starts_with('!') {
            if trim_before {
                return self.report.refuse(
                    start..inner + 1,
                    "a comment takes no `~`",
                    "write `{{! … }}`: a comment on a line of its own leaves no empty line",
                );
            }
            return self.comment(start, inner);
        }
        let close = self.end_of(start, inner)?;
        let trim_after = self
            .text
            .get(inner..close)
            .is_some_and(|text| text.ends_with('~'));
        let content = inner..close - usize::from(trim_after);
        let range = start..close + 2;
        if content.len() > MAX_BYTES {
            return self.report.too_large(range);
        }
        let kind = self.kind(&range, content)?;
        self.tokens.push(Token {
            kind,
            range,
            trim_before,
            trim_after,
        });
        Some(close + 2)
    }

    fn comment(&mut self, start: usize, inner: usize) -> Option<usize> {
        let end = if self.rest(inner).starts_with("!--") {
            "--}}"
        } else {
            "}}"
        };
        match self.rest(inner).find(end) {
            Some(found) => {
                let end = inner + found + end.len();
                self.push(TokenKind::Comment, start..end);
                Some(end)
            }
            None => self.report.syntax(
                start..inner,
                "this comment has no end",
                format!("close it with `{end}`"),
            ),
        }
    }

    /// Where the `}}` of a mustache starts; texts in quotes may hold braces.
    fn end_of(&mut self, start: usize, inner: usize) -> Option<usize> {
        let mut quote: Option<(u8, usize)> = None;
        let bytes = self.text.as_bytes();
        let mut at = inner;
        while let Some(byte) = bytes.get(at).copied() {
            let twice = bytes.get(at + 1) == Some(&byte);
            match (quote, byte) {
                (Some((open, _)), _) if byte == open => quote = None,
                (Some(_), _) => {}
                (None, b'\'' | b'"') => quote = Some((byte, at)),
                (None, b'}') if twice => return Some(at),
                (None, b'{') if twice => {
                    return self.report.syntax(
                        at..at + 2,
                        "`{{` inside `{{ … }}`",
                        "the braces stand once, around the whole expression; write `( … )` for a part of it",
                    );
                }
                (None, _) => {}
            }
            at += 1;
        }
        match quote {
            Some((_, at)) => self.report.unclosed_text(at),
            None => self.report.syntax(
                start..start + 2,
                "`{{` without `}}`",
                "close the expression with `}}`; write `\\{{` where two braces are meant as text",
            ),
        }
    }

    fn kind(&mut self, range: &Range<usize>, content: Range<usize>) -> Option<TokenKind> {
        let text = self.text.get(content.clone()).unwrap_or_default();
        let sigil = content.start..content.start + 1;
        match text.as_bytes().first() {
            Some(b'&') => self.report.refuse(
                sigil,
                "`{{& … }}` is not part of the language",
                "write `{{ … }}`: nothing is ever escaped",
            ),
            Some(b'>') => self.report.refuse(
                sigil,
                "partials are not part of the language",
                "write what is used more than once under `vars`, and read it as `{{ vars.NAME }}`",
            ),
            Some(b'*') => self.refuse_decorator(sigil),
            Some(b'#') => self.open(range, content),
            Some(b'/') => self.close(range, text),
            Some(b'^') => self.report.refuse(
                sigil,
                "`{{^ … }}` is not part of the language",
                "write `{{else}}`, or `{{#unless …}}` for a block",
            ),
            _ => {
                let trimmed = text.trim_start();
                match trimmed.strip_prefix("else") {
                    Some(after) if after.is_empty() || after.starts_with(char::is_whitespace) => {
                        self.otherwise(range, content.end - after.len()..content.end)
                    }
                    _ => Some(TokenKind::Expression(content)),
                }
            }
        }
    }

    fn refuse_decorator<T>(&mut self, range: Range<usize>) -> Option<T> {
        self.report.refuse(
            range,
            "decorators are not part of the language",
            "write a function, such as `{{ text.upper inputs.name }}`",
        )
    }

    fn open(&mut self, range: &Range<usize>, content: Range<usize>) -> Option<TokenKind> {
        let text = self
            .text
            .get(content.start + 1..content.end)
            .unwrap_or_default();
        if text.starts_with('>') {
            return self.report.refuse(
                content.start..content.start + 2,
                "partials are not part of the language",
                "write what is used more than once under `vars`, and read it as `{{ vars.NAME }}`",
            );
        }
        if text.starts_with('*') {
            return self.refuse_decorator(content.start..content.start + 2);
        }
        let trimmed = text.trim_start();
        let name = word(trimmed);
        let Some(block) = Block::from_name(name) else {
            return self.unknown_block(range, name);
        };
        self.deepen(range, 1)?;
        self.open.push(Open {
            block,
            range: range.clone(),
            levels: 1,
            otherwise: false,
        });
        let argument = content.end - trimmed.len() + name.len()..content.end;
        Some(TokenKind::Open(block, argument))
    }

    fn unknown_block<T>(&mut self, range: &Range<usize>, name: &str) -> Option<T> {
        self.report.refuse(
            range.clone(),
            format!("there is no text block `{name}`"),
            "the text blocks are `{{#if …}}`, `{{#unless …}}` and `{{#each … as |name|}}`",
        )
    }

    fn deepen(&mut self, range: &Range<usize>, levels: usize) -> Option<()> {
        self.depth += levels;
        if self.depth > MAX_DEPTH {
            return self.report.too_deep(range.clone());
        }
        Some(())
    }

    fn otherwise(&mut self, range: &Range<usize>, after: Range<usize>) -> Option<TokenKind> {
        let text = self
            .text
            .get(after.clone())
            .unwrap_or_default()
            .trim_start();
        let argument = after.end - text.len();
        let Some(open) = self.open.last_mut() else {
            return self.report.syntax(
                range.clone(),
                "`{{else}}` outside a text block",
                "it stands between `{{#if …}}` and `{{/if}}`",
            );
        };
        if open.otherwise {
            return self.report.syntax(
                range.clone(),
                "a second `{{else}}` in one block",
                "only the last branch is a plain `{{else}}`; write `{{else if …}}` for the ones before it",
            );
        }
        if text.is_empty() {
            open.otherwise = true;
            return Some(TokenKind::Else(None));
        }
        let name = word(text);
        let block = match Block::from_name(name) {
            Some(block @ (Block::If | Block::Unless)) if open.block != Block::Each => block,
            _ => {
                return self.report.refuse(
                    range.clone(),
                    "this `else` is not part of the language",
                    "write `{{else}}`, and in an `if` also `{{else if …}}` or `{{else unless …}}`",
                );
            }
        };
        open.levels += 1;
        self.deepen(range, 1)?;
        Some(TokenKind::Else(Some((
            block,
            argument + name.len()..after.end,
        ))))
    }

    fn close(&mut self, range: &Range<usize>, text: &str) -> Option<TokenKind> {
        let name = text.get(1..).unwrap_or_default().trim();
        let Some(open) = self.open.pop() else {
            return self.report.syntax(
                range.clone(),
                format!("`{{{{/{name}}}}}` closes nothing"),
                format!("take it away, or write `{{{{#{name} …}}}}` where the block starts"),
            );
        };
        if open.block.name() != name {
            let expected = open.block.name();
            return self.report.syntax(
                range.clone(),
                format!("`{{{{/{name}}}}}` closes a block that started as `{expected}`"),
                format!("write `{{{{/{expected}}}}}`"),
            );
        }
        self.depth = self.depth.saturating_sub(open.levels);
        Some(TokenKind::Close(open.block))
    }
}

/// The letters that a text starts with.
fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '.'))
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
