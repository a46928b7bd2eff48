//! The types that functions declare and derive: what arguments may be, and what calls yield.

use flowrun_card::{Format, Type, TypeKind};

pub(crate) fn any() -> Type {
    Type::ANY
}

pub(crate) fn any_list() -> Type {
    Type::list(Type::ANY)
}

pub(crate) fn texts() -> Type {
    Type::list(Type::string())
}

pub(crate) fn numbers() -> Type {
    Type::list(Type::number())
}

/// What items can be sorted by.
pub(crate) fn sort_key() -> Type {
    Type::new(TypeKind::OneOf(vec![Type::number(), Type::string()]))
}

pub(crate) fn date() -> Type {
    Type::formatted(Format::Date)
}

pub(crate) fn datetime() -> Type {
    Type::formatted(Format::DateTime)
}

pub(crate) fn duration() -> Type {
    Type::formatted(Format::Duration)
}

/// A date or a datetime.
pub(crate) fn moment() -> Type {
    Type::new(TypeKind::OneOf(vec![date(), datetime()]))
}

/// The type of the argument at an index; null where it was left out.
pub(crate) fn argument(types: &[Type], index: usize) -> Type {
    types
        .get(index)
        .cloned()
        .unwrap_or(Type::new(TypeKind::Null))
}

/// The type of the items of the list at an index.
pub(crate) fn items(types: &[Type], index: usize) -> Type {
    argument(types, index).items().unwrap_or(Type::ANY)
}

/// The type of what is a value of either type.
pub(crate) fn either(one: Type, other: Type) -> Type {
    if one.is_any() || other.is_any() {
        return Type::ANY;
    }
    let nullable = one.nullable || other.nullable;
    let mut types: Vec<Type> = Vec::new();
    let mut null = false;
    for ty in [one, other] {
        let alternatives = match ty.kind {
            TypeKind::OneOf(types) => types,
            kind => vec![Type::new(kind)],
        };
        for ty in alternatives {
            if ty.kind == TypeKind::Null {
                null = true;
            } else if !types.contains(&ty) {
                types.push(ty);
            }
        }
    }
    let nullable = nullable || null;
    let mut ty = match (types.pop(), types.is_empty()) {
        (None, _) => return Type::new(TypeKind::Null),
        (Some(only), true) => only,
        (Some(last), false) => {
            types.push(last);
            Type::new(TypeKind::OneOf(types))
        }
    };
    ty.nullable |= nullable;
    ty
}

/// The type of arithmetic over two arguments: integers stay integers.
pub(crate) fn arithmetic(types: &[Type]) -> Type {
    let integers = types
        .iter()
        .all(|ty| matches!(ty.kind, TypeKind::Integer { .. }));
    if integers {
        Type::integer()
    } else {
        Type::number()
    }
}
