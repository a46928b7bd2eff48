//! Readers of single literals: each says what it expected and what it found.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use flowrun_card::{Span, Type, Value, parse_duration};

use super::{
    Named, Spanned, id,
    keys::{self, Place},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    suggest,
    syntax::{Entry, Key, Kind, Node, Scalar},
};

/// What the readers share.
pub(super) struct Reader<'a> {
    pub(super) errors: &'a mut Diagnostics,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.errors.push(Diagnostic::error(code, span, message));
    }

    pub(super) fn error_with_help(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors
            .push(Diagnostic::error(code, span, message).help(help));
    }

    /// A value of the wrong type; `what` is the right one, with its article.
    pub(super) fn wrong_type(&mut self, node: &Node, what: &str) -> Diagnostic {
        Diagnostic::error(
            Code::WRONG_TYPE,
            node.span,
            format!("expected {what}, found {}", node.type_name()),
        )
    }

    pub(super) fn unknown_key(&mut self, place: &Place, key: &Key) {
        // A suggestion costs more than a key.
        if !self.errors.is_full() {
            self.errors.push(place.refuse(key));
        }
    }

    /// Whether a key that was refused was meant to be this one: it is then not missing too.
    pub(super) fn was_meant(entries: &[Entry], place: &Place, key: &str) -> bool {
        entries.iter().any(|entry| {
            let name = &*entry.key.name;
            !place.keys.contains(&name) && place.meant(name) == Some(key)
        })
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => {
                let diagnostic = self
                    .wrong_type(node, what)
                    .help("write `{ NAME: VALUE }`, or each in a line of its own");
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// A map that may be left empty.
    pub(super) fn optional_map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        if node.is_null() {
            return &[];
        }
        self.map(node, what).unwrap_or_default()
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => {
                let diagnostic = self
                    .wrong_type(node, what)
                    .help("write `[a, b]`, or each in a line of its own after `- `");
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// A scalar that is not null, whatever its type by itself.
    fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => {
                let diagnostic = self.wrong_type(node, what);
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// Text as it stands in the source: `1.10` and `on` are text here.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Named> {
        let scalar = self.scalar(node, what)?;
        Some(Spanned {
            value: scalar.text.clone(),
            span: node.span,
        })
    }

    /// Text without expressions: what must be known before the run.
    pub(super) fn fixed_text(&mut self, node: &Node, what: &str) -> Option<Named> {
        let text = self.text(node, what)?;
        if text.value.contains("{{") {
            let message = format!("expected {what}, and no expression");
            let help = "it is fixed before the run: write it out";
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
            return None;
        }
        Some(text)
    }

    pub(super) fn description(&mut self, node: &Node) -> Option<String> {
        if node.is_null() {
            return None;
        }
        self.text(node, "text").map(|text| text.value.to_string())
    }

    /// An expression, with braces or without.
    pub(super) fn expression(&mut self, node: &Node, help: &str) -> Option<Spanned<Scalar>> {
        match &node.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(Spanned {
                value: scalar.clone(),
                span: node.span,
            }),
            _ => {
                let diagnostic = self.wrong_type(node, "an expression").help(help);
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// The name of something of the flow's own, refused where it is not formed as names are.
    pub(super) fn name(&mut self, name: &Arc<str>, span: Span, what: id::What) -> Named {
        if let Some(problem) = id::problem(name, what) {
            self.errors.push(
                Diagnostic::error(Code::INVALID_ID, span, problem.message).maybe_help(problem.help),
            );
        }
        Named {
            value: name.clone(),
            span,
        }
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        let value = self.literal(node, "a boolean")?;
        let boolean = value.as_bool();
        if boolean.is_none() {
            let diagnostic = self.wrong_type(node, "a boolean");
            let diagnostic = match value.as_str() {
                Some("yes" | "on" | "Yes" | "On" | "true" | "True") => {
                    diagnostic.help("write true")
                }
                Some("no" | "off" | "No" | "Off" | "false" | "False") => {
                    diagnostic.help("write false")
                }
                _ => diagnostic,
            };
            self.errors.push(diagnostic);
        }
        boolean
    }

    /// The value of a scalar by its own type.
    fn literal(&mut self, node: &Node, what: &str) -> Option<Value> {
        match &node.kind {
            Kind::Scalar(scalar) => match scalar.literal() {
                Ok(value) => Some(value),
                Err(error) => {
                    self.errors.push(*error);
                    None
                }
            },
            _ => {
                let diagnostic = self.wrong_type(node, what);
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// An integer from 1 to a bound.
    pub(super) fn count(&mut self, node: &Node, maximum: u32) -> Option<NonZeroU32> {
        let value = self.literal(node, "an integer")?;
        let Value::Integer(integer) = value else {
            let diagnostic = self.wrong_type(node, "an integer");
            self.errors.push(diagnostic);
            return None;
        };
        let count = integer
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| *count <= maximum)
            .and_then(NonZeroU32::new);
        if count.is_none() {
            let message = format!("{integer} is not between 1 and {maximum}");
            let help = format!("write an integer from 1 to {maximum}");
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
        }
        count
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        const FORMS: &str = "a duration is written `500ms`, `30s`, `1h30m`, `2d` or `1w`";
        let text = self.text(node, "a duration")?;
        let duration = parse_duration(&text.value);
        if duration.is_none() {
            let message = format!("`{}` is no duration", text.value);
            let help = if text.value.bytes().all(|byte| byte.is_ascii_digit()) {
                format!("say the unit, such as `{}s`", text.value)
            } else if text.value.contains("{{") {
                "it is fixed before the run: no expression can stand here".to_owned()
            } else {
                FORMS.to_owned()
            };
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
        }
        duration
    }

    /// One of a few names.
    pub(super) fn one_of(
        &mut self,
        node: &Node,
        what: &str,
        names: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.text(node, what)?;
        let found = names.iter().find(|name| ***name == *text.value);
        if found.is_none() {
            let message = format!("`{}` is no {}", text.value, bare(what));
            let help = suggest::among(&text.value, names.iter().copied())
                .unwrap_or_else(|| format!("write one of {}", keys::list(names)));
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
        }
        found.copied()
    }

    /// A literal in a slot of a type, or what does not fit.
    pub(super) fn fitting(&mut self, node: &Node, ty: &Type) -> Option<Value> {
        match node.value(ty) {
            Err(errors) => {
                self.errors.append(errors);
                None
            }
            Ok(value) => match ty.conform(value) {
                Ok(value) => Some(value),
                Err(mismatches) => {
                    for mismatch in mismatches {
                        let place = mismatch.location();
                        let is_type = mismatch.message.starts_with("expected ")
                            && !mismatch.message.starts_with("expected one of ");
                        let message = if place.is_empty() {
                            mismatch.message
                        } else {
                            format!("`{place}`: {}", mismatch.message)
                        };
                        let code = if is_type {
                            Code::WRONG_TYPE
                        } else {
                            Code::WRONG_VALUE
                        };
                        let span = node.at(&mismatch.path);
                        self.error(code, span, message);
                    }
                    None
                }
            },
        }
    }
}

/// Without its article.
fn bare(what: &str) -> &str {
    what.strip_prefix("a ")
        .or_else(|| what.strip_prefix("an "))
        .unwrap_or(what)
}

impl Node {
    /// The span of what a path of field names and `[index]`es leads to, as far as it leads.
    fn at(&self, path: &[String]) -> Span {
        let mut node = self;
        for part in path {
            let inner = match &node.kind {
                Kind::Scalar(_) => None,
                Kind::Map(entries) => entries
                    .iter()
                    .find(|entry| *entry.key.name == **part)
                    .map(|entry| &entry.value),
                Kind::List(items) => part
                    .strip_prefix('[')
                    .and_then(|part| part.strip_suffix(']'))
                    .and_then(|index| items.get(index.parse::<usize>().ok()?)),
            };
            match inner {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.span
    }

    /// Whether an expression stands somewhere in the texts of this value.
    pub(super) fn has_expression(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.text.contains("{{"),
            Kind::List(items) => items.iter().any(Node::has_expression),
            Kind::Map(entries) => entries.iter().any(|entry| entry.value.has_expression()),
        }
    }
}
