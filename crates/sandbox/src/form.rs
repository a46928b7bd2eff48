//! Reads `name=value&name=value`, the form of query strings and of STS requests.

/// Named values, each name once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

/// Why a text is no form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error("`{0}` is not percent-encoded UTF-8")]
    Encoding(String),
    #[error("`{0}` is given twice")]
    Twice(String),
}

impl Form {
    /// Reads a form. A name that comes twice is refused: who reads only one of the two values
    /// could authorize something else than what is done.
    pub(crate) fn parse(text: &str) -> Result<Self, FormError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Twice(name));
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads the percent-encoded text of a name or a value, where `+` is a space.
pub(crate) fn decode(text: &str) -> Result<String, FormError> {
    let fault = || FormError::Encoding(text.chars().take(64).collect());
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let value = high.zip(low).map(|(high, low)| (high << 4) | low);
                let value = value.and_then(|value| u8::try_from(value).ok());
                value.ok_or_else(fault)?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let pairs = |pairs: &[(&str, &str)]| {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Ok(Form(pairs.iter().map(own).collect()))
        };
        for (text, expect) in [
            ("", pairs(&[])),
            ("a=1&b=", pairs(&[("a", "1"), ("b", "")])),
            ("a&b=x=y", pairs(&[("a", ""), ("b", "x=y")])),
            ("k%26=%C3%BC+%2B", pairs(&[("k&", "ü +")])),
            ("a=%", Err(FormError::Encoding("%".to_owned()))),
            ("a=%f", Err(FormError::Encoding("%f".to_owned()))),
            ("a=%zz", Err(FormError::Encoding("%zz".to_owned()))),
            ("a=%ff", Err(FormError::Encoding("%ff".to_owned()))),
            ("a=1&%61=2", Err(FormError::Twice("a".to_owned()))),
        ] {
            assert_eq!(Form::parse(text), expect, "{text}");
        }
    }
}
