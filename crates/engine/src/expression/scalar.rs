//! From a scalar or an expression place to its parse: which of the two parsers a text goes to.

use std::ops::Range;

use super::{
    MAX_BYTES,
    ast::{Expr, ExprKind, Parsed, Piece},
    blocks,
    lexer::{Token, TokenKind, has_mustache, tokens},
    parse,
    report::Report,
};
use crate::{diagnostic::Diagnostics, source::SpanMap};

/// Parses a scalar of a slot: text and mustaches. Exactly one mustache keeps the type of its
/// value, also with the line breaks of a block scalar around it; everything else gives a text.
pub(crate) fn parse_scalar(
    text: &str,
    spans: &SpanMap,
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let mut report = Report::new(spans, diagnostics);
    let tokens = tokens(text, &mut report)?;
    let root = match only(text, &tokens, is_line_break) {
        Some(range) => parse::expression(text, range, 0, &mut report)?,
        None => {
            let plain = tokens.iter().all(|token| {
                !token.trim_before
                    && !token.trim_after
                    && matches!(
                        token.kind,
                        TokenKind::Text | TokenKind::Literal(_) | TokenKind::Expression(_)
                    )
            });
            let pieces = if plain {
                pieces(text, &tokens, &mut report)?
            } else {
                blocks::pieces(text, &tokens, &mut report)?
            };
            Expr {
                span: spans.whole(),
                kind: ExprKind::Text(pieces),
            }
        }
    };
    Some(Parsed { root })
}

/// Parses an expression place, such as `when`: bare, or in one pair of braces.
pub(crate) fn parse_bare(
    text: &str,
    spans: &SpanMap,
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let mut report = Report::new(spans, diagnostics);
    if !has_mustache(text) {
        let root = parse::expression(text, 0..text.len(), 0, &mut report)?;
        return Some(Parsed { root });
    }
    if text.len() > MAX_BYTES {
        return report.too_large(0..text.len());
    }
    if let Some(range) = quoted_braces(text) {
        let root = parse::expression(text, range, 0, &mut report)?;
        return Some(Parsed { root });
    }
    let tokens = tokens(text, &mut report)?;
    let Some(range) = only(text, &tokens, is_space) else {
        return report.syntax(
            0..text.len(),
            "one expression belongs here, not a text with expressions in it",
            "write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces",
        );
    };
    let root = parse::expression(text, range, 0, &mut report)?;
    Some(Parsed { root })
}

/// The whole of a bare expression whose only braces stand in text literals.
fn quoted_braces(text: &str) -> Option<Range<usize>> {
    let mut quote = None;
    let mut last = '\0';
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '{' && last == '{' => return None,
            None => {}
        }
        last = if quote.is_none() { c } else { '\0' };
    }
    Some(0..text.len())
}

/// The inside of the one mustache that a text consists of, blanks aside.
fn only(text: &str, tokens: &[Token], blank: fn(&str) -> bool) -> Option<Range<usize>> {
    let mut found = None;
    for token in tokens {
        match &token.kind {
            TokenKind::Text if blank(text.get(token.range.clone())?) => {}
            TokenKind::Expression(range) if found.is_none() => found = Some(range.clone()),
            _ => return None,
        }
    }
    found
}

/// Whether a text is a line break and nothing else that is seen. Spaces alone were written on
/// purpose: only quotes keep them.
fn is_line_break(text: &str) -> bool {
    text.contains('\n') && is_space(text)
}

fn is_space(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// The pieces of a text without blocks.
fn pieces(text: &str, tokens: &[Token], report: &mut Report<'_>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(tokens.len());
    let mut whole = true;
    for token in tokens {
        match &token.kind {
            TokenKind::Literal(literal) => push_text(&mut pieces, literal),
            TokenKind::Expression(range) => {
                match parse::expression(text, range.clone(), 0, report) {
                    Some(value) => pieces.push(Piece::Value(value)),
                    None => whole = false,
                }
            }
            _ => push_text(&mut pieces, text.get(token.range.clone())?),
        }
    }
    whole.then_some(pieces)
}

/// Adds text to the last piece where that is text.
pub(super) fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Piece::Text(last)) = pieces.last_mut() {
        last.push_str(text);
    } else {
        pieces.push(Piece::Text(text.to_owned()));
    }
}
