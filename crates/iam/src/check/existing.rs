//! An existing policy, read as far as it can be compared.

use serde_json::{Value, json};

use crate::{Pattern, Policy, PolicyError, Resources, Statement, parse};

/// An existing policy, written by anyone.
///
/// Comparing takes less than evaluating: a condition only has to be known to be there. So this
/// reads every condition, and keeps a statement that this crate does not know, such as one with a
/// policy variable, as one that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    pub(super) statements: Vec<Known>,
    /// The number of each statement that could not be read, and why.
    pub(super) unread: Vec<(usize, String)>,
}

/// A statement that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its place in the policy, from 1.
    pub(super) number: usize,
    pub(super) statement: Statement,
    pub(super) is_conditional: bool,
}

impl From<&Policy> for Existing {
    fn from(policy: &Policy) -> Self {
        let known = |(number, statement): (usize, &Statement)| Known {
            number,
            statement: statement.clone(),
            is_conditional: !statement.conditions.is_empty() || asks_who(statement),
        };
        Self {
            statements: (1..).zip(&policy.statements).map(known).collect(),
            unread: Vec::new(),
        }
    }
}

impl Existing {
    /// Reads a policy of an identity from JSON text of at most
    /// [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES).
    ///
    /// # Errors
    /// Where the text is no policy of version `2012-10-17`.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        let mut document = parse::read_json(document)?;
        let statements = document.get_mut("Statement").map(Value::take);
        let statements = match statements {
            Some(Value::Array(list)) => list,
            Some(one @ Value::Object(_)) => vec![one],
            other => {
                // Neither: the usual reader says what is wrong.
                if let (Some(other), Some(map)) = (other, document.as_object_mut()) {
                    map.insert("Statement".to_owned(), other);
                }
                return Policy::from_value(&document).map(|policy| Self::from(&policy));
            }
        };
        if let Some(map) = document.as_object_mut() {
            map.insert("Statement".to_owned(), json!([]));
            map.remove("Id");
        }
        Policy::from_value(&document)?;

        let mut existing = Self {
            statements: Vec::new(),
            unread: Vec::new(),
        };
        for (number, mut statement) in (1_usize..).zip(statements) {
            let condition = statement
                .as_object_mut()
                .and_then(|map| map.remove("Condition"));
            let alone = json!({ "Version": parse::VERSION, "Statement": [statement] });
            match Policy::from_value(&alone) {
                Ok(policy) => existing
                    .statements
                    .extend(policy.statements.into_iter().map(|statement| Known {
                        number,
                        is_conditional: condition.as_ref().is_some_and(|one| *one != json!({}))
                            || asks_who(&statement),
                        statement,
                    })),
                Err(PolicyError::Invalid { place, problem }) => {
                    // The place is `statement 1` and the field; the number is not the one here.
                    let problem = match place.split_once(", ") {
                        Some((_, field)) => format!("{field}: {problem}"),
                        None => problem,
                    };
                    existing.unread.push((number, problem));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(existing)
    }
}

/// Whether its resources have policy variables.
fn asks_who(statement: &Statement) -> bool {
    let (Some(Resources::AnyOf(resources)) | Some(Resources::NoneOf(resources))) =
        &statement.resources
    else {
        return false;
    };
    resources.iter().any(Pattern::has_variable)
}
