use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

const RANGE: &str = "is no integer between -9223372036854775808 and 18446744073709551615";

#[test]
fn arithmetic() {
    for (name, arguments, expect) in [
        ("number.add", "[1, 2]", "3"),
        ("number.add", "[1, 0.5]", "1.5"),
        ("number.add", "[0.5, 0.5]", "1.0"),
        (
            "number.add",
            "[18446744073709551614, 1]",
            "18446744073709551615",
        ),
        (
            "number.subtract",
            "[18446744073709551615, 18446744073709551615]",
            "0",
        ),
        (
            "number.subtract",
            "[-9223372036854775807, 1]",
            "-9223372036854775808",
        ),
        ("number.subtract", "[1, 2.5]", "-1.5"),
        (
            "number.multiply",
            "[4294967296, 4294967295]",
            "18446744069414584320",
        ),
        ("number.multiply", "[3, 0.5]", "1.5"),
        ("number.divide", "[6, 3]", "2"),
        ("number.divide", "[-7, 2]", "-3.5"),
        ("number.divide", "[0, 5]", "0"),
        (
            "number.divide",
            "[18446744073709551615, 5]",
            "3689348814741910323",
        ),
        ("number.divide", "[1, 0.5]", "2.0"),
        ("number.min", "[2, 3]", "2"),
        ("number.min", "[2.0, 2]", "2.0"),
        ("number.max", "[2, 3]", "3"),
        ("number.max", "[2, 2.0]", "2"),
        (
            "number.max",
            "[9007199254740993, 9007199254740992.0]",
            "9007199254740993",
        ),
        ("number.min", "[-1.5, -1]", "-1.5"),
        (
            "number.min",
            "[18446744073709551615, 1e300]",
            "18446744073709551615",
        ),
    ] {
        check(name, arguments, Ok(expect));
    }
    for (name, arguments, expect) in [
        (
            "number.add",
            "[18446744073709551615, 1]",
            format!("18446744073709551615 plus 1 {RANGE}"),
        ),
        (
            "number.subtract",
            "[-9223372036854775808, 1]",
            format!("-9223372036854775808 minus 1 {RANGE}"),
        ),
        (
            "number.multiply",
            "[18446744073709551615, 18446744073709551615]",
            format!("18446744073709551615 times 18446744073709551615 {RANGE}"),
        ),
        (
            "number.multiply",
            "[1e300, 1e300]",
            "1e+300 times 1e+300 is too large for a number".to_owned(),
        ),
        (
            "number.divide",
            "[1e300, 1e-300]",
            "1e+300 divided by 1e-300 is too large for a number".to_owned(),
        ),
        ("number.divide", "[1, 0]", "1 is divided by zero".to_owned()),
        (
            "number.divide",
            "[1.5, -0.0]",
            "1.5 is divided by zero".to_owned(),
        ),
    ] {
        check(name, arguments, Err(&expect));
    }
}

#[test]
fn round() {
    for (arguments, expect) in [
        ("[2.5]", "3"),
        ("[-2.5]", "-3"),
        ("[2.4999]", "2"),
        ("[-0.2]", "0"),
        ("[18446744073709551615]", "18446744073709551615"),
        ("[1e18]", "1000000000000000000"),
    ] {
        check("number.round", arguments, Ok(expect));
    }
    let error = format!("18446744073709552000 {RANGE}");
    check("number.round", "[18446744073709552000.0]", Err(&error));
}

#[test]
fn integers_stay_integers() {
    let (integer, number) = (Type::integer(), Type::number());
    for name in [
        "number.add",
        "number.subtract",
        "number.multiply",
        "number.min",
        "number.max",
    ] {
        let types = [integer.clone(), integer.clone()];
        assert_eq!(returns(name, &types), integer, "{name}");
        let types = [integer.clone(), number.clone()];
        assert_eq!(returns(name, &types), number, "{name}");
        let types = [Type::ANY, integer.clone()];
        assert_eq!(returns(name, &types), number, "{name}");
    }
    assert_eq!(
        returns("number.divide", &[integer.clone(), integer.clone()]),
        number
    );
    assert_eq!(returns("number.round", &[number]), integer);
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-4_i64..4).prop_map(Value::from),
        (-4.0_f64..4.0).prop_map(Value::Number),
        (-1e20_f64..1e20).prop_map(Value::Number),
    ]
}

proptest! {
    #[test]
    fn what_is_added_can_be_subtracted(left: i64, right: i64) {
        let sum = call_values("number.add", &[left.into(), right.into()]);
        if let Ok(sum) = sum {
            prop_assert_eq!(call_values("number.subtract", &[sum, right.into()]), Ok(left.into()));
        } else {
            let exact = i128::from(left) + i128::from(right);
            prop_assert!(exact < i128::from(i64::MIN));
        }
    }

    #[test]
    fn numbers_have_one_order(a in numbers(), b in numbers(), c in numbers()) {
        let compare = |x, y| crate::number::compare(x, y).unwrap();
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
            prop_assert_ne!(compare(&a, &c), Ordering::Greater);
        }
    }
}
