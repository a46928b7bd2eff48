//! The parser of one expression: paths, literals, calls and parentheses, in one pass over the
//! bytes, with the span of every name.

use std::ops::Range;

use flowrun_card::{Integer, Value};

use super::{
    MAX_BYTES, MAX_DEPTH,
    ast::{Argument, Call, Expr, ExprKind, Name},
    refused,
    report::Report,
};

/// Parses the expression in a range of a text that stands `depth` levels deep already.
pub(super) fn expression(
    text: &str,
    range: Range<usize>,
    depth: usize,
    report: &mut Report<'_>,
) -> Option<Expr> {
    if range.len() > MAX_BYTES {
        return report.too_large(range);
    }
    let mut parser = Parser {
        text,
        at: range.start,
        end: range.end,
        depth,
        report,
    };
    parser.skip_space();
    if parser.at_end() {
        return report.syntax(
            range,
            "an expression is missing",
            "name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`",
        );
    }
    let expression = parser.call()?;
    match parser.peek() {
        None => Some(expression),
        Some(_) => {
            let at = parser.at;
            report.syntax(
                at..at + 1,
                "this `)` closes nothing",
                "take it away, or open it with `(`",
            )
        }
    }
}

pub(super) struct Parser<'a, 'r, 'd> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) end: usize,
    depth: usize,
    pub(super) report: &'r mut Report<'d>,
}

