//! The checker: resolves every name of a parsed expression and gives it a type.

use std::sync::Arc;

use flowrun_card::{Entry, Registry, Span, Type, TypeKind, Value};

use super::{
    ast::{Argument, Expr, ExprKind, Name, Parsed, Piece, dotted},
    builtins,
    compiled::{Compiled, From, Node, NodeKind, Path, Step},
    scope::{Binding, Member, Root, Scope},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    suggest,
};

/// An expression that means something, and the type of what it yields.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) compiled: Compiled,
    pub(crate) ty: Type,
}

/// Resolves names and types. `element` is the type of `it` where the place has one; it is then
/// read as `Binding::Element(0)`. `None` if anything is wrong, all of which is reported.
pub(crate) fn check(
    parsed: &Parsed,
    scope: &dyn Scope,
    registry: &Registry,
    element: Option<&Type>,
    diagnostics: &mut Diagnostics,
) -> Option<Checked> {
    let mut checker = Checker {
        whole: &parsed.root,
        scope,
        registry,
        element,
        locals: Vec::new(),
        diagnostics,
        failed: false,
    };
    let Typed { node, ty } = checker.expression(&parsed.root);
    (!checker.failed).then(|| Checked {
        compiled: Compiled(Arc::new(node)),
        ty,
    })
}

/// A checked part of an expression.
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) ty: Type,
}

/// What a function over elements or an `each` gives a name to.
pub(super) enum Local<'a> {
    /// `it`.
    Element(Type),
    Item {
        name: &'a str,
        index: Option<&'a str>,
        ty: Type,
    },
}

/// Where a secret may stand.
pub(crate) const SECRET_HELP: &str = "a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs";

pub(super) struct Checker<'a> {
    whole: &'a Expr,
    scope: &'a dyn Scope,
    pub(super) registry: &'a Registry,
    element: Option<&'a Type>,
    /// Outermost first.
    pub(super) locals: Vec<Local<'a>>,
    diagnostics: &'a mut Diagnostics,
    failed: bool,
}

impl<'a> Checker<'a> {
    /// Whether there is no use in looking for more: a suggestion costs more than a name.
    fn is_over(&mut self) -> bool {
        self.failed |= self.diagnostics.is_full();
        self.diagnostics.is_full()
    }

    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.failed = true;
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn type_error(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.error(Diagnostic::error(Code::EXPRESSION_TYPE, span, message).help(help));
    }

    /// What stands for a part that is wrong, so that the rest is checked too.
    pub(super) fn unknown(&self, span: Span) -> Typed {
        Typed {
            node: Node {
                span,
                kind: NodeKind::Literal(Value::Null),
            },
            ty: Type::ANY,
        }
    }

