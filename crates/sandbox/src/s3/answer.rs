//! What the answers that `s3s` writes lack: XML that can carry every key, and the status of the
//! `HEAD` of a range.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE};
use http::{Method, StatusCode};
use s3s::{Body, HttpResponse};

/// Corrects an answer of `s3s` before it is sent.
pub(crate) fn finish(method: &Method, mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers();
    if *method == Method::HEAD
        && response.status() == StatusCode::OK
        && headers.contains_key(CONTENT_RANGE)
    {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    // Objects are streams: only the XML of an answer itself is held in memory.
    let is_xml = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/xml");
    if is_xml
        && let Some(xml) = response.body().bytes()
        && let Some(escaped) = escape(&xml)
    {
        *response.body_mut() = Body::from(escaped);
    }
    response
}

/// Writes characters that XML forbids, or that its parsers change, as S3 does: as references.
/// None when there are none. Outside of names, `s3s` writes no such character.
fn escape(xml: &Bytes) -> Option<String> {
    let foreign = |character: char| {
        (character < ' ' && character != '\n' && character != '\t')
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    let text = std::str::from_utf8(xml).ok()?;
    if !text.contains(foreign) {
        return None;
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        if foreign(character) {
            escaped.push_str(&format!("&#x{:x};", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_range_is_partial() {
        let check = |method: Method, range: bool, expect: u16| {
            let mut response = HttpResponse::new(Body::empty());
            if range {
                let value = http::HeaderValue::from_static("bytes 0-1/4");
                response.headers_mut().insert(CONTENT_RANGE, value);
            }
            assert_eq!(finish(&method, response).status().as_u16(), expect);
        };
        check(Method::HEAD, true, 206);
        check(Method::HEAD, false, 200);
        check(Method::GET, false, 200);
    }

    #[test]
    fn every_character_of_a_key_has_a_form_in_xml() {
        let check = |xml: &'static str, expect: Option<&str>| {
            let xml = Bytes::from_static(xml.as_bytes());
            assert_eq!(escape(&xml).as_deref(), expect);
        };
        check("<Key>a\n\tb</Key>", None);
        check("<Key>\r\u{1}</Key>", Some("<Key>&#xd;&#x1;</Key>"));
        check(
            "<Key>\u{ffff}\u{fffd}</Key>",
            Some("<Key>&#xffff;\u{fffd}</Key>"),
        );
    }
}
