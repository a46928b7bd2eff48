//! Escapes within escapes, such as JSON in XML in a log that quotes it: taken off layer by layer.

use std::borrow::Cow;

/// How many layers are taken off.
const MAX_LAYERS: usize = 4;

/// A text without some of its layers of escapes, and where its bytes were before.
pub(super) struct Layer {
    pub(super) bytes: Vec<u8>,
    /// For each byte, and for the end.
    from: Vec<usize>,
}

impl Layer {
    /// Where a range stands in the whole text.
    pub(super) fn in_the_whole(&self, (start, end): (usize, usize)) -> Option<(usize, usize)> {
        Some((*self.from.get(start)?, *self.from.get(end)?))
    }

    fn under(bytes: &[u8], from: impl Fn(usize) -> usize) -> Option<Self> {
        let mut under = Self {
            bytes: Vec::new(),
            from: Vec::new(),
        };
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (meant, length) = match escape(rest) {
                Some((meant, length)) => (Cow::Owned(meant), length),
                None => (Cow::Borrowed(rest.get(..1)?), 1),
            };
            under.bytes.extend_from_slice(&meant);
            under.from.resize(under.bytes.len(), from(at));
            at = at.checked_add(length)?;
        }
        under.from.push(from(bytes.len()));
        (under.bytes.len() < bytes.len()).then_some(under)
    }
}

/// The layers of a text that has escapes, the outermost taken off first.
pub(super) fn of(text: &[u8]) -> impl Iterator<Item = Layer> {
    let mut next = Layer::under(text, |at| at);
    std::iter::from_fn(move || {
        let layer = next.take()?;
        next = Layer::under(&layer.bytes, |at| {
            layer.from.get(at).copied().unwrap_or_default()
        });
        Some(layer)
    })
    .take(MAX_LAYERS)
}

/// What an escape of Rust, JSON, XML or a URL at the start of a text means, and its length.
fn escape(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let character = |digits: &[u8], radix, length| {
        let digits = std::str::from_utf8(digits).ok()?;
        let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
        Some((character.to_string().into_bytes(), length))
    };
    // Up to an end that is near.
    let until = |start: usize, end: u8| {
        let rest = text.get(start..)?;
        let length = rest.iter().take(8).position(|byte| *byte == end)?;
        Some((
            rest.get(..length)?,
            start.checked_add(length)?.checked_add(1)?,
        ))
    };
    match text {
        [b'\\', byte @ (b'"' | b'\\' | b'/' | b'\''), ..] => Some((vec![*byte], 2)),
        [b'\\', b'n', ..] => Some((vec![b'\n'], 2)),
        [b'\\', b'r', ..] => Some((vec![b'\r'], 2)),
        [b'\\', b't', ..] => Some((vec![b'\t'], 2)),
        [b'\\', b'x', ..] => Some((vec![byte(text.get(2..4)?)?], 4)),
        [b'\\', b'u', b'{', ..] => {
            let (digits, length) = until(3, b'}')?;
            character(digits, 16, length)
        }
        [b'\\', b'u', ..] => character(text.get(2..6)?, 16, 6),
        [b'%', ..] => Some((vec![byte(text.get(1..3)?)?], 3)),
        [b'&', b'#', b'x', ..] => {
            let (digits, length) = until(3, b';')?;
            character(digits, 16, length)
        }
        [b'&', b'#', ..] => {
            let (digits, length) = until(2, b';')?;
            character(digits, 10, length)
        }
        [b'&', ..] => {
            let (name, length) = until(1, b';')?;
            let meant = match name {
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"quot" => b'"',
                b"apos" => b'\'',
                _ => return None,
            };
            Some((vec![meant], length))
        }
        _ => None,
    }
}

fn byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    // A sign would be taken, too.
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let layers: Vec<String> = of(text.as_bytes())
            .map(|layer| String::from_utf8(layer.bytes).unwrap())
            .collect();
        assert_eq!(layers, expect, "{text}");
    }

    #[test]
    fn layers_are_taken_off() {
        check("nothing % of & it \\", &[]);
        check(r#"a\"b\\c\/d\'e\nf\rg\th"#, &["a\"b\\c/d'e\nf\rg\th"]);
        check(r"\x41\u0042\u{43}\u{1F600}%44%2b", &["ABC\u{1f600}D+"]);
        check("&lt;&gt;&amp;&quot;&apos;&#39;&#x27;", &["<>&\"'''"]);
        check(r"\u12 \u{} \xg0 %+1 %g0 &no; &#; &#xd800;", &[]);
        check(
            r"&amp;amp;amp;amp;amp;lt;",
            &[
                "&amp;amp;amp;amp;lt;",
                "&amp;amp;amp;lt;",
                "&amp;amp;lt;",
                "&amp;lt;",
            ],
        );
    }

    #[test]
    fn a_range_is_found_again() {
        let text = r"a &amp;lt; b \\n c";
        let layers: Vec<Layer> = of(text.as_bytes()).collect();
        for (layer, part, expect) in [
            (0, "&lt;", "&amp;lt;"),
            (1, "<", "&amp;lt;"),
            (1, "b", "b"),
            (1, "\n c", r"\\n c"),
        ] {
            let layer = &layers[layer];
            let start = String::from_utf8_lossy(&layer.bytes).find(part).unwrap();
            let (start, end) = layer.in_the_whole((start, start + part.len())).unwrap();
            assert_eq!(text.get(start..end), Some(expect));
        }
    }
}
