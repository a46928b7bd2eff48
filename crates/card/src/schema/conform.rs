//! Fitting a value into a slot of a [`Type`]: what an expression yielded becomes a card's input.

use jiff::{Timestamp, civil::Date};

use super::{Format, Type, TypeKind};
use crate::{Integer, List, Object, Value};

/// A value that does not fit its slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where: field names and list indexes, outermost first.
    pub path: Vec<String>,
    /// What does not fit, such as `expected an integer, found a string`.
    pub message: String,
}

impl Mismatch {
    /// The path as messages show it: `source.key`, `tags[2].name`; empty for the whole.
    pub fn location(&self) -> String {
        let mut text = String::new();
        for part in &self.path {
            if !part.starts_with('[') && !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
        text
    }
}

impl Type {
    /// Fits a value into a slot of this type: numbers and booleans become text where text is
    /// needed, null in an optional field is "not given", and everything else must fit.
    ///
    /// # Errors
    /// Every mismatch, in the order of the value.
    pub fn conform(&self, value: Value) -> Result<Value, Vec<Mismatch>> {
        let mut fitter = Fitter {
            path: Vec::new(),
            mismatches: Vec::new(),
        };
        let value = fitter.fit(self, value);
        if fitter.mismatches.is_empty() {
            Ok(value)
        } else {
            Err(fitter.mismatches)
        }
    }
}

/// The most mismatches that one value reports.
const MAX_MISMATCHES: usize = 20;

struct Fitter {
    path: Vec<String>,
    mismatches: Vec<Mismatch>,
}

impl Fitter {
    fn refuse(&mut self, message: String) -> Value {
        if self.mismatches.len() < MAX_MISMATCHES {
            self.mismatches.push(Mismatch {
                path: self.path.clone(),
                message,
            });
        }
        Value::Null
    }

    fn fit(&mut self, ty: &Type, value: Value) -> Value {
        if value.is_null() && (ty.nullable || matches!(ty.kind, TypeKind::Any | TypeKind::Null)) {
            return value;
        }
        match (&ty.kind, value) {
            (TypeKind::Any, value) if !matches!(value, Value::Secret(_)) => value,
            (TypeKind::Boolean, value @ Value::Boolean(_))
            | (TypeKind::File, value @ Value::File(_))
            | (TypeKind::Secret, value @ Value::Secret(_)) => value,
            (TypeKind::Integer { minimum, maximum }, Value::Integer(integer)) => {
                let number = integer.as_i128();
                if minimum.is_some_and(|minimum| number < minimum)
                    || maximum.is_some_and(|maximum| number > maximum)
                {
                    let range = range(*minimum, *maximum);
                    return self.refuse(format!("{integer} is not {range}"));
                }
                Value::Integer(integer)
            }
            (
                TypeKind::Number { minimum, maximum },
                value @ (Value::Integer(_) | Value::Number(_)),
            ) => {
                let number = match &value {
                    Value::Integer(integer) => integer.to_f64(),
                    Value::Number(number) => *number,
                    _ => 0.0,
                };
                if minimum.is_some_and(|minimum| number < minimum)
                    || maximum.is_some_and(|maximum| number > maximum)
                {
                    let range = range(*minimum, *maximum);
                    return self.refuse(format!("{number} is not {range}"));
                }
                value
            }
            (
                TypeKind::String { .. },
                value @ (Value::String(_)
                | Value::Integer(_)
                | Value::Number(_)
                | Value::Boolean(_)),
            ) => self.fit_text(ty, value),
            (
                TypeKind::List {
                    items,
                    min_items,
                    max_items,
                },
                Value::List(list),
            ) => {
                if min_items.is_some_and(|min| list.len() < min)
                    || max_items.is_some_and(|max| list.len() > max)
                {
                    let range = range(*min_items, *max_items);
                    return self.refuse(format!("{} items, the number is not {range}", list.len()));
                }
                if items.is_any() {
                    return Value::List(list);
                }
                self.fit_items(items, &list)
            }
            (TypeKind::Object { .. }, Value::Object(object)) => self.fit_object(ty, &object),
            (TypeKind::Connection { kind }, Value::Connection(connection)) => {
                if let Some(kind) = kind
                    && connection.kind() != kind
                {
                    return self.refuse(format!(
                        "connection `{}` is of kind `{}`, and this needs `{kind}`",
                        connection.nickname(),
                        connection.kind()
                    ));
                }
                Value::Connection(connection)
            }
            (TypeKind::OneOf(types), value) => {
                for ty in types {
                    if let Ok(value) = ty.conform(value.clone()) {
                        return value;
                    }
                }
                self.refuse(format!("expected {ty}, found {}", value.type_name()))
            }
            (_, value) => self.refuse(format!("expected {ty}, found {}", value.type_name())),
        }
    }

