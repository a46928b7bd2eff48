//! The functions that are part of the language: comparisons, logic, `default` and `size`.

use flowrun_card::{Format, Span, Type, TypeKind, Value};

use super::{
    ast::Argument,
    call::count,
    check::{Checker, Typed},
    compare::{By, comparable, order, ordered, shortened},
    compiled::{Node, NodeKind, Order},
    pattern::{Pattern, Syntax},
};
use crate::{
    diagnostic::{Code, Diagnostic},
    suggest,
};

/// A function of the language.
#[derive(Debug)]
pub(super) struct Builtin {
    name: &'static str,
    /// How it is written.
    form: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Equal {
        negated: bool,
    },
    Order(Order),
    /// At least two conditions.
    And,
    Or,
    Not,
    In,
    Contains,
    IsEmpty,
    StartsWith,
    EndsWith,
    Pattern(Syntax),
    Default,
    Size,
}

const fn builtin(name: &'static str, form: &'static str, kind: Kind) -> Builtin {
    Builtin { name, form, kind }
}

const BUILTINS: &[Builtin] = &[
    builtin("eq", "eq a b", Kind::Equal { negated: false }),
    builtin("ne", "ne a b", Kind::Equal { negated: true }),
    builtin("gt", "gt a b", Kind::Order(Order::Greater)),
    builtin("gte", "gte a b", Kind::Order(Order::GreaterOrEqual)),
    builtin("lt", "lt a b", Kind::Order(Order::Less)),
    builtin("lte", "lte a b", Kind::Order(Order::LessOrEqual)),
    builtin("and", "and a b", Kind::And),
    builtin("or", "or a b", Kind::Or),
    builtin("not", "not a", Kind::Not),
    builtin("in", "in value list", Kind::In),
    builtin("contains", "contains list value", Kind::Contains),
    builtin("is_empty", "is_empty value", Kind::IsEmpty),
    builtin("starts_with", "starts_with text start", Kind::StartsWith),
    builtin("ends_with", "ends_with text end", Kind::EndsWith),
    builtin(
        "matches",
        "matches text '^[a-z]+$'",
        Kind::Pattern(Syntax::Regex),
    ),
    builtin("glob", "glob text '**/*.csv'", Kind::Pattern(Syntax::Glob)),
    builtin("default", "default value other", Kind::Default),
    builtin("size", "size '64MiB'", Kind::Size),
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// Every name, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

impl Builtin {
    fn help(&self) -> String {
        format!("write `{}`", self.form)
    }

    /// How many arguments it takes at least and at most.
    fn arity(&self) -> (usize, usize) {
        match self.kind {
            Kind::And | Kind::Or => (2, usize::MAX),
            Kind::Not | Kind::IsEmpty | Kind::Size => (1, 1),
            _ => (2, 2),
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn builtin(
        &mut self,
        builtin: &'static Builtin,
        name_span: Span,
        written: &'a [Argument],
        span: Span,
    ) -> Typed {
        let mut arguments: Vec<Typed> = written
            .iter()
            .map(|argument| self.expression(&argument.value))
            .collect();
        let name = builtin.name;
        if let Some(named) = written.iter().find_map(|argument| argument.name.as_ref()) {
            self.error(
                Diagnostic::error(
                    Code::WRONG_ARGUMENTS,
                    named.span,
                    format!("`{name}` takes its arguments without names"),
                )
                .help(builtin.help()),
            );
            return self.unknown(span);
        }
        let (least, most) = builtin.arity();
        if arguments.len() < least || arguments.len() > most {
            let at_least = if most > least { "at least " } else { "" };
            self.error(
                Diagnostic::error(
                    Code::WRONG_ARGUMENTS,
                    name_span,
                    format!("`{name}` takes {at_least}{}", count(least)),
                )
                .help(builtin.help()),
            );
            return self.unknown(span);
        }
        let kind = match builtin.kind {
            Kind::And | Kind::Or => {
                for argument in &arguments {
                    self.boolean(builtin, argument);
                }
                let nodes = arguments
                    .into_iter()
                    .map(|argument| argument.node)
                    .collect();
                let kind = if matches!(builtin.kind, Kind::And) {
                    NodeKind::And(nodes)
                } else {
                    NodeKind::Or(nodes)
                };
                return typed(span, kind, Type::boolean());
            }
            kind => kind,
        };
        match (arguments.pop(), arguments.pop()) {
            (Some(only), None) => self.one(builtin, kind, only, span),
            (Some(second), Some(first)) => self.two(builtin, kind, first, second, span),
            (None, _) => self.unknown(span),
        }
    }

    fn one(&mut self, builtin: &Builtin, kind: Kind, only: Typed, span: Span) -> Typed {
        match kind {
            Kind::Not => {
                self.boolean(builtin, &only);
                typed(span, NodeKind::Not(Box::new(only.node)), Type::boolean())
            }
            Kind::Size => {
                let literal = match &only.node.kind {
                    NodeKind::Literal(value) => Some(value.clone()),
                    _ => None,
                };
                let size = literal.as_ref().and_then(Value::as_size);
                if literal.is_some() && size.is_none()
                    || !Type::formatted(Format::Size).accepts(&only.ty)
                {
                    let what = describe(&only);
                    self.type_error(only.node.span, format!("{what} is no size"), builtin.help());
                }
                let kind = match size {
                    Some(size) => NodeKind::Literal(size.into()),
                    None => NodeKind::Size(Box::new(only.node)),
                };
                typed(span, kind, Type::integer())
            }
            _ => {
                let fits = |ty: &Type| {
                    matches!(
                        ty.kind,
                        TypeKind::Any
                            | TypeKind::Null
                            | TypeKind::String { .. }
                            | TypeKind::List { .. }
                            | TypeKind::Object { .. }
                    )
                };
                if !any(&only.ty, fits) {
                    self.type_error(
                        only.node.span,
                        format!(
                            "`is_empty` takes a text, a list or an object, and this is {}",
                            only.ty
                        ),
                        builtin.help(),
                    );
                }
                typed(
                    span,
                    NodeKind::IsEmpty(Box::new(only.node)),
                    Type::boolean(),
                )
            }
        }
    }

    fn two(
        &mut self,
        builtin: &Builtin,
        kind: Kind,
        first: Typed,
        second: Typed,
        span: Span,
    ) -> Typed {
        let kind = match kind {
            Kind::Equal { negated } => NodeKind::Equal {
                by: self.comparison(builtin, &first, &second, span),
                negated,
                sides: Box::new((first.node, second.node)),
            },
            Kind::Order(order) => {
                let by = self.comparison(builtin, &first, &second, span);
                for side in [&first, &second] {
                    if !ordered(&side.ty) {
                        self.type_error(
                            side.node.span,
                            format!("{} has no order", describe(side)),
                            "numbers, texts, datetimes, durations and sizes have one",
                        );
                    }
                }
                NodeKind::Order {
                    order,
                    by,
                    sides: Box::new((first.node, second.node)),
                }
            }
            Kind::In => self.contains(builtin, second, first, span),
            Kind::Contains => self.contains(builtin, first, second, span),
            Kind::StartsWith | Kind::EndsWith => {
                self.text(builtin, &first);
                self.text(builtin, &second);
                let sides = Box::new((first.node, second.node));
                if matches!(kind, Kind::StartsWith) {
                    NodeKind::StartsWith(sides)
                } else {
                    NodeKind::EndsWith(sides)
                }
            }
            Kind::Pattern(syntax) => {
                self.text(builtin, &first);
                self.text(builtin, &second);
                let pattern = Pattern::new(syntax);
                if let NodeKind::Literal(Value::String(text)) = &second.node.kind
                    && let Err(message) = pattern.check(text)
                {
                    self.type_error(second.node.span, message, builtin.help());
                }
                NodeKind::Matches {
                    text: Box::new(first.node),
                    pattern: Box::new((second.node, pattern)),
                }
            }
            _ => {
                let ty = union(first.ty.non_null(), second.ty);
                return typed(
                    span,
                    NodeKind::Default(Box::new((first.node, second.node))),
                    ty,
                );
            }
        };
        typed(span, kind, Type::boolean())
    }

    /// `in` and `contains`: whether a holder has a value.
    fn contains(&mut self, builtin: &Builtin, holder: Typed, value: Typed, span: Span) -> NodeKind {
        let texts = matches!(builtin.kind, Kind::Contains);
        let fits = |ty: &Type| match ty.kind {
            TypeKind::Any | TypeKind::List { .. } => true,
            TypeKind::String { .. } => texts,
            _ => false,
        };
        if !any(&holder.ty, fits) {
            let (takes, help) = if texts {
                ("a list or a text", builtin.help())
            } else {
                let help = "write `in value list`; `contains text part` looks into a text";
                ("a list", help.to_owned())
            };
            self.type_error(
                holder.node.span,
                format!(
                    "`{}` takes {takes}, and this is {}",
                    builtin.name, holder.ty
                ),
                help,
            );
        }
        let by = match holder.ty.kind {
            TypeKind::String { .. } => {
                self.text(builtin, &value);
                By::Value
            }
            _ => {
                let item = holder.ty.items().unwrap_or(Type::ANY);
                self.comparison_of(builtin, &item, None, &value, span)
            }
        };
        NodeKind::Contains {
            by,
            texts,
            sides: Box::new((holder.node, value.node)),
        }
    }

    fn comparison(&mut self, builtin: &Builtin, one: &Typed, other: &Typed, span: Span) -> By {
        let literal = literal(one);
        if literal.is_some() && self::literal(other).is_none() {
            // The literal is the one that is told to be wrong.
            return self.comparison_of(builtin, &other.ty, None, one, span);
        }
        self.comparison_of(builtin, &one.ty, literal, other, span)
    }

    /// What values of a type and another value are compared by; reports those that never are
    /// equal.
    fn comparison_of(
        &mut self,
        builtin: &Builtin,
        ty: &Type,
        known: Option<&Value>,
        other: &Typed,
        span: Span,
    ) -> By {
        let name = builtin.name;
        let Some(by) = By::of(ty, &other.ty) else {
            self.type_error(
                span,
                format!("`{name}` cannot compare {ty} with {}", other.ty),
                "compare values of one kind",
            );
            return By::Value;
        };
        let options = match &ty.kind {
            TypeKind::String { options, .. } if !options.is_empty() => Some(options),
            _ => None,
        };
        if let (Some(Value::String(text)), Some(options)) = (literal(other), options)
            && !options.iter().any(|option| **option == **text)
        {
            let help = suggest::among(text, options.iter().map(String::as_str));
            self.type_error(
                other.node.span,
                format!("`{}` is never equal to {ty}", shortened(text)),
                help.unwrap_or_else(|| "write one of them".to_owned()),
            );
        } else if !comparable(by, ty, &other.ty) {
            let help = match (&ty.kind, literal(other)) {
                (TypeKind::String { format: None, .. }, Some(Value::Integer(number))) => {
                    format!("write the number as a text: `'{number}'`")
                }
                (TypeKind::Integer { .. } | TypeKind::Number { .. }, Some(Value::String(text)))
                    if text.parse::<f64>().is_ok() =>
                {
                    format!("write the number without quotes: `{text}`")
                }
                _ => "compare values of one kind".to_owned(),
            };
            self.type_error(
                span,
                format!("`{name}` cannot compare {ty} with {}", other.ty),
                help,
            );
        } else {
            // A literal that measures nothing, such as a text that is no datetime.
            for (value, span) in [(known, span), (literal(other), other.node.span)] {
                if let Some(value) = value
                    && !value.is_null()
                    && !matches!(by, By::Value | By::Unknown)
                    && let Err(message) = order(by, value, value)
                {
                    let example = match by {
                        By::Duration => "write a duration, such as `'1h30m'`",
                        By::Size => "write a size, such as `'64MiB'`",
                        _ => "write a datetime, such as `'2026-11-23T10:00:00Z'`",
                    };
                    self.type_error(span, message, example);
                }
            }
        }
        by
    }

    fn boolean(&mut self, builtin: &Builtin, argument: &Typed) {
        if !Type::boolean().accepts(&argument.ty) {
            self.type_error(
                argument.node.span,
                format!(
                    "`{}` takes booleans, and this is {}",
                    builtin.name, argument.ty
                ),
                "write a condition, such as `eq a b` or `not (is_empty a)`",
            );
        }
    }

    fn text(&mut self, builtin: &Builtin, argument: &Typed) {
        if !Type::string().accepts(&argument.ty) {
            self.type_error(
                argument.node.span,
                format!(
                    "`{}` takes texts, and this is {}",
                    builtin.name, argument.ty
                ),
                builtin.help(),
            );
        }
    }
}

fn typed(span: Span, kind: NodeKind, ty: Type) -> Typed {
    Typed {
        node: Node { span, kind },
        ty,
    }
}

fn literal(typed: &Typed) -> Option<&Value> {
    match &typed.node.kind {
        NodeKind::Literal(value) if !typed.ty.is_any() => Some(value),
        _ => None,
    }
}

/// A part as messages name it: a literal text as it is written, everything else by its type.
fn describe(typed: &Typed) -> String {
    match literal(typed) {
        Some(Value::String(text)) => format!("`{}`", shortened(text)),
        _ => typed.ty.to_string(),
    }
}

/// Whether a test holds for a type, or for one of several.
fn any(ty: &Type, fits: impl Fn(&Type) -> bool + Copy) -> bool {
    match &ty.kind {
        TypeKind::OneOf(types) => types.iter().any(|ty| any(ty, fits)),
        _ => fits(ty),
    }
}

/// The type of a value that is of one type or of another.
fn union(one: Type, other: Type) -> Type {
    let nullable = one.nullable || other.nullable;
    let mut types: Vec<Type> = Vec::new();
    for ty in [one, other] {
        let parts = match ty.kind {
            TypeKind::Any => return Type::ANY,
            TypeKind::Null => Vec::new(),
            TypeKind::OneOf(parts) => parts,
            kind => vec![Type::new(kind)],
        };
        for part in parts {
            if !types.contains(&part) {
                types.push(part);
            }
        }
    }
    let kind = match types.len() {
        0 => TypeKind::Null,
        1 => types.pop().map_or(TypeKind::Null, |ty| ty.kind),
        _ => TypeKind::OneOf(types),
    };
    Type { kind, nullable }
}
