use flowrun_card::{Format, Lambda};
use proptest::prelude::*;

use super::*;

fn call_lambda(
    name: &str,
    list: &str,
    lambda: Lambda<'_>,
    rest: &str,
) -> Result<Value, FunctionError> {
    let mut arguments = vec![
        FunctionCall::Value(json(list)),
        FunctionCall::Lambda(lambda),
    ];
    let rest = json(rest);
    arguments.extend(rest.as_list().unwrap().iter().map(FunctionCall::Value));
    call(name, arguments)
}

fn it(item: Value) -> Result<Value, FunctionError> {
    Ok(item)
}

fn field(item: Value) -> Result<Value, FunctionError> {
    item.field("k")
        .ok_or_else(|| FunctionError::new("there is no `k`"))
}

fn large(item: Value) -> Result<Value, FunctionError> {
    Ok((item.as_i64().unwrap() > 2).into())
}

#[test]
fn values_of_lists() {
    for (name, arguments, expect) in [
        ("list.length", "[[]]", Ok("0")),
        ("list.length", "[[1,null,[2,3]]]", Ok("3")),
        ("list.first", "[[1,2]]", Ok("1")),
        ("list.first", "[[]]", Ok("null")),
        ("list.last", "[[1,2]]", Ok("2")),
        ("list.last", "[[]]", Ok("null")),
        ("list.slice", "[[1,2,3,4],1,3]", Ok("[2,3]")),
        ("list.slice", "[[1,2,3,4],-2]", Ok("[3,4]")),
        ("list.slice", "[[1,2,3,4],2,1]", Ok("[]")),
        ("list.slice", "[[1,2],-9,9]", Ok("[1,2]")),
        ("list.sum", "[[]]", Ok("0")),
        ("list.sum", "[[1,2,3]]", Ok("6")),
        (
            "list.sum",
            "[[18446744073709551615,18446744073709551615,-9223372036854775808,-9223372036854775808,-9223372036854775808]]",
            Ok("9223372036854775806"),
        ),
        ("list.sum", "[[1,0.5,2]]", Ok("3.5")),
        ("list.sum", "[[0.5,-0.5]]", Ok("0.0")),
        (
            "list.sum",
            "[[18446744073709551615,1]]",
            Err("the sum is no integer between -9223372036854775808 and 18446744073709551615"),
        ),
        (
            "list.sum",
            "[[1.7e308,1.7e308]]",
            Err("the sum is too large for a number"),
        ),
        ("list.join", r#"[["a","b"],", "]"#, Ok(r#""a, b""#)),
        ("list.join", r#"[[],","]"#, Ok(r#""""#)),
        ("list.join", r#"[["",""],","]"#, Ok(r#"",""#)),
        ("list.join", r#"[[1,true,1.5],""]"#, Ok(r#""1true1.5""#)),
    ] {
        check(name, arguments, expect);
    }
}

#[test]
fn filter() {
    let filter = |list, lambda: Lambda<'_>| call_lambda("list.filter", list, lambda, "[]");
    compare(filter("[1,5,2,3]", &large), Ok("[5,3]"), "large");
    compare(filter("[]", &large), Ok("[]"), "empty");
    compare(
        filter("[true,1]", &it),
        Err("`where` yields an integer, not a boolean"),
        "no boolean",
    );
    compare(
        filter(r#"[{"k":true},{}]"#, &field),
        Err("there is no `k`"),
        "error of the expression",
    );
}

#[test]
fn map() {
    let map = |list, lambda: Lambda<'_>| call_lambda("list.map", list, lambda, "[]");
    compare(map("[1,3]", &large), Ok("[false,true]"), "large");
    compare(map(r#"[{"k":null}]"#, &field), Ok("[null]"), "null");
    compare(map("[{}]", &field), Err("there is no `k`"), "error");
}

#[test]
fn sort_by() {
    for (list, rest, expect) in [
        ("[]", "[]", Ok("[]")),
        ("[3,1,2.5]", "[]", Ok("[1,2.5,3]")),
        ("[3,1,2.5]", "[true]", Ok("[3,2.5,1]")),
        ("[3,1,2.5]", "[null]", Ok("[1,2.5,3]")),
        (
            "[9007199254740993,9007199254740992.0]",
            "[]",
            Ok("[9007199254740992.0,9007199254740993]"),
        ),
        // Equal items keep their order, whichever way the list is sorted.
        ("[1.0,1,0]", "[]", Ok("[0,1.0,1]")),
        ("[1.0,1,2]", "[true]", Ok("[2,1.0,1]")),
        (
            r#"["b","a","C","10","9"]"#,
            "[]",
            Ok(r#"["10","9","C","a","b"]"#),
        ),
        // As text, the fraction would come first.
        (
            r#"["2026-01-01T00:00:00.5Z","2026-01-01T00:00:00Z","2026-01-01T01:00:00+02:00"]"#,
            "[]",
            Ok(r#"["2026-01-01T01:00:00+02:00","2026-01-01T00:00:00Z","2026-01-01T00:00:00.5Z"]"#),
        ),
        (
            r#"["2026-01-02","2026-01-01T12:00:00Z"]"#,
            "[]",
            Ok(r#"["2026-01-01T12:00:00Z","2026-01-02"]"#),
        ),
        (
            r#"["2026-01-01T00:00:00.5Z","2026-01-01T00:00:00Z","x"]"#,
            "[]",
            Ok(r#"["2026-01-01T00:00:00.5Z","2026-01-01T00:00:00Z","x"]"#),
        ),
        (
            r#"["a",1]"#,
            "[]",
            Err(
                "`by` yields numbers for some items and other values for others, which have no common order",
            ),
        ),
        (
            r#"["a",null]"#,
            "[]",
            Err("`by` yields null for item 1, which has no order; it must yield numbers or texts"),
        ),
    ] {
        compare(call_lambda("list.sort_by", list, &it, rest), expect, list);
    }
    compare(
        call_lambda(
            "list.sort_by",
            r#"[{"k":2,"x":1},{"k":1,"x":2}]"#,
            &field,
            "[]",
        ),
        Ok(r#"[{"k":1,"x":2},{"k":2,"x":1}]"#),
        "by a field",
    );
}

#[test]
fn what_is_chosen_is_evaluated_alone() {
    let never = |_: Value| -> Result<Value, FunctionError> { panic!("evaluated") };
    let given = |_: Value| Ok(Value::from("given"));
    for (condition, then, otherwise) in [
        (true, &given as Lambda<'_>, &never as Lambda<'_>),
        (false, &never, &given),
    ] {
        let arguments = vec![
            FunctionCall::Value(condition.into()),
            FunctionCall::Lambda(then),
            FunctionCall::Lambda(otherwise),
        ];
        assert_eq!(call("logic.if", arguments), Ok(Value::from("given")));
    }
}

#[test]
fn types_follow_the_items() {
    let objects = Type::list(Type::object([("size".to_owned(), Type::integer())]));
    let object = objects.items().unwrap();
    let null = Type::new(flowrun_card::TypeKind::Null);
    let number_or_text = crate::types::sort_key();
    for (name, types, expect) in [
        (
            "list.filter",
            vec![objects.clone(), Type::boolean()],
            objects.clone(),
        ),
        (
            "list.filter",
            vec![objects.clone().nullable(), Type::boolean()],
            objects.clone(),
        ),
        (
            "list.filter",
            vec![Type::ANY, Type::boolean()],
            Type::list(Type::ANY),
        ),
        (
            "list.slice",
            vec![objects.clone(), Type::integer()],
            objects.clone(),
        ),
        (
            "list.sort_by",
            vec![objects.clone(), Type::integer()],
            objects.clone(),
        ),
        (
            "list.map",
            vec![objects.clone(), Type::integer()],
            Type::list(Type::integer()),
        ),
        (
            "list.first",
            vec![objects.clone()],
            object.clone().nullable(),
        ),
        ("list.last", vec![objects], object.nullable()),
        ("list.first", vec![Type::ANY], Type::ANY),
        (
            "list.sum",
            vec![Type::list(Type::integer())],
            Type::integer(),
        ),
        ("list.sum", vec![Type::list(Type::number())], Type::number()),
        ("list.sum", vec![Type::list(Type::ANY)], Type::number()),
        (
            "logic.if",
            vec![Type::boolean(), Type::integer(), Type::integer()],
            Type::integer(),
        ),
        (
            "logic.if",
            vec![Type::boolean(), Type::integer(), null.clone()],
            Type::integer().nullable(),
        ),
        (
            "logic.if",
            vec![Type::boolean(), null.clone(), null.clone()],
            null.clone(),
        ),
        (
            "logic.if",
            vec![Type::boolean(), null, Type::ANY],
            Type::ANY,
        ),
        (
            "logic.if",
            vec![Type::boolean(), Type::number(), Type::string().nullable()],
            number_or_text.clone().nullable(),
        ),
        (
            "logic.if",
            vec![Type::boolean(), number_or_text.clone(), Type::string()],
            number_or_text,
        ),
        (
            "date.add",
            vec![Type::formatted(Format::Date), Type::string()],
            Type::formatted(Format::Date),
        ),
        (
            "date.add",
            vec![Type::formatted(Format::DateTime), Type::string()],
            Type::formatted(Format::DateTime),
        ),
        (
            "date.subtract",
            vec![Type::string(), Type::string()],
            crate::types::moment(),
        ),
    ] {
        assert_eq!(returns(name, &types), expect, "{name} {types:?}");
    }
}

proptest! {
    #[test]
    fn filter_keeps_what_the_expression_says(items in prop::collection::vec(-5_i64..5, 0..30)) {
        let list: Value = items.iter().copied().map(Value::from).collect();
        let kept = call_lambda("list.filter", &list.to_string(), &large, "[]").unwrap();
        let expect: Value = items.into_iter().filter(|item| *item > 2).map(Value::from).collect();
        prop_assert_eq!(kept, expect);
    }

    #[test]
    fn sorting_agrees_with_the_standard_library(
        mut items in prop::collection::vec(any::<i64>(), 0..30),
    ) {
        let list: Value = items.iter().copied().map(Value::from).collect();
        let sorted = call_lambda("list.sort_by", &list.to_string(), &it, "[true]").unwrap();
        items.sort_by(|one, other| other.cmp(one));
        prop_assert_eq!(sorted, items.into_iter().map(Value::from).collect::<Value>());
    }
}
