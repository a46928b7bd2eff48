//! The date functions: over the Gregorian calendar in UTC, without a clock and without time zones.

use flowrun_card::{
    Arguments, Format, Function, FunctionError, FunctionExample, Parameter, Type, TypeKind, Value,
    parse_duration,
};
use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime},
    fmt::strtime::{self, BrokenDownTime},
    tz::TimeZone,
};

use crate::types;

pub(crate) const FUNCTIONS: &[&Function] = &[&FORMAT, &PARSE, &ADD, &SUBTRACT, &DIFFERENCE];

/// The longest pattern, in bytes. A directive of two bytes writes some twenty at most.
const MAX_PATTERN: usize = 1_024;

const DATE: Parameter = Parameter::required(
    "date",
    types::moment,
    "A date such as `2026-11-23`, or a datetime such as `2026-11-23T10:00:00Z`.",
);

const PATTERN: Parameter = Parameter::required(
    "pattern",
    Type::string,
    "The pattern, at most 1,024 bytes: `%Y` year, `%m` month, `%d` day, `%H` hour, `%M` minute, \
     `%S` second, `%j` day of the year, `%G` and `%V` ISO week, `%A` weekday, `%B` month's name, \
     `%s` seconds since 1970, `%%` a percent sign, and the rest of `strftime`.",
);

const FORMAT: Function = Function {
    name: "date.format",
    title: "Format a date",
    description: "Writes a date or a datetime by a pattern. A datetime is written in UTC, whatever \
                  offset it has; a date is written as its first moment. Names are English.",
    parameters: &[DATE, PATTERN],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "date.format '2026-11-23' '%Y/%m/%d'",
            result: r#""2026/11/23""#,
        },
        FunctionExample {
            call: "date.format '2026-11-23T01:30:00+02:00' '%A %H:%M'",
            result: r#""Sunday 23:30""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["strftime", "write", "pattern", "week", "timestamp"],
    body: format,
};

fn format(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let pattern = pattern(arguments)?;
    let moment = Moment::of(&arguments.value(0))?;
    let utc = match moment {
        Moment::Date(date) => date.at(0, 0, 0, 0).to_zoned(TimeZone::UTC),
        Moment::Instant(instant) => Ok(instant.to_zoned(TimeZone::UTC)),
    };
    utc.and_then(|utc| strtime::format(&*pattern, &utc))
        .map(Value::from)
        .map_err(|error| FunctionError::new(error.to_string()))
}

