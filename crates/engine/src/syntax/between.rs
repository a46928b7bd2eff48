//! What stands between nodes: white space, comments, dashes and the headers of block scalars, which
//! the YAML parser tells nothing of.

/// The `|` or `>` of a block scalar, which the parser points behind: the first sign after what
/// was read before it.
pub(super) fn block_header(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = after_space(text, at);
        let rest = text.get(at..)?;
        match rest.as_bytes().first()? {
            b'|' | b'>' => return Some(at),
            b':' | b'-' | b'?' => at += 1,
            b'&' | b'!' => at += rest.find(char::is_whitespace).unwrap_or(rest.len()),
            _ => return None,
        }
    }
}

/// A block scalar ends with one line break where no `+` or `-` says otherwise; the parser adds
/// another where the file ends in a line of spaces.
/// <https://yaml.org/spec/1.2.2/#8112-block-chomping-indicator>
pub(super) fn clipped<'d>(text: &str, header: usize, decoded: &'d str) -> &'d str {
    let header = text.get(header..).unwrap_or_default();
    let mut indicators = header.chars().take_while(|c| !c.is_whitespace());
    if indicators.any(|c| matches!(c, '+' | '-')) {
        return decoded;
    }
    let content = decoded.trim_end_matches('\n').len();
    decoded.get(..content + 1).unwrap_or(decoded)
}

/// The byte after the dash of the next item.
pub(super) fn after_dash(text: &str, from: usize) -> Option<usize> {
    let dash = after_space(text, from);
    (text.as_bytes().get(dash) == Some(&b'-')).then_some(dash + 1)
}

/// The first byte that is neither white space nor in a comment.
pub(super) fn after_space(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest.as_bytes().first() {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') => at += rest.find('\n').unwrap_or(rest.len()),
            _ => return at,
        }
    }
}
