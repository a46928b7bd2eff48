//! Comparing values: numbers exactly by value, datetimes as instants, durations and sizes by what
//! they measure.

use std::cmp::Ordering;

use flowrun_card::{Format, Integer, List, Type, TypeKind, Value, parse_duration, shorten};

/// What two values are compared by; decided from their types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// What they are; texts by their characters.
    Value,
    /// The same, but two texts that are both RFC 3339 datetimes as instants: where a type is not
    /// known.
    Unknown,
    /// Instants; dates are the start of the day in UTC.
    Instant,
    Duration,
    /// Bytes.
    Size,
}

/// What a text format measures.
fn measure(format: Format) -> By {
    match format {
        Format::Date | Format::DateTime => By::Instant,
        Format::Duration => By::Duration,
        Format::Size => By::Size,
        _ => By::Value,
    }
}

/// A type's part in the decision; `None` where nothing is known.
fn measure_of(ty: &Type) -> Option<By> {
    match &ty.kind {
        TypeKind::Any | TypeKind::OneOf(_) => None,
        TypeKind::String {
            format: Some(format),
            ..
        } => Some(measure(*format)),
        _ => Some(By::Value),
    }
}

impl By {
    /// What values of two types are compared by; `None` where they measure different things.
    pub(super) fn of(left: &Type, right: &Type) -> Option<Self> {
        match (measure_of(left), measure_of(right)) {
            (Some(left), Some(right)) if left == right => Some(left),
            (Some(By::Value), Some(other)) | (Some(other), Some(By::Value)) => Some(other),
            (Some(_), Some(_)) => None,
            (None, Some(By::Value)) | (Some(By::Value), None) | (None, None) => Some(By::Unknown),
            (None, Some(other)) | (Some(other), None) => Some(other),
        }
    }
}

/// Whether some value of one type can equal some value of the other.
pub(super) fn comparable(by: By, left: &Type, right: &Type) -> bool {
    use TypeKind as K;
    match (&left.kind, &right.kind) {
        (K::Any | K::Null, _) | (_, K::Any | K::Null) => true,
        (K::OneOf(types), _) => types.iter().any(|ty| comparable(by, ty, right)),
        (_, K::OneOf(types)) => types.iter().any(|ty| comparable(by, left, ty)),
        (
            K::Integer { .. } | K::Number { .. } | K::String { .. },
            K::Integer { .. } | K::Number { .. } | K::String { .. },
        ) if by == By::Size => true,
        (K::Integer { .. } | K::Number { .. }, K::Integer { .. } | K::Number { .. })
        | (K::Boolean, K::Boolean)
        | (K::Object { .. }, K::Object { .. })
        | (K::File, K::File)
        | (K::Connection { .. }, K::Connection { .. }) => true,
        (
            K::String { options, .. },
            K::String {
                options: others, ..
            },
        ) => {
            options.is_empty()
                || others.is_empty()
                || options.iter().any(|option| others.contains(option))
        }
        (K::List { items, .. }, K::List { items: others, .. }) => comparable(by, items, others),
        _ => false,
    }
}

/// Whether values of a type have an order.
pub(super) fn ordered(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Any
        | TypeKind::Integer { .. }
        | TypeKind::Number { .. }
        | TypeKind::String { .. } => true,
        TypeKind::OneOf(types) => types.iter().any(ordered),
        _ => false,
    }
}

/// Whether two values are the same; different kinds are not. Null equals only null.
pub(super) fn equal(by: By, left: &Value, right: &Value) -> Result<bool, String> {
    match by {
        By::Value => Ok(same(left, right)),
        By::Unknown => Ok(match instants(left, right) {
            Some((left, right)) => left == right,
            None => same(left, right),
        }),
        By::Instant | By::Duration | By::Size => {
            if left.is_null() || right.is_null() {
                return Ok(left.is_null() && right.is_null());
            }
            order(by, left, right).map(Ordering::is_eq)
        }
    }
}

/// Whether one of the items equals a value.
pub(super) fn holds(by: By, list: &List, value: &Value) -> Result<bool, String> {
    for item in list.iter() {
        if equal(by, &item, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Integer(left), Value::Number(right)) => exact(*left, *right).is_eq(),
        (Value::Number(left), Value::Integer(right)) => exact(*right, *left).is_eq(),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|(left, right)| same(&left, &right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// The order of two values of one kind.
pub(super) fn order(by: By, left: &Value, right: &Value) -> Result<Ordering, String> {
    match by {
        By::Instant => Ok(instant(left)?.cmp(&instant(right)?)),
        By::Duration => Ok(duration(left)?.cmp(&duration(right)?)),
        By::Size => match (left, right) {
            // A number against a size that is written as one.
            (Value::Integer(_) | Value::Number(_), Value::Integer(_) | Value::Number(_)) => {
                order(By::Value, left, right)
            }
            _ => order(By::Value, &bytes(left)?, &bytes(right)?),
        },
        By::Unknown | By::Value => match (left, right) {
            (Value::Integer(left), Value::Integer(right)) => Ok(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => Ok(finite(*left, *right)),
            (Value::Integer(left), Value::Number(right)) => Ok(exact(*left, *right)),
            (Value::Number(left), Value::Integer(right)) => Ok(exact(*right, *left).reverse()),
            (Value::String(one), Value::String(other)) => {
                if by == By::Unknown
                    && let Some((one, other)) = instants(left, right)
                {
                    return Ok(one.cmp(&other));
                }
                Ok(one.cmp(other))
            }
            _ => Err(format!(
                "{} and {} have no order",
                left.type_name(),
                right.type_name()
            )),
        },
    }
}

/// Both as instants, where both are texts in RFC 3339 with a time and an offset.
fn instants(left: &Value, right: &Value) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let parse = |value: &Value| -> Option<jiff::Timestamp> {
        let text = value.as_str()?;
        let bytes = text.as_bytes();
        // Most texts are seen not to be one without parsing.
        (bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't')))
            .then(|| text.parse().ok())?
    };
    Some((parse(left)?, parse(right)?))
}

fn instant(value: &Value) -> Result<jiff::Timestamp, String> {
    value
        .as_timestamp()
        .ok_or_else(|| unlike(value, "a datetime"))
}

fn duration(value: &Value) -> Result<std::time::Duration, String> {
    value
        .as_str()
        .and_then(parse_duration)
        .ok_or_else(|| unlike(value, "a duration"))
}

fn bytes(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        _ => value
            .as_size()
            .map(Value::from)
            .ok_or_else(|| unlike(value, "a size")),
    }
}

fn unlike(value: &Value, expected: &str) -> String {
    match value {
        Value::String(text) => format!("`{}` is not {expected}", shortened(text)),
        other => format!("{} is not {expected}", other.type_name()),
    }
}

/// A text as messages show it.
pub(super) fn shortened(text: &str) -> String {
    shorten(text, 60)
}

/// Numbers are finite: see `Value::Number`.
fn finite(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

/// The order of an integer and a number by value, without rounding either.
fn exact(integer: Integer, number: f64) -> Ordering {
    // Past these no integer reaches, and within them the whole part of a number is exact.
    const ABOVE: f64 = 18_446_744_073_709_551_616.0;
    const BELOW: f64 = -9_223_372_036_854_775_808.0;
    if number >= ABOVE {
        return Ordering::Less;
    }
    if number < BELOW {
        return Ordering::Greater;
    }
    let whole = number.trunc();
    integer
        .as_i128()
        .cmp(&(whole as i128))
        .then_with(|| finite(0.0, number - whole))
}
