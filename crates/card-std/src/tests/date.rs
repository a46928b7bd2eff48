use proptest::prelude::*;

use super::*;

#[test]
fn format() {
    for (arguments, expect) in [
        (r#"["2026-11-23","%Y/%m/%d"]"#, Ok(r#""2026/11/23""#)),
        (r#"["2026-11-23","%F %T"]"#, Ok(r#""2026-11-23 00:00:00""#)),
        (r#"["2026-01-01","%G-W%V %j"]"#, Ok(r#""2026-W01 001""#)),
        (
            r#"["2026-11-23T01:30:00.25+02:00","%A %d %B %H:%M:%S%.f %:z"]"#,
            Ok(r#""Sunday 22 November 23:30:00.25 +00:00""#),
        ),
        (r#"["1970-01-02","%s"]"#, Ok(r#""86400""#)),
        (r#"["2026-11-23","100%%"]"#, Ok(r#""100%""#)),
        (r#"["2026-11-23",""]"#, Ok(r#""""#)),
    ] {
        check("date.format", arguments, expect);
    }
    check(
        "date.format",
        r#"["2026-11-23","%!"]"#,
        Err("strftime formatting failed: found unrecognized specifier directive `!`"),
    );
}

#[test]
fn parse() {
    for (arguments, expect) in [
        (r#"["23.11.2026","%d.%m.%Y"]"#, Some(r#""2026-11-23""#)),
        (r#"["20261123","%Y%m%d"]"#, Some(r#""2026-11-23""#)),
        (
            r#"["Mon, 23 Nov 2026 10:00:00 +0200","%a, %d %b %Y %T %z"]"#,
            Some(r#""2026-11-23""#),
        ),
        (r#"["2026-02-29","%Y-%m-%d"]"#, None),
        (r#"["2026-11-23x","%Y-%m-%d"]"#, None),
        (r#"["Tue 2026-11-23","%a %Y-%m-%d"]"#, None),
        (r#"["2026-11","%Y-%m"]"#, None),
        (r#"["","%Y-%m-%d"]"#, None),
    ] {
        let values: Vec<Value> = json(arguments).as_list().unwrap().iter().collect();
        let yielded = call_values("date.parse", &values).map(|value| value.to_string());
        assert_eq!(yielded.ok().as_deref(), expect, "{arguments}");
    }
}

#[test]
fn add_and_subtract() {
    let outside = Err("the result is outside of the dates that a flow can hold");
    for (name, arguments, expect) in [
        ("date.add", r#"["2024-02-28","1d"]"#, Ok(r#""2024-02-29""#)),
        (
            "date.add",
            r#"["2026-11-23","1w1d"]"#,
            Ok(r#""2026-12-01""#),
        ),
        ("date.add", r#"["2026-11-23","24h"]"#, Ok(r#""2026-11-24""#)),
        (
            "date.add",
            r#"["2026-11-23","36h"]"#,
            Err(
                "`2026-11-23` is a date and `36h` no whole number of days; use a datetime such as \
                 `2026-11-23T00:00:00Z`",
            ),
        ),
        (
            "date.add",
            r#"["2026-11-23T23:59:59Z","1s500ms"]"#,
            Ok(r#""2026-11-24T00:00:00.5Z""#),
        ),
        (
            "date.add",
            r#"["2026-11-23T10:00:00+02:00","1h"]"#,
            Ok(r#""2026-11-23T09:00:00Z""#),
        ),
        ("date.add", r#"["9999-12-31","1d"]"#, outside),
        ("date.add", r#"["9999-12-30T21:00:00Z","2h"]"#, outside),
        ("date.add", r#"["2026-11-23","30500000000w"]"#, outside),
        (
            "date.subtract",
            r#"["2026-03-01","1d"]"#,
            Ok(r#""2026-02-28""#),
        ),
        ("date.subtract", r#"["0000-01-01","1d"]"#, outside),
        (
            "date.subtract",
            r#"["2026-11-23T00:00:00Z","1ms"]"#,
            Ok(r#""2026-11-22T23:59:59.999Z""#),
        ),
    ] {
        check(name, arguments, expect);
    }
}

#[test]
fn difference() {
    for (arguments, expect) in [
        (r#"["2026-11-23","2026-12-24","days"]"#, "31"),
        (r#"["2026-12-24","2026-11-23","days"]"#, "-31"),
        (
            r#"["2026-11-23T12:00:00Z","2026-11-25T11:59:59Z","days"]"#,
            "1",
        ),
        (
            r#"["2026-11-25T11:59:59Z","2026-11-23T12:00:00Z","days"]"#,
            "-1",
        ),
        (r#"["2026-11-23T12:00:00Z","2026-11-23","hours"]"#, "-12"),
        (
            r#"["2026-11-23T12:00:00+02:00","2026-11-23T10:01:59Z","minutes"]"#,
            "1",
        ),
        (
            r#"["2026-11-23T12:00:00.9Z","2026-11-23T12:00:01.8Z","seconds"]"#,
            "0",
        ),
        (r#"["0000-01-01","9999-12-31","days"]"#, "3652424"),
    ] {
        check("date.difference", arguments, Ok(expect));
    }
}

proptest! {
    #[test]
    fn what_is_added_can_be_subtracted(seconds in 0_i64..4_000_000_000, later in 0_u64..1 << 40) {
        let instant = jiff::Timestamp::from_second(seconds).unwrap().to_string();
        let duration = Value::from(format!("{later}ms"));
        let moved = call_values("date.add", &[instant.as_str().into(), duration.clone()]).unwrap();
        let difference = call_values(
            "date.difference",
            &[instant.as_str().into(), moved.clone(), "seconds".into()],
        );
        prop_assert_eq!(difference, Ok((later / 1_000).into()));
        let back = call_values("date.subtract", &[moved, duration]);
        prop_assert_eq!(back, Ok(instant.into()));
    }

    #[test]
    fn a_formatted_date_reads_again(days in 0_u64..3_652_424) {
        let days = Value::from(format!("{days}d"));
        let date = call_values("date.add", &["0000-01-01".into(), days]).unwrap();
        let pattern = Value::from("%d.%m.%Y");
        let text = call_values("date.format", &[date.clone(), pattern.clone()]).unwrap();
        prop_assert_eq!(call_values("date.parse", &[text, pattern]), Ok(date));
    }
}
