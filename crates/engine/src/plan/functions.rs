//! Checking function cards: each argument against its parameter.

use flowrun_card::{Function, ParameterKind, Type, Value};

use super::{
    Argument, PlannedAction,
    draft::Draft,
    hints::{add, help_for, names},
    scope::Place,
    slots::{Checker, Owner, type_of},
};
use crate::{
    diagnostic::{Code, Diagnostic},
    flow::Named,
    machine::CardId,
    suggest,
};

impl Checker<'_> {
    pub(super) fn function(
        &mut self,
        id: CardId,
        name: &Named,
        function: &'static Function,
        with: Option<&Draft<'_>>,
    ) -> Option<(PlannedAction, Type)> {
        let place = Place::Action(id);
        let fields = match with {
            None => &[][..],
            Some(Draft::Object { fields, .. }) => fields,
            Some(_) => return None,
        };
        let parameters = || function.parameters.iter().map(|parameter| parameter.name);
        let mut whole = true;
        for (key, _) in fields {
            if !parameters().any(|known| *known == *key.name) {
                self.report(
                    Diagnostic::error(
                        Code::UNKNOWN_INPUT,
                        key.span,
                        format!("`{}` has no input `{}`", function.name, key.name),
                    )
                    .help(
                        suggest::among(&key.name, parameters())
                            .unwrap_or_else(|| format!("it has {}", names(parameters()))),
                    ),
                );
                whole = false;
            }
        }
        let mut arguments = Vec::with_capacity(function.parameters.len());
        let mut types: Vec<Type> = Vec::with_capacity(function.parameters.len());
        for parameter in function.parameters {
            let draft = fields
                .iter()
                .find(|(key, _)| *key.name == *parameter.name)
                .map(|(_, draft)| draft);
            let Some(draft) = draft else {
                if !parameter.optional {
                    self.report(
                        Diagnostic::error(
                            Code::MISSING_INPUT,
                            name.span,
                            format!("`{}` needs `{}`", function.name, parameter.name),
                        )
                        .help(add(parameter.name, parameter.description)),
                    );
                    whole = false;
                }
                arguments.push(Argument::Absent);
                types.push(type_of(&Value::Null));
                continue;
            };
            let ty = (parameter.ty)();
            let ty = if parameter.optional {
                ty.nullable()
            } else {
                ty
            };
            let filled = match parameter.kind {
                ParameterKind::Value => self
                    .slot(draft, &ty, place, Owner::default())
                    .map(|(slot, found)| (Argument::Value { slot, ty }, found)),
                ParameterKind::Lazy => self
                    .slot(draft, &ty, place, Owner::default())
                    .map(|(slot, found)| (Argument::Lazy { slot, ty }, found)),
                ParameterKind::Lambda => self.lambda(draft, &ty, &types, place),
            };
            match filled {
                Some((argument, found)) => {
                    arguments.push(argument);
                    types.push(found);
                }
                None => {
                    whole = false;
                    arguments.push(Argument::Absent);
                    types.push(Type::ANY);
                }
            }
        }
        let ty = (function.returns)(&types);
        whole.then_some((
            PlannedAction::Function {
                function,
                arguments,
            },
            ty,
        ))
    }

    /// An expression over the elements of the first list among the arguments before it.
    fn lambda(
        &mut self,
        draft: &Draft<'_>,
        ty: &Type,
        before: &[Type],
        place: Place,
    ) -> Option<(Argument, Type)> {
        if let Draft::List { span, .. } | Draft::Object { span, .. } = draft {
            self.report(
                Diagnostic::error(
                    Code::WRONG_TYPE,
                    *span,
                    "expected an expression over the elements",
                )
                .help("write it without brackets, such as `gt it.size 0`"),
            );
            return None;
        }
        let element = before.iter().find_map(Type::items).unwrap_or(Type::ANY);
        let checked = self.expression(draft, place, Some(&element))?;
        if !ty.accepts(&checked.ty) {
            self.report(
                Diagnostic::error(
                    Code::EXPRESSION_TYPE,
                    draft.span(),
                    format!("expected {ty}, and the expression yields {}", checked.ty),
                )
                .maybe_help(help_for(ty, &checked.ty)),
            );
            return None;
        }
        Some((Argument::Expression(checked.compiled), checked.ty))
    }
}
