//! Where the sealed texts of a connection file stand.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A sealed text of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SealedText {
    pub(super) connection: String,
    /// The keys that lead to it, joined by dots.
    pub(super) field: String,
    /// Its bytes, without quotes.
    pub(super) range: Range<usize>,
}

/// What is open around a node.
enum Around {
    /// With the key whose value comes next.
    Map(Option<String>),
    List(usize),
}

/// The sealed texts of a file, in its order: each is the value of a key `sealed`.
///
/// # Errors
/// What it is about the file that a program cannot change safely.
pub(super) fn sealed_texts(text: &str) -> Result<Vec<SealedText>, String> {
    let starts = text.char_indices().map(|(at, _)| at);
    // The parser counts characters.
    let bytes: Vec<usize> = starts.chain([text.len()]).collect();
    let mut found = Vec::new();
    let mut around: Vec<Around> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|_| "the file can be read in more than one way")?;
        match event {
            Event::MappingStart(..) => {
                refuse_as_key(&around)?;
                around.push(Around::Map(None));
            }
            Event::SequenceStart(..) => {
                refuse_as_key(&around)?;
                around.push(Around::List(0));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                around.pop();
                finish_value(&mut around);
            }
            Event::Alias(_) => finish_value(&mut around),
            Event::Scalar(value, style, ..) => {
                if let Some(Around::Map(key @ None)) = around.last_mut() {
                    *key = Some(value.into_owned());
                    continue;
                }
                if let Some((connection, field)) = place(&around) {
                    let start = bytes.get(span.start.index()).copied().unwrap_or_default();
                    let start = match style {
                        ScalarStyle::Plain => start,
                        _ => start.saturating_add(1),
                    };
                    let range = start..start.saturating_add(value.len());
                    if text.get(range.clone()) != Some(value.as_ref()) {
                        return Err(format!(
                            "the sealed text of `{field}` of the connection `{connection}` is not \
                             written on one line; put it on one"
                        ));
                    }
                    found.push(SealedText {
                        connection,
                        field,
                        range,
                    });
                }
                finish_value(&mut around);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn refuse_as_key(around: &[Around]) -> Result<(), String> {
    match around.last() {
        Some(Around::Map(None)) => Err("a key of the file is a list or a map".to_owned()),
        _ => Ok(()),
    }
}

fn finish_value(around: &mut [Around]) {
    match around.last_mut() {
        Some(Around::Map(key)) => *key = None,
        Some(Around::List(at)) => *at = at.saturating_add(1),
        None => {}
    }
}

/// The connection and the field whose sealed text comes next, where it is one.
fn place(around: &[Around]) -> Option<(String, String)> {
    let mut path: Vec<String> = around
        .iter()
        .map(|around| match around {
            Around::Map(key) => key.clone().unwrap_or_default(),
            Around::List(at) => at.to_string(),
        })
        .collect();
    if path.pop()? != "sealed" || path.len() < 2 {
        return None;
    }
    let connection = path.remove(0);
    Some((connection, path.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_texts_are_found_however_they_are_written() {
        let text = "\
# sealed: not this
älpha:
  type: http
  description: 'sealed: nor this'
  auth:
    bearer: { token: {sealed: YWdl+/==} } # here
  sealed: nor this, which no field has
\"b\": { token: { sealed: \"YWdlQQ==\" }, list: [1, { sealed: 'YWdlQg==' }] }
c: { token: { env: SEALED } }
d:
  key:
    sealed:
      YWdlRA==
";
        let found: Vec<_> = sealed_texts(text)
            .unwrap()
            .into_iter()
            .map(|found| {
                let sealed = text.get(found.range).unwrap();
                format!("{} {} {sealed}", found.connection, found.field)
            })
            .collect();
        assert_eq!(
            found,
            [
                "älpha auth.bearer.token YWdl+/==",
                "b token YWdlQQ==",
                "b list.1 YWdlQg==",
                "d key YWdlRA==",
            ]
        );
    }

    #[test]
    fn what_cannot_be_changed_safely_is_refused() {
        for (text, expect) in [
            (
                "a:\n  key:\n    sealed: |\n      YWdl\n",
                "the sealed text of `key` of the connection `a` is not written on one line; put it \
                 on one",
            ),
            (
                "a: { key: { sealed: YWdl\n   YWdl } }\n",
                "the sealed text of `key` of the connection `a` is not written on one line; put it \
                 on one",
            ),
            (
                "a: { key: { sealed: \"YW\\x64l\" } }\n",
                "the sealed text of `key` of the connection `a` is not written on one line; put it \
                 on one",
            ),
            (
                "a: { key: { sealed: &x YWdl } }\n",
                "the sealed text of `key` of the connection `a` is not written on one line; put it \
                 on one",
            ),
            ("? [a]\n: b\n", "a key of the file is a list or a map"),
            ("a: {", "the file can be read in more than one way"),
        ] {
            assert_eq!(sealed_texts(text), Err(expect.to_owned()), "{text}");
        }
    }
}
