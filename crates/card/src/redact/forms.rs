//! The forms in which a secret may stand in a text.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{MIN_SECRET, layers};
use crate::Secret;

/// The shortest line, and the shortest text in a document, that is looked for by itself, in bytes.
const MIN_PART: usize = 8;

/// How many parts of one secret are looked for: lines, texts of a document.
const MAX_PARTS: usize = 256;

/// With every form in full, secrets up to this size stay small to look for, in bytes. Of a larger
/// one only its lines have every form.
const MAX_WHOLE: usize = 16 << 10;

const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&STANDARD, CONFIG),
    GeneralPurpose::new(&URL_SAFE, CONFIG),
];

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Every form of a secret.
pub(super) fn of(secret: &Secret) -> Vec<Vec<u8>> {
    let text = secret.expose();
    let mut parts: Vec<Vec<u8>> = Vec::new();
    if text.len() <= MAX_WHOLE {
        parts.push(text.into());
    }
    let trimmed = text.trim();
    for part in [trimmed, trimmed.trim_matches(['"', '\''])] {
        if (MIN_SECRET..=MAX_WHOLE).contains(&part.len()) {
            parts.push(part.into());
        }
    }
    for line in text.lines().map(str::trim) {
        if line.len() >= MIN_PART {
            parts.push(line.into());
        }
    }
    if let Ok(document @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) =
        serde_json::from_str(text)
    {
        texts(&document, &mut parts);
    }
    if trimmed.len() >= 16 {
        for engine in BASE64 {
            if let Ok(bytes) = engine.decode(trimmed) {
                parts.push(bytes);
            }
        }
    }
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    parts.dedup();
    parts.truncate(MAX_PARTS);
    let mut forms: Vec<Vec<u8>> = parts.iter().flat_map(|part| encoded(part)).collect();
    forms.retain(|form| form.len() >= MIN_SECRET);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The texts of a JSON document. As deep as one that was read.
fn texts(document: &serde_json::Value, parts: &mut Vec<Vec<u8>>) {
    match document {
        serde_json::Value::String(text) if text.len() >= MIN_PART => {
            parts.push(text.as_bytes().into());
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| texts(item, parts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| texts(field, parts)),
        _ => {}
    }
}

fn encoded(part: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![part.to_vec()];
    // What looks like an escape in it goes when escapes are taken off a text.
    forms.extend(layers::of(part).map(|layer| layer.bytes));
    for engine in &BASE64 {
        forms.extend((0..3).map(|shift| base64(engine, part, shift).into_bytes()));
    }
    for digits in [LOWER, UPPER] {
        forms.push(part.iter().flat_map(|byte| hex(*byte, digits)).collect());
        // AWS and RFC 3986, paths, forms, `encodeURIComponent` and `encodeURI`.
        for kept in ["-._~", "-._~/", "*-._", "-._~!*'()", "-._~!*'();/?:@&=+$,#"] {
            forms.push(percent(part, digits, kept, b"%20"));
        }
        forms.push(percent(part, digits, "*-._", b"+"));
    }
    if let Ok(text) = std::str::from_utf8(part) {
        forms.extend(escaped(text).into_iter().map(String::into_bytes));
    }
    forms
}

/// What of the base64 of a text does not depend on what stands around a part that starts `shift`
/// bytes after a multiple of three.
fn base64(engine: &GeneralPurpose, part: &[u8], shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(part);
    let whole = engine.encode(&bytes);
    let start = [0, 2, 3].get(shift).copied().unwrap_or_default();
    let end = whole
        .len()
        .saturating_sub(usize::from(!bytes.len().is_multiple_of(3)));
    whole.get(start..end).unwrap_or_default().to_owned()
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    let digit = |at: u8| digits.get(usize::from(at)).copied().unwrap_or(b'0');
    [digit(byte >> 4), digit(byte & 15)]
}

fn percent(part: &[u8], digits: &[u8; 16], kept: &str, space: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(part.len());
    for byte in part {
        match byte {
            b' ' => form.extend_from_slice(space),
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(byte) => {
                form.push(*byte);
            }
            byte => {
                form.push(b'%');
                form.extend(hex(*byte, digits));
            }
        }
    }
    form
}

/// As JSON (as serde writes it; with `/` escaped; with everything but ASCII escaped), Rust, XML and
/// HTML, shells and YAML write a text.
fn escaped(text: &str) -> Vec<String> {
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
        .unwrap_or_default();
    let mut ascii = String::new();
    let mut html_safe = String::new();
    for c in json.chars() {
        let mut units = [0; 2];
        let escape = |to: &mut String, c: char, units: &mut [u16; 2]| {
            for unit in c.encode_utf16(units) {
                // Writing to a string does not fail.
                write!(to, "\\u{unit:04x}").ok();
            }
        };
        if c.is_ascii() {
            ascii.push(c);
        } else {
            escape(&mut ascii, c, &mut units);
        }
        if c.is_ascii() && !"<>&'".contains(c) {
            html_safe.push(c);
        } else {
            escape(&mut html_safe, c, &mut units);
        }
    }
    let xml = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    vec![
        json.replace('/', "\\/"),
        json.to_owned(),
        ascii,
        html_safe,
        text.escape_debug().to_string(),
        text.escape_default().to_string(),
        xml.replace('"', "&quot;"),
        xml.replace('"', "&quot;").replace('\'', "&apos;"),
        xml.replace('"', "&quot;").replace('\'', "&#39;"),
        xml.replace('"', "&quot;").replace('\'', "&#x27;"),
        xml.replace('"', "&#34;").replace('\'', "&#39;"),
        xml,
        text.replace('\'', "'\\''"),
        text.replace('\'', "'\"'\"'"),
        text.replace('\'', "''"),
    ]
}