    pub(super) fn depth(&self) -> u32 {
        u32::try_from(self.locals.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn expression(&mut self, expression: &'a Expr) -> Typed {
        let span = expression.span;
        if self.is_over() {
            return self.unknown(span);
        }
        match &expression.kind {
            ExprKind::Literal(value) => Typed {
                node: Node {
                    span,
                    kind: NodeKind::Literal(value.clone()),
                },
                ty: literal_type(value),
            },
            ExprKind::Path(names) => {
                let typed = self.path(names, span);
                if typed.ty.kind == TypeKind::Secret && !std::ptr::eq(expression, self.whole) {
                    let message = format!(
                        "`{}` is a secret, and here it is a part of something",
                        dotted(names)
                    );
                    self.error(
                        Diagnostic::error(Code::SECRET_USE, span, message).help(SECRET_HELP),
                    );
                    return self.unknown(span);
                }
                typed
            }
            ExprKind::Call(call) => self.call(&call.name, call.name_span, &call.arguments, span),
            ExprKind::Text(pieces) => {
                let kind = match pieces.as_slice() {
                    [] => NodeKind::Literal(Value::from("")),
                    [Piece::Text(text)] => NodeKind::Literal(Value::from(text.as_str())),
                    pieces => NodeKind::Text(self.pieces(pieces)),
                };
                Typed {
                    node: Node { span, kind },
                    ty: Type::string(),
                }
            }
        }
    }

    fn call(
        &mut self,
        names: &'a [Name],
        name_span: Span,
        arguments: &'a [Argument],
        span: Span,
    ) -> Typed {
        if let [name] = names
            && let Some(builtin) = builtins::find(&name.text)
        {
            return self.builtin(builtin, name_span, arguments, span);
        }
        let name = dotted(names);
        if let Some(function) = self.registry.find_function(&name) {
            return self.function(function, name_span, arguments, span);
        }
        self.unknown_function(names, &name, name_span);
        for argument in arguments {
            // `it` may be one of an element here; only other faults can be told.
            self.locals.push(Local::Element(Type::ANY));
            self.expression(&argument.value);
            self.locals.pop();
        }
        self.unknown(span)
    }

    fn unknown_function(&mut self, names: &[Name], name: &str, span: Span) {
        let error = |message: String| Diagnostic::error(Code::UNKNOWN_FUNCTION, span, message);
        let is_value = names.first().is_some_and(|first| {
            self.local(&first.text).is_some()
                || !matches!(self.scope.root(&first.text), Root::Refused { .. })
        });
        let diagnostic = if let Some(Entry::Card { .. }) = self.registry.get(name) {
            error(format!("`{name}` is a card, not a function"))
                .help("make it a card of its own and read its output as `cards.ID`")
        } else if is_value {
            error(format!("`{name}` is a value, not a function")).help(format!(
                "a value takes no arguments; a function stands first, such as `default {name} 'x'`"
            ))
        } else {
            let known = self.functions().chain(builtins::names());
            let help = suggest::among(name, known)
                .or_else(|| {
                    let mut functions = self.functions();
                    let found =
                        functions.find(|function| function.rsplit('.').next() == Some(name))?;
                    Some(format!("did you mean `{found}`?"))
                })
                .unwrap_or_else(|| "`flowrun cards` lists the functions".to_owned());
            error(format!("there is no function `{name}`")).help(help)
        };
        self.error(diagnostic);
    }

    fn functions(&self) -> impl Iterator<Item = &'static str> + use<'a> {
        self.registry.iter().filter_map(|entry| match entry {
            Entry::Function(function) => Some(function.name),
            _ => None,
        })
    }

    /// The innermost local of that name: where it is read from, and its type.
    fn local(&self, name: &str) -> Option<(From, Type)> {
        let found = self
            .locals
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, local)| {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                match local {
                    Local::Element(ty) if name == "it" => Some((From::Local(at), ty.clone())),
                    Local::Item { name: item, ty, .. } if *item == name => {
                        Some((From::Local(at), ty.clone()))
                    }
                    Local::Item {
                        index: Some(index), ..
                    } if *index == name => Some((From::LocalIndex(at), Type::integer())),
                    _ => None,
                }
            });
        found.or_else(|| {
            self.element
                .filter(|_| name == "it")
                .map(|ty| (From::Binding(Binding::Element(0)), ty.clone()))
        })
    }

    fn path(&mut self, names: &'a [Name], span: Span) -> Typed {
        let Some((first, rest)) = names.split_first() else {
            return self.unknown(span);
        };
        if let Some((from, ty)) = self.local(&first.text) {
            return self.steps(from, &first.text, ty, rest, span);
        }
        if &*first.text == "it" {
            self.error(
                Diagnostic::error(
                    Code::ROOT_NOT_HERE,
                    first.span,
                    "there is no `it` here",
                )
                .help(
                    "`it` is the element in an argument of a function over elements, such as `list.filter inputs.names (starts_with it 'A')`; the item of a loop is `item` or what `as` names",
                ),
            );
            return self.unknown(span);
        }
        match self.scope.root(&first.text) {
            Root::Value { binding, ty } => {
                self.steps(From::Binding(binding), &first.text, ty, rest, span)
            }
            Root::Namespace(namespace) => {
                let Some((second, rest)) = rest.split_first() else {
                    let name = namespace.name();
                    self.error(
                        Diagnostic::error(
                            Code::UNKNOWN_NAME,
                            span,
                            format!("`{name}` holds values and is none itself"),
                        )
                        .help(format!("name one of them: `{name}.NAME`")),
                    );
                    return self.unknown(span);
                };
                match self.scope.member(namespace, &second.text) {
                    Member::Value { binding, ty } => {
                        let head = format!("{}.{}", first.text, second.text);
                        self.steps(From::Binding(binding), &head, ty, rest, span)
                    }
                    Member::Refused {
                        code,
                        message,
                        help,
                        also,
                    } => {
                        let mut diagnostic =
                            Diagnostic::error(code, second.span, message).maybe_help(help);
                        if let Some((span, text)) = also {
                            diagnostic = diagnostic.also(span, text);
                        }
                        self.error(diagnostic);
                        self.unknown(span)
                    }
                }
            }
            Root::Refused {
                code,
                message,
                help,
            } => {
                let name = dotted(names);
                if builtins::find(&name).is_some() || self.registry.find_function(&name).is_some() {
                    return self.call(names, span, &[], span);
                }
                let help = help.or_else(|| {
                    let locals = self.locals.iter().filter_map(|local| match local {
                        Local::Item { name, .. } => Some(*name),
                        Local::Element(_) => None,
                    });
                    suggest::among(&first.text, locals).or_else(|| {
                        suggest::among(&name, self.functions().chain(builtins::names()))
                    })
                });
                self.error(Diagnostic::error(code, first.span, message).maybe_help(help));
                self.unknown(span)
            }
        }
    }