impl<'a> Parser<'a, '_, '_> {
    /// What is left of the expression.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        if self.at < self.end {
            self.text.as_bytes().get(self.at).copied()
        } else {
            None
        }
    }

    fn at_end(&self) -> bool {
        self.at >= self.end
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        // A no-break space, say, is no space: it would not be seen.
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> Range<usize> {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        start..self.at
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// A term, and the arguments after it, up to the end or a `)`.
    fn call(&mut self) -> Option<Expr> {
        let start = self.at;
        let grouped = self.peek() == Some(b'(');
        let head = self.term()?;
        let mut arguments: Vec<Argument> = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), None | Some(b')')) {
                break;
            }
            let name_start = self.at;
            let name = self.argument_name();
            if let Some(name) = &name {
                if arguments.iter().any(|other| {
                    other
                        .name
                        .as_ref()
                        .is_some_and(|other| other.text == name.text)
                }) {
                    let text = &name.text;
                    return self.report.refuse(
                        name_start..name_start + text.len(),
                        format!("the argument `{text}` is given twice"),
                        "give it once",
                    );
                }
                self.skip_space();
            } else if let Some(last) = arguments.last()
                && last.name.is_some()
            {
                let at = self.at;
                return self.report.syntax(
                    at..self.end,
                    "an argument without a name after one with a name",
                    "write the arguments in order first, then those as `name=value`",
                );
            }
            let value = self.term()?;
            arguments.push(Argument { name, value });
        }
        if arguments.is_empty() {
            return Some(head);
        }
        let end = arguments.last().map_or(head.span, |last| last.value.span);
        let span = head.span.to(end);
        match head.kind {
            ExprKind::Path(name) if !grouped => Some(Expr {
                span,
                kind: ExprKind::Call(Call {
                    name,
                    name_span: head.span,
                    arguments,
                }),
            }),
            _ => {
                let at = self.at;
                self.report.syntax(
                    start..at,
                    "only a function takes arguments, and it stands first",
                    "write the function's name before them, such as `eq inputs.a inputs.b`",
                )
            }
        }
    }

    /// The name of `name=value`, where the text goes on so; otherwise nothing is read.
    fn argument_name(&mut self) -> Option<Name> {
        let start = self.at;
        let range = self.take(is_name_char);
        let name = self.slice(range.clone());
        self.skip_space();
        let rest = self.rest();
        if !name.starts_with(is_name_start) || !rest.starts_with('=') || rest.starts_with("==") {
            self.at = start;
            return None;
        }
        self.at += 1;
        Some(Name {
            text: name.into(),
            span: self.report.span(range),
        })
    }

    fn term(&mut self) -> Option<Expr> {
        match self.peek() {
            Some(b'(') => self.parentheses(),
            Some(quote @ (b'\'' | b'"')) => self.string(quote),
            Some(b'0'..=b'9') => self.number(),
            Some(b'-')
                if self
                    .rest()
                    .as_bytes()
                    .get(1)
                    .is_some_and(u8::is_ascii_digit) =>
            {
                self.number()
            }
            _ if self.rest().starts_with(is_name_start) => self.path(),
            _ => refused::at(self),
        }
    }

    fn parentheses(&mut self) -> Option<Expr> {
        let start = self.at;
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.report.too_deep(start..start + 1);
        }
        self.skip_space();
        if self.peek() == Some(b')') {
            return self.report.syntax(
                start..self.at + 1,
                "nothing stands between these parentheses",
                "write an expression there, or take them away",
            );
        }
        let mut inner = if self.at_end() {
            None
        } else {
            Some(self.call()?)
        };
        if self.peek() != Some(b')') {
            inner = None;
        }
        let Some(inner) = inner else {
            return self.report.syntax(
                start..start + 1,
                "this `(` is not closed",
                "write `)` where the part ends",
            );
        };
        self.at += 1;
        self.depth -= 1;
        Some(Expr {
            span: self.report.span(start..self.at),
            kind: inner.kind,
        })
    }

    fn string(&mut self, quote: u8) -> Option<Expr> {
        let start = self.at;
        let inner = start + 1;
        let text = self.slice(inner..self.end);
        let Some(length) = text.find(char::from(quote)) else {
            return self.report.unclosed_text(start);
        };
        self.at = inner + length + 1;
        Some(Expr {
            span: self.report.span(start..self.at),
            kind: ExprKind::Literal(Value::from(self.slice(inner..inner + length))),
        })
    }

    fn number(&mut self) -> Option<Expr> {
        let range = self.take(|c| is_name_char(c) || matches!(c, '.' | '+' | ':'));
        let text = self.slice(range.clone());
        match number(text) {
            Ok(value) => Some(Expr {
                span: self.report.span(range),
                kind: ExprKind::Literal(value),
            }),
            Err(NumberError::Form) => self.report.syntax(
                range,
                format!("`{text}` is no number"),
                format!("write `'{text}'` where it is a text"),
            ),
            Err(NumberError::Range) => self.report.syntax(
                range,
                format!("the number {text} is out of range"),
                "integers go from -9223372036854775808 to 18446744073709551615",
            ),
        }
    }

    fn path(&mut self) -> Option<Expr> {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            let range = self.take(is_name_char);
            let text = self.slice(range.clone());
            if text == "this" {
                return refused::this(self, range);
            }
            names.push(Name {
                text: text.into(),
                span: self.report.span(range),
            });
            match self.peek() {
                Some(b'.') => {
                    let after = self.rest().get(1..).unwrap_or_default();
                    if after.starts_with(is_name_char) {
                        self.at += 1;
                    } else if after.starts_with('[') {
                        self.at += 1;
                        return refused::at(self);
                    } else {
                        let at = self.at;
                        return self.report.syntax(
                            at..at + 1,
                            "a name is missing after this dot",
                            "write the name of the field, such as `cards.found.objects`",
                        );
                    }
                }
                Some(b'[' | b':' | b'/') => return refused::at(self),
                _ => break,
            }
        }
        let span = self.report.span(start..self.at);
        let keyword = match names.as_slice() {
            [name] => match &*name.text {
                "true" => Some(Value::Boolean(true)),
                "false" => Some(Value::Boolean(false)),
                "null" => Some(Value::Null),
                _ => None,
            },
            _ => None,
        };
        Some(Expr {
            span,
            kind: match keyword {
                Some(value) => ExprKind::Literal(value),
                None => ExprKind::Path(names),
            },
        })
    }
}

/// The name that a text is as a whole, such as one between the bars of `as |name|`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(is_name_start) && text.chars().all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

enum NumberError {
    Form,
    Range,
}

/// A number as JSON writes it.
fn number(text: &str) -> Result<Value, NumberError> {
    let digits = text.trim_start_matches('-');
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = whole && digits.len() > 1 && digits.starts_with('0');
    if whole && !padded {
        return text
            .parse()
            .ok()
            .and_then(Integer::from_i128)
            .map(Value::Integer)
            .ok_or(NumberError::Range);
    }
    // serde_json knows the form; without a feature it reads some numbers as their neighbours.
    if text.parse::<serde_json::Number>().is_err() {
        return Err(NumberError::Form);
    }
    text.parse()
        .ok()
        .and_then(|number| Value::number(number).ok())
        .ok_or(NumberError::Range)
}
