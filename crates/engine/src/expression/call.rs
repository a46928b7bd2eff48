//! Checking the call of a function: which argument is which, and whether each fits.

use flowrun_card::{Function, Parameter, ParameterKind, Span, Type, TypeKind};

use super::{
    ast::{Argument as Written, Expr},
    check::{Checker, Local, Typed},
    compiled::{Argument, Call, Node, NodeKind},
};
use crate::{
    diagnostic::{Code, Diagnostic},
    suggest,
};

impl<'a> Checker<'a> {
    pub(super) fn function(
        &mut self,
        function: &'static Function,
        name_span: Span,
        written: &'a [Written],
        span: Span,
    ) -> Typed {
        let given = self.assign(function, name_span, written);
        // What a lambda is evaluated for is known once the other arguments are.
        let mut element = None;
        let mut checked: Vec<Option<(Argument, Type)>> = Vec::with_capacity(given.len());
        for (parameter, expression) in function.parameters.iter().zip(&given) {
            checked.push(match (parameter.kind, expression) {
                (_, None) => Some((Argument::Absent, Type::new(TypeKind::Null))),
                (ParameterKind::Lambda, Some(_)) => None,
                (_, Some(expression)) => {
                    let typed = self.expression(expression);
                    if element.is_none() {
                        element = typed.ty.items();
                    }
                    Some(self.fit(function, parameter, typed))
                }
            });
        }
        let element = element.unwrap_or(Type::ANY);
        let mut arguments = Vec::with_capacity(given.len());
        let mut types = Vec::with_capacity(given.len());
        for ((parameter, expression), checked) in
            function.parameters.iter().zip(&given).zip(checked)
        {
            let (argument, ty) = match (checked, expression) {
                (Some(checked), _) => checked,
                (None, Some(expression)) => {
                    self.locals.push(Local::Element(element.clone()));
                    let typed = self.expression(expression);
                    self.locals.pop();
                    self.fit(function, parameter, typed)
                }
                (None, None) => (Argument::Absent, Type::new(TypeKind::Null)),
            };
            arguments.push(argument);
            types.push(ty);
        }
        Typed {
            ty: (function.returns)(&types),
            node: Node {
                span,
                kind: NodeKind::Function(Box::new(Call {
                    function,
                    arguments: arguments.into(),
                    locals: self.depth(),
                })),
            },
        }
    }

    /// The expression of each parameter, in declared order.
    fn assign(
        &mut self,
        function: &'static Function,
        name_span: Span,
        written: &'a [Written],
    ) -> Vec<Option<&'a Expr>> {
        let parameters = function.parameters;
        let mut given: Vec<Option<&Expr>> = vec![None; parameters.len()];
        let name = function.name;
        let mut complete = true;
        for (index, argument) in written.iter().enumerate() {
            let place = match &argument.name {
                Some(name) => parameters
                    .iter()
                    .position(|parameter| parameter.name == &*name.text),
                None => Some(index),
            };
            match (place.and_then(|place| given.get_mut(place)), &argument.name) {
                (Some(slot @ None), _) => *slot = Some(&argument.value),
                (Some(_), argument_name) => {
                    let (span, text) = match argument_name {
                        Some(name) => (name.span, &*name.text),
                        None => (argument.value.span, ""),
                    };
                    self.wrong_arguments(
                        function,
                        span,
                        format!("the argument `{text}` of `{name}` is given twice"),
                    );
                }
                (None, Some(unknown)) => {
                    complete = false;
                    let message = format!("`{name}` has no argument `{}`", unknown.text);
                    let known = parameters.iter().map(|parameter| parameter.name);
                    match suggest::among(&unknown.text, known) {
                        Some(help) => self.error(
                            Diagnostic::error(Code::WRONG_ARGUMENTS, unknown.span, message)
                                .help(help),
                        ),
                        None => self.wrong_arguments(function, unknown.span, message),
                    }
                }
                (None, None) => {
                    self.wrong_arguments(
                        function,
                        argument.value.span,
                        format!(
                            "`{name}` takes {}, and this is one more",
                            count(parameters.len())
                        ),
                    );
                    break;
                }
            }
        }
        for (parameter, given) in parameters.iter().zip(&given) {
            if complete && given.is_none() && !parameter.optional {
                let message = format!("`{name}` needs the argument `{}`", parameter.name);
                self.wrong_arguments(function, name_span, message);
            }
        }
        given
    }

    fn wrong_arguments(&mut self, function: &Function, span: Span, message: String) {
        self.error(
            Diagnostic::error(Code::WRONG_ARGUMENTS, span, message).help(signature(function)),
        );
    }

    /// Checks that an argument fits its parameter; literals are fitted here.
    fn fit(
        &mut self,
        function: &Function,
        parameter: &Parameter,
        typed: Typed,
    ) -> (Argument, Type) {
        let Typed { mut node, ty } = typed;
        let slot = (parameter.ty)();
        let optional = parameter.optional || slot.nullable;
        let name = parameter.name;
        let null = ty.kind == TypeKind::Null;
        let fits = slot.accepts(&ty) || (null && optional);
        if !fits {
            self.type_error(
                node.span,
                format!(
                    "`{name}` of `{}` takes {slot}, and this is {ty}",
                    function.name
                ),
                signature(function),
            );
        } else if let NodeKind::Literal(value) = &node.kind
            && !value.is_null()
        {
            match slot.conform(value.clone()) {
                Ok(value) => node.kind = NodeKind::Literal(value),
                Err(mismatches) => {
                    let reason = mismatches
                        .first()
                        .map(|mismatch| mismatch.message.clone())
                        .unwrap_or_default();
                    self.type_error(
                        node.span,
                        format!("`{name}` of `{}`: {reason}", function.name),
                        signature(function),
                    );
                }
            }
        }
        let argument = match parameter.kind {
            ParameterKind::Value => Argument::Value {
                node,
                ty: slot,
                optional,
            },
            ParameterKind::Lambda | ParameterKind::Lazy => Argument::Expression {
                node,
                ty: slot,
                element: parameter.kind == ParameterKind::Lambda,
            },
        };
        (argument, ty)
    }
}

/// How a function is written: its arguments in order, those that may be left out in brackets.
fn signature(function: &Function) -> String {
    let mut text = format!("write `{}", function.name);
    for Parameter { name, optional, .. } in function.parameters {
        let argument = if *optional {
            format!(" [{name}]")
        } else {
            format!(" {name}")
        };
        text.push_str(&argument);
    }
    text.push('`');
    text
}

/// A number of arguments in words.
pub(super) fn count(number: usize) -> String {
    match number {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        2 => "two arguments".to_owned(),
        3 => "three arguments".to_owned(),
        more => format!("{more} arguments"),
    }
}