const PARSE: Function = Function {
    name: "date.parse",
    title: "Read a date",
    description: "Reads a date that is written by a pattern. The whole text must match, and the \
                  pattern must say year, month and day. Times in it are checked and left out; \
                  names are English.",
    parameters: &[
        Parameter::required("text", Type::string, "The text."),
        PATTERN,
    ],
    returns: |_| types::date(),
    examples: &[
        FunctionExample {
            call: "date.parse '23.11.2026' '%d.%m.%Y'",
            result: r#""2026-11-23""#,
        },
        FunctionExample {
            call: "date.parse 'backup-20261123.tar' 'backup-%Y%m%d.tar'",
            result: r#""2026-11-23""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["strptime", "read", "pattern"],
    body: parse,
};

fn parse(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let pattern = pattern(arguments)?;
    BrokenDownTime::parse(&*pattern, &*arguments.text(0))
        .and_then(|read| read.to_date())
        .map_err(|error| FunctionError::new(error.to_string()))
        .and_then(written)
}

const ADD: Function = Function {
    name: "date.add",
    title: "Add to a date",
    description: "Gives the moment that comes a duration later. A date gives a date, and takes \
                  whole days only; a datetime gives a datetime in UTC. A day is 24 hours.",
    parameters: &[DATE, DURATION],
    returns: same_moment,
    examples: &[
        FunctionExample {
            call: "date.add '2026-11-23' '1w'",
            result: r#""2026-11-30""#,
        },
        FunctionExample {
            call: "date.add '2026-11-23T23:00:00Z' '1h30m'",
            result: r#""2026-11-24T00:30:00Z""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["plus", "later", "after", "tomorrow", "expiry"],
    body: |arguments| shift(arguments, Some),
};

const SUBTRACT: Function = Function {
    name: "date.subtract",
    title: "Subtract from a date",
    description: "Gives the moment that was a duration earlier. A date gives a date, and takes \
                  whole days only; a datetime gives a datetime in UTC. A day is 24 hours.",
    parameters: &[DATE, DURATION],
    returns: same_moment,
    examples: &[
        FunctionExample {
            call: "date.subtract '2026-03-01' '1d'",
            result: r#""2026-02-28""#,
        },
        FunctionExample {
            call: "date.subtract '2026-11-23T00:30:00Z' '1h30m'",
            result: r#""2026-11-22T23:00:00Z""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["minus", "earlier", "before", "ago", "yesterday", "older"],
    body: |arguments| shift(arguments, SignedDuration::checked_neg),
};

const DURATION: Parameter = Parameter::required(
    "duration",
    types::duration,
    "How long, such as `1h30m`, `2d` or `1w`.",
);

fn shift(
    arguments: &Arguments<'_>,
    signed: fn(SignedDuration) -> Option<SignedDuration>,
) -> Result<Value, FunctionError> {
    let text = arguments.text(1);
    let duration = parse_duration(&text)
        .and_then(|duration| SignedDuration::try_from(duration).ok())
        .and_then(signed)
        .ok_or_else(|| FunctionError::new(format!("`{text}` is no duration")))?;
    match Moment::of(&arguments.value(0))? {
        Moment::Date(date) => {
            let hours = duration.as_hours();
            if duration != SignedDuration::from_hours(hours) || hours % 24 != 0 {
                return Err(FunctionError::new(format!(
                    "`{date}` is a date and `{text}` no whole number of days; use a datetime such \
                     as `{date}T00:00:00Z`"
                )));
            }
            // As a span: jiff adds no more than 2,932,896 days as a duration.
            Span::new()
                .try_days(hours / 24)
                .and_then(|days| date.checked_add(days))
                .map_err(|_| out_of_range())
                .and_then(written)
        }
        Moment::Instant(instant) => instant
            .checked_add(duration)
            .map(|instant| instant.to_string().into())
            .map_err(|_| out_of_range()),
    }
}

const DIFFERENCE: Function = Function {
    name: "date.difference",
    title: "Difference of dates",
    description: "Counts the whole seconds, minutes, hours or days from one moment to another; \
                  what is left over is cut off. The count is negative where the second is the \
                  earlier one. A date is its first moment in UTC, a day is 24 hours.",
    parameters: &[
        Parameter::required("from", types::moment, "The date or datetime to count from."),
        Parameter::required("to", types::moment, "The date or datetime to count to."),
        Parameter::required("unit", unit, "`seconds`, `minutes`, `hours` or `days`."),
    ],
    returns: |_| Type::integer(),
    examples: &[
        FunctionExample {
            call: "date.difference '2026-11-23' '2026-12-24' 'days'",
            result: "31",
        },
        FunctionExample {
            call: "date.difference '2026-11-23T12:00:00Z' '2026-11-23' 'minutes'",
            result: "-720",
        },
    ],
    since: "0.1.0",
    search_terms: &["between", "age", "elapsed", "days since", "duration"],
    body: difference,
};

/// The units of a difference and their seconds.
const UNITS: [(&str, i64); 4] = [
    ("seconds", 1),
    ("minutes", 60),
    ("hours", 3_600),
    ("days", 86_400),
];

fn unit() -> Type {
    Type::new(TypeKind::String {
        format: None,
        options: UNITS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        pattern: None,
        min_length: None,
        max_length: None,
    })
}

fn difference(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let unit = arguments.text(2);
    let seconds = UNITS
        .iter()
        .find(|(name, _)| **name == *unit)
        .map(|(_, seconds)| *seconds)
        .ok_or_else(|| FunctionError::new(format!("`{unit}` is no unit of a difference")))?;
    let from = Moment::of(&arguments.value(0))?.in_utc();
    let to = Moment::of(&arguments.value(1))?.in_utc();
    // Cut off towards zero twice: fractions of a second, then of the unit.
    let difference = to.duration_since(from).as_secs();
    Ok(difference.checked_div(seconds).unwrap_or_default().into())
}

/// A date or a datetime.
enum Moment {
    Date(Date),
    Instant(Timestamp),
}

impl Moment {
    fn of(value: &Value) -> Result<Self, FunctionError> {
        let text = value.as_str().unwrap_or_default();
        let moment = if Format::Date.matches(text) {
            text.parse().map(Self::Date).ok()
        } else {
            text.parse().map(Self::Instant).ok()
        };
        moment.ok_or_else(|| {
            FunctionError::new(format!("expected a date or a datetime, found {value}"))
        })
    }

    /// Without its zone, for dates reach a day further than instants.
    fn in_utc(&self) -> DateTime {
        match self {
            Self::Date(date) => date.at(0, 0, 0, 0),
            Self::Instant(instant) => instant.to_zoned(TimeZone::UTC).datetime(),
        }
    }
}

/// The date as a value; one before the year 0 has no form in flows.
fn written(date: Date) -> Result<Value, FunctionError> {
    let text = date.to_string();
    if Format::Date.matches(&text) {
        Ok(text.into())
    } else {
        Err(out_of_range())
    }
}

fn out_of_range() -> FunctionError {
    FunctionError::new("the result is outside of the dates that a flow can hold")
}

fn pattern(arguments: &Arguments<'_>) -> Result<std::sync::Arc<str>, FunctionError> {
    let pattern = arguments.text(1);
    if pattern.len() > MAX_PATTERN {
        return Err(FunctionError::new("the pattern is longer than 1,024 bytes"));
    }
    Ok(pattern)
}

/// The kind of moment that the first argument is.
fn same_moment(types: &[Type]) -> Type {
    let TypeKind::String { format, .. } = types::argument(types, 0).kind else {
        return types::moment();
    };
    match format {
        Some(Format::Date) => types::date(),
        Some(Format::DateTime) => types::datetime(),
        _ => types::moment(),
    }
}