    fn steps(
        &mut self,
        from: From,
        head: &str,
        mut ty: Type,
        names: &'a [Name],
        span: Span,
    ) -> Typed {
        let mut path = Path {
            from,
            head: head.into(),
            steps: Box::default(),
        };
        let mut steps = Vec::with_capacity(names.len());
        for name in names {
            let Some(field) = ty.field(&name.text) else {
                path.steps = steps.into();
                let text = path.text(usize::MAX);
                self.error(unknown_field(&text, &ty, name));
                return self.unknown(span);
            };
            steps.push(Step {
                name: name.text.clone(),
                optional: may_be_unset(&ty, &name.text),
            });
            ty = field;
        }
        path.steps = steps.into();
        Typed {
            node: Node {
                span,
                kind: NodeKind::Path(path),
            },
            ty,
        }
    }
}

/// Whether a type declares a field and lets it be unset; then it reads as null.
fn may_be_unset(ty: &Type, name: &str) -> bool {
    match &ty.kind {
        TypeKind::Object { fields, .. } => fields.get(name).is_some_and(|field| !field.required),
        TypeKind::OneOf(types) => types
            .iter()
            .any(|ty| ty.field(name).is_none() || may_be_unset(ty, name)),
        _ => false,
    }
}

fn unknown_field(path: &str, ty: &Type, name: &Name) -> Diagnostic {
    /// More fields than these are no help.
    const SHOWN: usize = 12;
    let field = &name.text;
    let error = |message: String| Diagnostic::error(Code::UNKNOWN_FIELD, name.span, message);
    match &ty.kind {
        TypeKind::List { .. } => {
            let help = if field.starts_with(|c: char| c.is_ascii_digit()) {
                format!(
                    "write `list.first {path}` or `list.slice {path}` for items of it; to loop over them, `for_each`"
                )
            } else {
                format!(
                    "to read it of every item, loop with `for_each: {path}`, or write `list.map {path} it.{field}`"
                )
            };
            error(format!("`{path}` is a list, so it has no field `{field}`")).help(help)
        }
        TypeKind::Object { .. }
        | TypeKind::File
        | TypeKind::Connection { .. }
        | TypeKind::OneOf(_) => {
            let known = ty.field_names();
            let help = suggest::among(field, known.iter().copied()).or_else(|| {
                let list: Vec<String> = known
                    .iter()
                    .take(SHOWN)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let more = if known.len() > SHOWN { ", …" } else { "" };
                (!list.is_empty()).then(|| format!("it has {}{more}", list.join(", ")))
            });
            error(format!("`{path}` has no field `{field}`")).maybe_help(help)
        }
        _ => error(format!("`{path}` is {ty}, so it has no field `{field}`"))
            .help(format!("write `{path}`")),
    }
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::new(TypeKind::Null).nullable(),
        Value::Boolean(_) => Type::boolean(),
        Value::Integer(_) => Type::integer(),
        Value::Number(_) => Type::number(),
        Value::String(_) => Type::string(),
        _ => Type::ANY,
    }
}
