//! Function cards: text, list, json, yaml, date, number and logic.
//!
//! Every function is pure: it reads nothing but its arguments, knows no clock, and gives the same
//! value for the same arguments. A text that a function yields has at most 16 MiB, and one text
//! becomes at most 1,000,000 values; what is more is an error. A list that comes out of a list is
//! never longer than that one.
//!
//! ```
//! use flowrun_card::{Arguments, FunctionCall, Registry, Value};
//!
//! let mut registry = Registry::new();
//! flowrun_card_std::register(&mut registry)?;
//! let upper = registry.find_function("text.upper").unwrap();
//! let arguments = [FunctionCall::Value(Value::from("abc"))];
//! let value = (upper.body)(&Arguments::new(&arguments)).unwrap();
//! assert_eq!(value, Value::from("ABC"));
//! # Ok::<(), flowrun_card::RegistryError>(())
//! ```

mod bounds;
mod date;
mod json;
mod list;
mod logic;
mod number;
mod text;
mod types;
mod yaml;

use flowrun_card::{Registry, RegistryError};

/// Adds every function of this crate to a catalogue.
///
/// # Errors
/// A [`RegistryError`] where the catalogue has one of the names already.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    let groups = [
        text::FUNCTIONS,
        list::FUNCTIONS,
        json::FUNCTIONS,
        yaml::FUNCTIONS,
        date::FUNCTIONS,
        number::FUNCTIONS,
        logic::FUNCTIONS,
    ];
    for function in groups.into_iter().flatten() {
        registry.function(function)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
