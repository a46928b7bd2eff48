use proptest::prelude::*;

use super::*;

#[test]
fn case_and_white_space() {
    for (name, text, expect) in [
        ("text.upper", r#"["abc ß éΣ 1"]"#, r#""ABC SS ÉΣ 1""#),
        ("text.upper", r#"[""]"#, r#""""#),
        ("text.upper", "[12]", r#""12""#),
        ("text.lower", r#"["ABC ÉΣ ΟΔΟΣ"]"#, r#""abc éς οδος""#),
        ("text.trim", r#"["\t\n\u00a0\u2003a b\r\n "]"#, r#""a b""#),
        ("text.trim", r#"[" \n"]"#, r#""""#),
        ("text.trim", r#"["\u200ba"]"#, "\"\u{200b}a\""),
    ] {
        check(name, text, Ok(expect));
    }
}

#[test]
fn split() {
    for (arguments, expect) in [
        (r#"["a,b,c", ","]"#, Ok(r#"["a","b","c"]"#)),
        (r#"["", ","]"#, Ok(r#"[""]"#)),
        (r#"[",a,,", ","]"#, Ok(r#"["","a","",""]"#)),
        (r#"["aaa", "aa"]"#, Ok(r#"["","a"]"#)),
        (r#"["a.b", "."]"#, Ok(r#"["a","b"]"#)),
        (r#"["züß", "ü"]"#, Ok(r#"["z","ß"]"#)),
        (
            r#"["a", ""]"#,
            Err("`separator` is empty; give the text that stands between the pieces"),
        ),
    ] {
        check("text.split", arguments, expect);
    }
}

#[test]
fn replace() {
    for (arguments, expect) in [
        (r#"["a/b/c", "/", "--"]"#, Ok(r#""a--b--c""#)),
        (r#"["aaa", "aa", "a"]"#, Ok(r#""aa""#)),
        (r#"["a.b", ".", ""]"#, Ok(r#""ab""#)),
        (r#"["abc", "x", "y"]"#, Ok(r#""abc""#)),
        (
            r#"["a", "", "b"]"#,
            Err("`find` is empty; give the text that is to be replaced"),
        ),
    ] {
        check("text.replace", arguments, expect);
    }
}

#[test]
fn slice() {
    for (arguments, expect) in [
        (r#"["züßx", 1, 3]"#, r#""üß""#),
        (r#"["züßx", 1]"#, r#""üßx""#),
        (r#"["züßx", 1, null]"#, r#""üßx""#),
        (r#"["züßx", -3, -1]"#, r#""üß""#),
        (r#"["züßx", 3, 1]"#, r#""""#),
        (r#"["züßx", 4]"#, r#""""#),
        (r#"["züßx", -9, 9]"#, r#""züßx""#),
        (
            r#"["züßx", -9223372036854775808, 18446744073709551615]"#,
            r#""züßx""#,
        ),
        (r#"["", 0, 1]"#, r#""""#),
    ] {
        check("text.slice", arguments, Ok(expect));
    }
}

proptest! {
    #[test]
    fn a_split_text_joins_again(text in "[ab,;é]{0,40}", separator in "[ab,;é]{1,3}") {
        let (text, separator) = (Value::from(text), Value::from(separator));
        let pieces = call_values("text.split", &[text.clone(), separator.clone()]).unwrap();
        let joined = call_values("list.join", &[pieces, separator]).unwrap();
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn slices_at_one_position_make_up_the_text(text in ".{0,20}", position in -25_i64..25) {
        let value = Value::from(&*text);
        let head = call_values("text.slice", &[value.clone(), 0_i64.into(), position.into()]);
        let tail = call_values("text.slice", &[value, position.into()]);
        let whole = format!("{}{}", head.unwrap().as_str().unwrap(), tail.unwrap().as_str().unwrap());
        prop_assert_eq!(whole, text);
    }

    #[test]
    fn replacing_is_splitting_and_joining(
        text in "[abc]{0,30}", find in "[abc]{1,2}", replacement in "[abcd]{0,3}",
    ) {
        let [text, find, replacement] = [text, find, replacement].map(Value::from);
        let replaced =
            call_values("text.replace", &[text.clone(), find.clone(), replacement.clone()]);
        let pieces = call_values("text.split", &[text, find]).unwrap();
        prop_assert_eq!(replaced, call_values("list.join", &[pieces, replacement]));
    }
}
