//! The values of literals: the core schema of YAML 1.2, with the mercies of the flow language.

use flowrun_card::{Integer, Type, TypeKind, Value};

use super::{Kind, Node, Scalar, Style};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

impl Scalar {
    /// Whether this is a plain null, or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// The value by the core schema: quoted and block scalars are text, plain ones may be null, a
    /// boolean, an integer (also `0x1f` and `0o17`) or a number. Differences: digits with a leading
    /// zero are text, and numbers that are infinite or no number are refused, as values are finite.
    ///
    /// # Errors
    /// A number that no value can hold.
    pub(crate) fn literal(&self) -> Result<Value, Box<Diagnostic>> {
        let text = || Value::String(self.text.clone());
        if self.style != Style::Plain {
            return Ok(text());
        }
        match plain(&self.text) {
            Plain::Text => Ok(text()),
            Plain::Value(value) => Ok(value),
            Plain::TooLarge => {
                Err(self
                    .refused("an integer is between -9223372036854775808 and 18446744073709551615"))
            }
            Plain::NotFinite => Err(self.refused("a number must be finite")),
        }
    }

    fn refused(&self, rule: &str) -> Box<Diagnostic> {
        let error = Diagnostic::error(
            Code::WRONG_VALUE,
            self.spans.whole(),
            format!("`{}` is no number that a flow can hold: {rule}", self.text),
        );
        Box::new(error.help(format!("if it is text, quote it: \"{}\"", self.text)))
    }

    /// The value in a slot of a type: where text is taken, a plain scalar keeps its source text
    /// (`1.10`, `on`, `012345678901`).
    ///
    /// # Errors
    /// As [`Scalar::literal`].
    pub(crate) fn value(&self, ty: &Type) -> Result<Value, Box<Diagnostic>> {
        let is_text = |ty: &Type| matches!(ty.kind, TypeKind::String { .. });
        match &ty.kind {
            TypeKind::String { .. } if !self.is_null() => Ok(Value::String(self.text.clone())),
            TypeKind::OneOf(types) if types.iter().any(is_text) && !self.is_null() => {
                let fits = |value: &Value| {
                    let others = types.iter().filter(|ty| !is_text(ty));
                    others
                        .into_iter()
                        .any(|ty| ty.conform(value.clone()).is_ok())
                };
                Ok(match self.literal() {
                    Ok(value) if fits(&value) => value,
                    _ => Value::String(self.text.clone()),
                })
            }
            _ => self.literal(),
        }
    }
}

impl Node {
    /// The value of literals as they stand, in a slot of a type; expressions in them are text.
    ///
    /// # Errors
    /// Each number that no value can hold.
    pub(crate) fn value(&self, ty: &Type) -> Result<Value, Diagnostics> {
        let mut errors = Diagnostics::default();
        let value = self.collect(ty, &mut errors);
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(errors)
        }
    }

    /// Recursion ends at the depth that the parser allows.
    fn collect(&self, ty: &Type, errors: &mut Diagnostics) -> Value {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.value(ty).unwrap_or_else(|error| {
                errors.push(*error);
                Value::Null
            }),
            Kind::List(items) => {
                let ty = ty.items().unwrap_or(Type::ANY);
                items.iter().map(|item| item.collect(&ty, errors)).collect()
            }
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| {
                        let ty = ty.field(&entry.key.name).unwrap_or(Type::ANY);
                        (entry.key.name.clone(), entry.value.collect(&ty, errors))
                    })
                    .collect(),
            ),
        }
    }

    /// The kind as messages name it, with its article: `a map`, `a string`, `nothing`.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(scalar) if scalar.style == Style::Plain && scalar.text.is_empty() => {
                "nothing"
            }
            Kind::Scalar(scalar) => scalar
                .literal()
                .map_or("a number", |value| value.type_name()),
        }
    }

    /// Whether this is null, or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }
}

enum Plain {
    Text,
    Value(Value),
    TooLarge,
    NotFinite,
}

/// <https://yaml.org/spec/1.2.2/#103-core-schema>
fn plain(text: &str) -> Plain {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let signed = rest.len() != text.len();
    match rest.as_bytes().first() {
        Some(b'0'..=b'9' | b'.') => number(negative, signed, rest),
        _ if signed => Plain::Text,
        _ => match text {
            "" | "~" | "null" | "Null" | "NULL" => Plain::Value(Value::Null),
            "true" | "True" | "TRUE" => Plain::Value(Value::Boolean(true)),
            "false" | "False" | "FALSE" => Plain::Value(Value::Boolean(false)),
            _ => Plain::Text,
        },
    }
}

fn number(negative: bool, signed: bool, text: &str) -> Plain {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return if text.len() > 1 && text.starts_with('0') {
            Plain::Text
        } else {
            integer(negative, text, 10)
        };
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if !signed
            && let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return integer(false, digits, radix);
        }
    }
    match text {
        ".inf" | ".Inf" | ".INF" => return Plain::NotFinite,
        ".nan" | ".NaN" | ".NAN" if !signed => return Plain::NotFinite,
        _ => {}
    }
    if !is_decimal(text) {
        return Plain::Text;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => {
            Plain::Value(Value::Number(if negative { -number } else { number }))
        }
        _ => Plain::NotFinite,
    }
}

fn integer(negative: bool, digits: &str, radix: u32) -> Plain {
    let integer = i128::from_str_radix(digits, radix).ok();
    integer
        .map(|integer| if negative { -integer } else { integer })
        .and_then(Integer::from_i128)
        .map_or(Plain::TooLarge, |integer| {
            Plain::Value(Value::Integer(integer))
        })
}

/// `\. [0-9]+ | [0-9]+ ( \. [0-9]* )?`, then `( [eE] [-+]? [0-9]+ )?`.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa && exponent
}