    fn fit_text(&mut self, ty: &Type, value: Value) -> Value {
        let TypeKind::String {
            format,
            options,
            pattern,
            min_length,
            max_length,
        } = &ty.kind
        else {
            return value;
        };
        let Some(text) = value.to_text() else {
            return self.refuse(format!("expected {ty}, found {}", value.type_name()));
        };
        if !options.is_empty() && !options.iter().any(|option| **option == *text) {
            return self.refuse(format!("expected {ty}, found `{text}`"));
        }
        if let Some(format) = format
            && !format.matches(&text)
        {
            return self.refuse(format!("`{text}` is no {}", format.name()));
        }
        if min_length.is_some() || max_length.is_some() {
            let length = text.chars().count();
            if min_length.is_some_and(|min| length < min)
                || max_length.is_some_and(|max| length > max)
            {
                let range = range(*min_length, *max_length);
                return self.refuse(format!("{length} characters, the number is not {range}"));
            }
        }
        if let Some(pattern) = pattern
            && !matches(pattern, &text)
        {
            return self.refuse(format!("`{text}` does not match `{pattern}`"));
        }
        Value::String(text)
    }

    fn fit_items(&mut self, items: &Type, list: &List) -> Value {
        let mut fitted = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            self.path.push(format!("[{index}]"));
            fitted.push(self.fit(items, item));
            self.path.pop();
        }
        Value::List(List::from(fitted))
    }

    fn fit_object(&mut self, ty: &Type, object: &Object) -> Value {
        let TypeKind::Object { fields, additional } = &ty.kind else {
            return Value::Object(object.clone());
        };
        let mut fitted = Vec::with_capacity(object.len());
        for (name, value) in object.iter() {
            self.path.push(name.to_string());
            match (fields.get(&**name), additional) {
                (Some(field), _) if value.is_null() && !field.required => {}
                (Some(field), _) => {
                    fitted.push((name.clone(), self.fit(&field.ty, value.clone())));
                }
                (None, Some(ty)) => {
                    fitted.push((name.clone(), self.fit(ty, value.clone())));
                }
                (None, None) => {
                    self.refuse("there is no such field".to_owned());
                }
            }
            self.path.pop();
        }
        for (name, field) in fields {
            if field.required && object.get(name).is_none() {
                self.path.push(name.clone());
                self.refuse("missing".to_owned());
                self.path.pop();
            }
        }
        Value::Object(fitted.into_iter().collect())
    }
}

fn range<T: std::fmt::Display>(minimum: Option<T>, maximum: Option<T>) -> String {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("between {minimum} and {maximum}"),
        (Some(minimum), None) => format!("at least {minimum}"),
        (None, Some(maximum)) => format!("at most {maximum}"),
        (None, None) => "in range".to_owned(),
    }
}

/// Compiles at each use: patterns stand on few inputs, and the checker compiles each once before
/// the run to refuse a broken one.
fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

impl Format {
    /// Whether a text is of this format.
    pub fn matches(self, text: &str) -> bool {
        match self {
            Format::Date => text.len() == 10 && text.parse::<Date>().is_ok(),
            Format::DateTime => text.parse::<Timestamp>().is_ok(),
            Format::Duration => parse_duration(text).is_some(),
            Format::Size => parse_size(text).is_some(),
        }
    }
}

/// Units of a duration, longest first, in milliseconds.
const DURATION_UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration such as `500ms`, `30s`, `1h30m`, `2d`, `1w`: whole numbers with units, longest unit
/// first, each unit once. `None` for anything else and for more than about 584 million years.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut last_unit = None;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let place = DURATION_UNITS.iter().position(|(name, _)| *name == unit)?;
        if last_unit.is_some_and(|last| place <= last) {
            return None;
        }
        last_unit = Some(place);
        let (_, scale) = DURATION_UNITS.get(place)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*scale)?;
        total = total.checked_add(part)?;
        rest = after;
    }
    last_unit.map(|_| std::time::Duration::from_millis(total))
}

/// A size such as `512`, `64KiB`, `64MiB`, `5GB`: a whole number of bytes, or with a binary
/// (`KiB MiB GiB TiB`) or decimal (`kB KB MB GB TB`) unit. `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let scale: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

impl Value {
    /// The bytes of a size: an integer, or a text such as `64MiB`.
    pub fn as_size(&self) -> Option<u64> {
        match self {
            Value::Integer(integer) => integer.as_u64(),
            Value::String(text) => parse_size(text),
            _ => None,
        }
    }

    /// The instant of a datetime text, or the start of a date in UTC.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        let text = self.as_str()?;
        if let Ok(timestamp) = text.parse() {
            return Some(timestamp);
        }
        let date: Date = text.parse().ok()?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    }
}

impl From<Integer> for Value {
    fn from(integer: Integer) -> Self {
        Value::Integer(integer)
    }
}
