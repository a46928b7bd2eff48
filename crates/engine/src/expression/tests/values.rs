//! What expressions yield, and why they yield nothing at run time.

use flowrun_card::{ConnectionRef, FileRef, List};

use super::*;

#[track_caller]
fn value(text: &str, expect: &str) {
    let (_, result) = run(parse_scalar, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let value = result.unwrap_or_else(|error| panic!("{text}: {}", error.message));
    assert_eq!(value.to_string(), expect, "{text}");
}

/// An expression place: bare, and in braces.
#[track_caller]
fn bare(text: &str, expect: &str) {
    for text in [text.to_owned(), format!(" {{{{ {text} }}}}\n")] {
        let (_, result) = run(parse_bare, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let value = result.unwrap_or_else(|error| panic!("{text}: {}", error.message));
        assert_eq!(value.to_string(), expect, "{text}");
    }
}

#[track_caller]
fn failure(text: &str, at: &str, expect: &str) {
    let (_, result) = run(parse_scalar, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let error = result.expect_err(text);
    let found = text.get(error.span.range()).unwrap();
    assert_eq!((found, &*error.message), (at, expect), "{text}");
}

#[track_caller]
fn ty(text: &str, expect: &str) {
    let (ty, _) = run(parse_scalar, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let null = if ty.nullable { " or null" } else { "" };
    assert_eq!(format!("{ty}{null}"), expect, "{text}");
}

#[test]
fn one_mustache_keeps_the_type_of_its_value() {
    value("{{ inputs.count }}", "3");
    value(" \n{{inputs.names}}\n\n", r#"["Ada","Grace"]"#);
    // Spaces that stand in quotes are meant.
    value(" {{ inputs.name }}", r#"" ada""#);
    value("{{ inputs.name }}\u{a0}\n", "\"ada\u{a0}\\n\"");
    value("{{ inputs.note }}", "null");
}

#[test]
fn literals_are_what_they_look_like() {
    bare(r"'\.csv$'", r#""\\.csv$""#);
    bare(r#""it's""#, r#""it's""#);
    bare("'say \"hi\" {{ x }}'", r#""say \"hi\" {{ x }}""#);
    bare("''", r#""""#);
    bare("-12", "-12");
    bare("18446744073709551615", "18446744073709551615");
    bare("-9223372036854775808", "-9223372036854775808");
    bare("1.50", "1.5");
    bare("1e3", "1000.0");
    bare("0", "0");
    bare("-0.5", "-0.5");
    // A number that is easily read as its neighbour.
    bare(
        "eq 8.167450803761503e34 81674508037615030000000000000000000.0",
        "true",
    );
    bare("true", "true");
    bare("null", "null");
    bare("((inputs.count))", "3");
    bare("( 'x' )", r#""x""#);
}

#[test]
fn paths_are_read_to_their_end() {
    bare("inputs.tags.cost-center", r#""12""#);
    bare("item.key", r#""item.csv""#);
    bare("index", "4");
    bare("run.id", r#""r1""#);
    bare("cards.one.etag", "null");
    bare("cards.nothing.key", "null");
    bare("vars.any.deep.null", "null");
}

#[test]
fn text_is_put_together() {
    value("a{{ inputs.name }}b{{inputs.count}}c", r#""aadab3c""#);
    value("{{ inputs.flag }} {{ inputs.ratio }}", r#""true 1.5""#);
    value("plain", r#""plain""#);
    value("", r#""""#);
    value(r"\{{ x }}", r#""{{ x }}""#);
    value(r"\{{{{ x }}}} {{ inputs.name }}", r#""{{{{ x }}}} ada""#);
    value(r"C:\\{{ inputs.name }}\d", r#""C:\\ada\\d""#);
    value(r"\\\{{ inputs.name }}", r#""\\\\ada""#);
    value("{{ '{{' }}{{ '}}' }}", r#""{{}}""#);
    value("{ \"a\": {{ inputs.count }}}", r#""{ \"a\": 3}""#);
    value("{{! nothing }}{{!-- }} --}}x", r#""x""#);
    value("a {{~ inputs.name ~}} b", r#""aadab""#);
    value("{{~ inputs.count ~}}", "3");
    value("{{ '$' }}{{ inputs.count }}", r#""$3""#);
}

#[test]
fn what_is_yielded_is_never_parsed_again() {
    value("{{ '{{ inputs.name }}' }}!", r#""{{ inputs.name }}!""#);
    value(
        "{{#if inputs.flag}}{{ '{{/if}}{{ inputs.name }}' }}{{/if}}",
        r#""{{/if}}{{ inputs.name }}""#,
    );
}

#[test]
fn blocks_choose_and_repeat() {
    value("{{#if inputs.flag}}a{{else}}b{{/if}}", r#""a""#);
    value("{{#if inputs.off}}a{{else}}b{{/if}}", r#""b""#);
    value("{{#unless inputs.flag}}a{{else}}b{{/unless}}", r#""b""#);
    value("{{#if inputs.off}}a{{/if}}", r#""""#);
    let chain = |one: &str, two: &str, three: &str| {
        format!(
            "{{{{#if (eq 1 {one})}}}}1{{{{else if (eq 2 {two})}}}}2{{{{else unless (eq 3 {three})}}}}3{{{{else}}}}4{{{{/if}}}}"
        )
    };
    value(&chain("1", "2", "3"), r#""1""#);
    value(&chain("0", "2", "3"), r#""2""#);
    value(&chain("0", "0", "0"), r#""3""#);
    value(&chain("0", "0", "3"), r#""4""#);
    value(
        "{{#each inputs.names as |name i|}}{{#if (gt i 0)}} and {{/if}}{{ name }}{{/each}}",
        r#""Ada and Grace""#,
    );
    value(
        "{{#each inputs.none as |x|}}{{ x }}{{else}}nobody{{/each}}",
        r#""nobody""#,
    );
    value(
        "{{#each cards.found.objects as |o|}}{{#each inputs.names as |n i|}}{{ o.key }}{{ n }}{{ i }};{{/each}}{{/each}}",
        r#""a.csvAda0;a.csvGrace1;b/c.csvAda0;b/c.csvGrace1;""#,
    );
    value(
        "{{#each inputs.names as |n|}}{{ list.length (list.filter inputs.names (eq it n)) }}{{/each}}",
        r#""11""#,
    );
    value(
        r"{{#if inputs.flag}}{\{{ \\{{ inputs.name }}{{/if}}",
        r#""{{{ \\ada""#,
    );
}

#[test]
fn a_block_tag_alone_on_its_line_leaves_no_line() {
    value(
        "names:\n{{#each inputs.names as |name|}}\n- {{ name }}\n{{/each}}\n{{! the end }}\nend\n",
        r#""names:\n- Ada\n- Grace\nend\n""#,
    );
    value(
        "{{#if inputs.off}}\na\n{{else}}\n  b\n{{/if}}\n",
        r#""  b\n""#,
    );
    value("a {{~#if inputs.flag~}} b {{~/if~}} c", r#""abc""#);
}

#[test]
fn functions_take_arguments_by_order_and_by_name() {
    bare("text.upper inputs.name", r#""ADA""#);
    bare("text.upper (text.slice inputs.name 1)", r#""DA""#);
    bare("text.slice inputs.name 0 2", r#""ad""#);
    bare("text.slice inputs.name to=2 from=0", r#""ad""#);
    bare("text.slice inputs.name 1 null", r#""da""#);
    bare("text.upper 12", r#""12""#);
    bare("text.upper(inputs.name)", r#""ADA""#);
    bare("(text.upper inputs.name)", r#""ADA""#);
    bare(
        "list.filter cards.found.objects (gt it.size (size '5GiB'))",
        r#"[{"key":"b/c.csv","size":6442450944,"etag":"e","modified_at":"2026-11-24T00:00:00Z"}]"#,
    );
    bare(
        "list.map inputs.names (text.upper it)",
        r#"["ADA","GRACE"]"#,
    );
    bare(
        "list.map inputs.names (list.length (list.filter inputs.names (eq it 'Ada')))",
        "[1,1]",
    );
    bare(
        "list.map cards.found.objects to=it.key",
        r#"["a.csv","b/c.csv"]"#,
    );
    bare("logic.if inputs.flag 'yes' cards.missing.key", r#""yes""#);
    bare(
        "list.map inputs.names (list.map inputs.names it)",
        r#"[["Ada","Grace"],["Ada","Grace"]]"#,
    );
}

#[test]
fn numbers_compare_by_value() {
    bare("eq 1 1.0", "true");
    bare("eq inputs.big 18446744073709551615", "true");
    // As floating point numbers these two are the same.
    bare("eq 9007199254740993 9007199254740992.0", "false");
    bare("gt 9007199254740993 9007199254740992.0", "true");
    bare("lt 9007199254740992.0 9007199254740993", "true");
    bare("lt inputs.big 18446744073709551616.0", "true");
    bare("gte inputs.least -9223372036854775808.0", "true");
    bare("gt inputs.least -9223372036854777856.0", "true");
    bare("lt 1 1.5", "true");
    bare("gt -1 -1.5", "true");
    bare("gt 0 -0.5", "true");
    bare("lte 3 inputs.count", "true");
    bare("ne 3 inputs.ratio", "true");
    bare("in 1.0 vars.any.list", "true");
}

#[test]
fn formats_compare_by_what_they_mean() {
    bare("eq inputs.later_at '2026-11-23T00:00:00Z'", "true");
    bare("lt inputs.later_at '2026-11-23T00:00:00.001Z'", "true");
    bare("eq inputs.day_on inputs.later_at", "true");
    bare("gt '2026-11-24' inputs.day_on", "true");
    bare("eq inputs.wait_for '1h30m'", "true");
    bare("gt inputs.wait_for '100s'", "true");
    bare("gt inputs.min_size 1024", "true");
    bare("eq inputs.min_size '5120KiB'", "true");
    bare("lt inputs.min_size '1GB'", "true");
    // Nothing is known of the left side.
    bare("eq vars.any.when '2026-11-23T00:00:00Z'", "true");
    bare("lt vars.any.when '2026-11-23T00:00:00.5Z'", "true");
    bare("eq vars.any_text 'text'", "true");
    // Both are plain texts.
    bare(
        "eq '2026-11-23T01:00:00+01:00' '2026-11-23T00:00:00Z'",
        "false",
    );
    bare(
        "list.length (list.filter cards.found.objects (gt it.modified_at '2026-11-23T12:00:00Z'))",
        "1",
    );
}

#[test]
fn equality_is_of_structure() {
    bare("eq vars.any vars.any", "true");
    bare("eq vars.any.list vars.any.deep", "false");
    bare("eq inputs.names (list.map inputs.names it)", "true");
    bare("eq inputs.none inputs.names", "false");
    bare(
        "in inputs.names (list.map inputs.names inputs.names)",
        "true",
    );
    bare("eq null inputs.note", "true");
    bare("eq inputs.name null", "false");
    bare("eq inputs.later_at null", "false");
    bare("eq vars.any.when 1", "false");
    bare("eq inputs.mode_enum 'FAST'", "true");
}

#[test]
fn logic_is_lazy() {
    bare("or true (eq cards.missing.key 'x')", "true");
    bare("and false (eq cards.missing.key 'x')", "false");
    bare("and true true true", "true");
    bare("or false false inputs.flag", "true");
    bare("not inputs.flag", "false");
    bare("default inputs.name cards.missing.key", r#""ada""#);
}

#[test]
fn default_stands_in_for_null_missing_and_skipped() {
    for absent in [
        "inputs.note",
        "cards.missing",
        "cards.missing.key",
        "cards.skipped.key",
        "cards.nothing.key",
        "vars.any.nope.deeper",
        "vars.any.deep.null.deeper",
        "(text.upper cards.skipped.key)",
        "(default cards.missing inputs.note)",
    ] {
        bare(&format!("default {absent} 'x'"), r#""x""#);
    }
    bare("default inputs.empty 'x'", r#""""#);
    bare("default inputs.off true", "false");
    bare(
        "default (list.map inputs.names cards.skipped.key) 'x'",
        r#""x""#,
    );
}

#[test]
fn membership_and_texts() {
    bare("in 'Ada' inputs.names", "true");
    bare("in 'ada' inputs.names", "false");
    bare("in null vars.any.list", "true");
    bare("contains inputs.names 'Grace'", "true");
    bare("contains 'abc' 'bc'", "true");
    bare("contains vars.any_text 'ex'", "true");
    for empty in [
        "''",
        "null",
        "inputs.none",
        "inputs.note",
        "vars.any.deep.null",
    ] {
        bare(&format!("is_empty {empty}"), "true");
    }
    for full in ["' '", "inputs.names", "inputs.tags", "vars.any.list"] {
        bare(&format!("is_empty {full}"), "false");
    }
    bare("starts_with inputs.account '01'", "true");
    bare("ends_with 'a.csv' '.csv'", "true");
    bare(r"matches 'a.csv' '\.csv$'", "true");
    bare(r"matches 'acsv' '\.csv$'", "false");
    bare("matches inputs.name (text.slice 'xad' 1)", "true");
    bare("glob 'a.csv' '*.csv'", "true");
    bare("glob 'b/a.csv' '*.csv'", "false");
    bare("glob 'b/c/a.csv' '**/*.csv'", "true");
    bare("glob 'b/a.csv' 'b/{a,c}.csv'", "true");
}

#[test]
fn sizes_are_bytes() {
    bare("size '5GiB'", "5368709120");
    bare("size 12", "12");
    bare("size inputs.min_size", "5242880");
}

#[test]
fn types_are_inferred() {
    ty("{{ inputs.count }}", "an integer");
    ty("{{ inputs.note }}", "a string or null");
    ty("{{ default inputs.note 'x' }}", "a string");
    ty("{{ default inputs.note 1 }}", "a string or an integer");
    ty("{{ default inputs.note null }}", "a string or null");
    ty("{{ default vars.any 1 }}", "any value or null");
    ty(
        "{{ list.filter cards.found.objects true }}",
        "a list of objects",
    );
    ty(
        "{{ list.map cards.found.objects it.size }}",
        "a list of integers",
    );
    ty("{{ eq 1 2 }}", "a boolean");
    ty("{{ size '1' }}", "an integer");
    ty("{{ inputs.count }}\n", "an integer");
    ty("{{ inputs.count }} ", "a string");
    ty("x{{ inputs.count }}", "a string");
    ty("{{ null }}", "null or null");
}

#[test]
fn what_has_no_value_is_an_error_where_it_stands() {
    failure(
        "{{ cards.skipped.key }}",
        "cards.skipped.key",
        "`cards.skipped` was skipped, so it has no value; `default` gives another",
    );
    failure(
        "{{ eq 'x' cards.missing.key }}",
        "cards.missing.key",
        "`cards.missing` has no value",
    );
    failure(
        "{{ vars.any.deep.null.deeper }}",
        "vars.any.deep.null.deeper",
        "`vars.any.deep.null` is null, so it has no field `deeper`",
    );
    failure(
        "{{ vars.any.nope }}",
        "vars.any.nope",
        "`vars.any` has no field `nope`",
    );
    failure(
        "{{ vars.any.when.x }}",
        "vars.any.when.x",
        "`vars.any.when` is a string, so it has no field `x`",
    );
    failure(
        "{{ text.upper inputs.note }}",
        "inputs.note",
        "`text` of `text.upper`: expected a string, found null",
    );
    failure(
        "{{ text.join vars.any.list }}",
        "vars.any.list",
        "`list` of `text.join`: [2]: expected a string, found null",
    );
    failure(
        "{{ text.upper (text.slice inputs.name 9) }}",
        "(text.slice inputs.name 9)",
        "`text.slice`: the text is shorter",
    );
    failure(
        "{{ list.filter inputs.names vars.any_text }}",
        "vars.any_text",
        "`where` of `list.filter`: expected a boolean, found a string",
    );
    failure(
        "{{ list.map inputs.names (gt it vars.any.list) }}",
        "(gt it vars.any.list)",
        "`gt`: a string and a list have no order",
    );
    failure(
        "{{ gt vars.any.deep.null 1 }}",
        "gt vars.any.deep.null 1",
        "`gt`: null and an integer have no order",
    );
    failure(
        "{{ gt inputs.later_at vars.any_text }}",
        "gt inputs.later_at vars.any_text",
        "`gt`: `text` is not a datetime",
    );
    failure(
        "{{ eq inputs.wait_for vars.any_text }}",
        "eq inputs.wait_for vars.any_text",
        "`text` is not a duration",
    );
    failure(
        "{{ and true vars.any_text }}",
        "vars.any_text",
        "a condition is a boolean, and this is a string",
    );
    failure(
        "{{ in 1 vars.any_text }}",
        "vars.any_text",
        "`in` takes a list, and this is a string",
    );
    failure(
        "{{ matches inputs.name (text.slice 'x(' 0) }}",
        "(text.slice 'x(' 0)",
        "`x(` is no regular expression: unclosed group",
    );
    failure(
        "{{ size vars.any_text }}",
        "vars.any_text",
        "`text` is no size",
    );
    failure(
        "{{ is_empty (default vars.any.nope 1) }}",
        "(default vars.any.nope 1)",
        "`is_empty` takes a text, a list or an object, and this is an integer",
    );
    failure(
        "a{{ inputs.note }}",
        "inputs.note",
        "`inputs.note` is null, which has no text: `default` gives another value, `json.stringify` its JSON",
    );
    failure(
        "a{{ vars.any.list }}",
        "vars.any.list",
        "`vars.any.list` is a list, which has no text: `json.stringify` gives its JSON",
    );
    failure(
        "{{#if vars.any_text}}x{{/if}}",
        "vars.any_text",
        "a condition is a boolean, and this is a string",
    );
    failure(
        "{{#each vars.any_text as |x|}}x{{/each}}",
        "vars.any_text",
        "`{{#each}}` takes a list, and this is a string",
    );
}

/// Bindings whose item is one value.
struct One(Value);

impl Bindings for One {
    fn get(&self, _: Binding) -> Bound {
        Bound::Value(self.0.clone())
    }
}

#[track_caller]
fn with_item(text: &str, item: Value, expect: &str) {
    let mut diagnostics = Diagnostics::default();
    let parsed = parse_scalar(text, &spans(text), &mut diagnostics).unwrap();
    let checked = check(&parsed, &TestScope, registry(), None, &mut diagnostics).unwrap();
    let found = match evaluate(&checked.compiled, &One(item)) {
        Ok(value) => value.to_string(),
        Err(error) => error.message,
    };
    assert_eq!(found, expect, "{text}");
}

fn one_field(name: &str, value: impl Into<Value>) -> Value {
    Value::Object([(name, value.into())].into_iter().collect())
}

#[test]
fn files_have_fields() {
    let file = || one_field("file", Value::File(FileRef::new("/a/b.csv", 7, None)));
    with_item("{{ item.file.name }}", file(), r#""b.csv""#);
    with_item("{{ item.file.size }}", file(), "7");
    with_item("{{ item.file.media_type }}", file(), "null");
}

#[test]
fn connections_have_a_nickname_and_members_of_sets_an_account() {
    let of = |nickname| {
        one_field(
            "source",
            Value::Connection(ConnectionRef::new("aws_s3", nickname)),
        )
    };
    let member = "org/012345678901";
    with_item(
        "{{ item.source.nickname }}",
        of(member),
        r#""org/012345678901""#,
    );
    with_item("{{ item.source.account }}", of(member), r#""012345678901""#);
    with_item(
        "{{ item.source.account }}",
        of("vault"),
        "`item.source` has no field `account`",
    );
}

#[test]
fn an_unset_field_that_may_be_unset_is_null() {
    // `etag` is declared, and null is left out of the value.
    with_item("{{ cards.one.etag }}", one_field("size", 1_i64), "null");
    with_item(
        "{{ cards.one.size }}",
        one_field("etag", "e"),
        "`cards.one` has no field `size`",
    );
}

#[test]
fn a_text_is_bounded() {
    let item: Value = "x".repeat(1 << 20).into();
    let many: List = (0..17).map(|_| item.clone()).collect();
    let text = "{{#each vars.any as |part|}}{{ part }}{{/each}}";
    let expect = "the text would be larger than 16 MiB; give the value itself to a card that streams it: a slot that is exactly one `{{ … }}`";
    with_item(text, many.into(), expect);
}

#[test]
fn the_element_of_a_place_is_it() {
    let text = "text.upper it";
    let mut diagnostics = Diagnostics::default();
    let parsed = parse_bare(text, &spans(text), &mut diagnostics).unwrap();
    let element = Type::string();
    let checked = check(
        &parsed,
        &TestScope,
        registry(),
        Some(&element),
        &mut diagnostics,
    )
    .unwrap();
    let value = evaluate(&checked.compiled, &TestBindings).unwrap();
    assert_eq!(value.to_string(), r#""AN ELEMENT""#);
    let text = "list.map inputs.names (list.filter inputs.names (ne it 'x'))";
    let parsed = parse_bare(text, &spans(text), &mut diagnostics).unwrap();
    let checked = check(
        &parsed,
        &TestScope,
        registry(),
        Some(&element),
        &mut diagnostics,
    )
    .unwrap();
    let value = evaluate(&checked.compiled, &TestBindings).unwrap();
    assert_eq!(value.to_string(), r#"[["Ada","Grace"],["Ada","Grace"]]"#);
}
