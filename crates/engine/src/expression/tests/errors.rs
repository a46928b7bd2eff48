//! What is told of expressions that mean nothing, whole.

use super::*;

/// The diagnostics of each text, as scalars.
fn scalars(texts: &[&str]) -> String {
    each(parse_scalar, texts)
}

/// The diagnostics of each text, as expression places.
fn bares(texts: &[&str]) -> String {
    each(parse_bare, texts)
}

fn each(parser: Parser, texts: &[&str]) -> String {
    texts
        .iter()
        .map(|text| match run(parser, text) {
            Ok((ty, _)) => format!("{text} is right: {ty}\n"),
            Err(lines) => lines,
        })
        .collect()
}

#[test]
fn what_handlebars_has_and_flows_do_not() {
    insta::assert_snapshot!(scalars(&[
        "{{> header }}", "{{#> layout }}x{{/layout}}", "{{* inline }}", "{{#* inline }}x{{/inline}}",
        "{{{{ raw }}}}", "a {{{ inputs.name }}}", "{{& inputs.name }}", "{{^}}",
        "{{ ../name }}", "{{ ./name }}", "{{ @root.name }}", "{{ @index }}", "{{ @key }}",
        "{{ this }}", "{{ this.key }}", "{{ inputs.this }}", "{{ text:upper inputs.name }}",
        "{{ inputs/name }}", "{{ text.slice inputs.name from=1 from=2 }}",
        "{{ inputs.names.[0] }}", "{{ inputs.names[0] }}", "{{#with inputs}}x{{/with}}",
        "{{#each inputs.names}}x{{/each}}", "{{else if}}", "{{#each inputs.names as |n|}}{{else if true}}{{/each}}",
        "{{~! c }}",
    ]), @r#"
    f:1:3: error[expression-feature]: partials are not part of the language
      at `>`, help: write what is used more than once under `vars`, and read it as `{{ vars.NAME }}`
    f:1:3: error[expression-feature]: partials are not part of the language
      at `#>`, help: write what is used more than once under `vars`, and read it as `{{ vars.NAME }}`
    f:1:3: error[expression-feature]: decorators are not part of the language
      at `*`, help: write a function, such as `{{ text.upper inputs.name }}`
    f:1:3: error[expression-feature]: decorators are not part of the language
      at `#*`, help: write a function, such as `{{ text.upper inputs.name }}`
    f:1:1: error[expression-feature]: raw blocks are not part of the language
      at `{{{{`, help: write `\{{` where two braces are meant as text
    f:1:3: error[expression-feature]: triple braces are not part of the language
      at `{{{`, help: write `{{ … }}`: nothing is ever escaped; for a brace before a value, `{ {{ … }}`
    f:1:3: error[expression-feature]: `{{& … }}` is not part of the language
      at `&`, help: write `{{ … }}`: nothing is ever escaped
    f:1:3: error[expression-feature]: `{{^ … }}` is not part of the language
      at `^`, help: write `{{else}}`, or `{{#unless …}}` for a block
    f:1:4: error[expression-feature]: `../` is not part of the language
      at `../`, help: every name is seen from everywhere inside: write it without `../`
    f:1:4: error[expression-feature]: `./` is not part of the language
      at `./`, help: write the whole name, such as `inputs.name`
    f:1:4: error[expression-feature]: `@root` is not part of the language
      at `@root`, help: write the whole name, such as `inputs.name`
    f:1:4: error[expression-feature]: `@index` is not part of the language
      at `@index`, help: write `index`, or the second name in `{{#each … as |item index|}}`
    f:1:4: error[expression-feature]: `@` is not part of the language
      at `@`, help: write the name that `as` gives: `{{#each … as |item index|}}`
    f:1:4: error[expression-feature]: `this` is not part of the language
      at `this`, help: write the item's name: `item` or what `as` names in a loop, the name between the bars in `{{#each … as |name|}}`, `it` in a function over elements
    f:1:4: error[expression-feature]: `this` is not part of the language
      at `this`, help: write the item's name: `item` or what `as` names in a loop, the name between the bars in `{{#each … as |name|}}`, `it` in a function over elements
    f:1:11: error[expression-feature]: `this` is not part of the language
      at `this`, help: write the item's name: `item` or what `as` names in a loop, the name between the bars in `{{#each … as |name|}}`, `it` in a function over elements
    f:1:8: error[expression-feature]: `:` is not part of the language
      at `:`, help: write a dot between the names of a path, such as `inputs.name` or `text.upper`
    f:1:10: error[expression-feature]: `/` is not part of the language
      at `/`, help: write a dot between the names of a path, or a function such as `number.divide a b`
    f:1:34: error[expression-feature]: the argument `from` is given twice
      at `from`, help: give it once
    f:1:17: error[expression-feature]: `[` is not part of the language
      at `[`, help: write `list.first` or `list.slice` for items of a list; to loop over them, `for_each`
    f:1:16: error[expression-feature]: `[` is not part of the language
      at `[`, help: write `list.first` or `list.slice` for items of a list; to loop over them, `for_each`
    f:1:1: error[expression-feature]: there is no text block `with`
      at `{{#with inputs}}`, help: the text blocks are `{{#if …}}`, `{{#unless …}}` and `{{#each … as |name|}}`
    f:1:1: error[expression-syntax]: an `each` block names its item
      at `{{#each inputs.names}}`, help: write `{{#each LIST as |item_name|}}`, or `{{#each LIST as |item_name index_name|}}`
    f:1:1: error[expression-syntax]: `{{else}}` outside a text block
      at `{{else if}}`, help: it stands between `{{#if …}}` and `{{/if}}`
    f:1:30: error[expression-feature]: this `else` is not part of the language
      at `{{else if true}}`, help: write `{{else}}`, and in an `if` also `{{else if …}}` or `{{else unless …}}`
    f:1:1: error[expression-feature]: a comment takes no `~`
      at `{{~!`, help: write `{{! … }}`: a comment on a line of its own leaves no empty line
    "#);
}

#[test]
fn what_other_languages_have_and_flows_do_not() {
    insta::assert_snapshot!(bares(&[
        "inputs.name == 'x'", "inputs.name === 'x'", "inputs.name != 'x'", "inputs.count > 1",
        "inputs.count >= 1", "inputs.count < 1", "inputs.count <= 1", "true && false", "true || false",
        "inputs.name | upper", "inputs.note ?? 'x'", "inputs.flag ? 1 : 2", "!inputs.flag",
        "inputs.count + 1", "inputs.count - 1", "inputs.count * 1", "inputs.count / 2", "inputs.count % 2",
        "eq(inputs.name, 'x')", "$inputs.name", "{ a: 1 }", "\u{201c}x\u{201d}", "`x`", "#if x",
        "inputs.name = 'x'",
    ]), @r#"
    f:1:13: error[expression-feature]: `==` is not part of the language
      at `==`, help: write `eq a b`
    f:1:13: error[expression-feature]: `===` is not part of the language
      at `===`, help: write `eq a b`
    f:1:13: error[expression-feature]: `!=` is not part of the language
      at `!=`, help: write `ne a b`
    f:1:14: error[expression-feature]: `>` is not part of the language
      at `>`, help: write `gt a b`
    f:1:14: error[expression-feature]: `>=` is not part of the language
      at `>=`, help: write `gte a b`
    f:1:14: error[expression-feature]: `<` is not part of the language
      at `<`, help: write `lt a b`
    f:1:14: error[expression-feature]: `<=` is not part of the language
      at `<=`, help: write `lte a b`
    f:1:6: error[expression-feature]: `&&` is not part of the language
      at `&&`, help: write `and a b`
    f:1:6: error[expression-feature]: `||` is not part of the language
      at `||`, help: write `or a b`, or `default a b` for a value that may be missing
    f:1:13: error[expression-feature]: `|` is not part of the language
      at `|`, help: write the function first, such as `text.upper (text.trim inputs.name)`
    f:1:13: error[expression-feature]: `??` is not part of the language
      at `??`, help: write `default a b`
    f:1:13: error[expression-feature]: `?` is not part of the language
      at `?`, help: write `default a b` for a value that may be missing
    f:1:1: error[expression-feature]: `!` is not part of the language
      at `!`, help: write `not a`
    f:1:14: error[expression-feature]: `+` is not part of the language
      at `+`, help: write a function, such as `number.add a b`
    f:1:14: error[expression-feature]: `-` is not part of the language
      at `-`, help: write a function, such as `number.subtract a b`
    f:1:14: error[expression-feature]: `*` is not part of the language
      at `*`, help: write a function, such as `number.multiply a b`
    f:1:14: error[expression-feature]: `/` is not part of the language
      at `/`, help: write a dot between the names of a path, or a function such as `number.divide a b`
    f:1:14: error[expression-feature]: `%` is not part of the language
      at `%`, help: write a function of numbers, such as `number.divide a b`
    f:1:15: error[expression-feature]: `,` is not part of the language
      at `,`, help: separate arguments by spaces: `eq a b`
    f:1:1: error[expression-feature]: `$` is not part of the language
      at `$`, help: write `{{ … }}` and the name alone, such as `inputs.name`
    f:1:1: error[expression-feature]: `{` is not part of the language
      at `{`, help: an object is written in YAML, with an expression for each value
    f:1:1: error[expression-feature]: `“` is not part of the language
      at `“`, help: write a text in straight quotes: `"text"`
    f:1:1: error[expression-feature]: ``` is not part of the language
      at ```, help: write a text in single or double quotes
    f:1:1: error[expression-feature]: `#` is not part of the language
      at `#`, help: a text block gives a text and stands in one; here stands one value
    f:1:13: error[expression-syntax]: this `=` has no name before it
      at `=`, help: an argument has the form `name=value`; to compare, write `eq a b`
    "#);
    insta::assert_snapshot!(scalars(&["${{ inputs.name }}", "a${{ inputs.name }}"]), @r#"
    f:1:1: error[expression-feature]: `${{ … }}` is not part of the language
      at `${{`, help: write `{{ … }}`; where a dollar sign is meant, `{{ '$' }}{{ … }}`
    f:1:2: error[expression-feature]: `${{ … }}` is not part of the language
      at `${{`, help: write `{{ … }}`; where a dollar sign is meant, `{{ '$' }}{{ … }}`
    "#);
}

#[test]
fn what_cannot_be_parsed() {
    insta::assert_snapshot!(scalars(&[
        "{{ }}", "{{ inputs.name", "a }} {{", "{{ text.upper 'x }} b", "{{ text.upper {{ inputs.name }} }}",
        "{{ text.upper inputs.name) }}", "{{ (text.upper inputs.name }}", "{{ ( }}", "{{ () }}",
        "{{ inputs. }}", "{{ inputs..name }}", "{{ 5GiB }}", "{{ 2026-11-23 }}", "{{ 007 }}",
        "{{ 18446744073709551616 }}", "{{ 1e999 }}", "{{ 'a' 'b' }}", "{{ (inputs.name) 'b' }}",
        "{{ text.slice from=1 inputs.name }}", "{{ text.slice from= }}", "{{ = }}", r"{{ \. }}", "{{ } }}",
        "{{! x", "{{!-- x }}", "{{#if true}}", "{{/if}}", "{{else}}", "{{#if true}}{{/each}}",
        "{{#if true}}{{else}}{{else}}{{/if}}", "{{#if}}{{/if}}", "{{#each inputs.names as |a a|}}{{/each}}",
        "{{#each inputs.names as ||}}{{/each}}", "{{#each inputs.names as |item|}}{{/each}}",
        "{{#each inputs.names as |a, b|}}{{/each}}", "{{#each as |a|}}{{/each}}",
    ]), @r#"
    f:1:3: error[expression-syntax]: an expression is missing
      at ` `, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    f:1:1: error[expression-syntax]: `{{` without `}}`
      at `{{`, help: close the expression with `}}`; write `\{{` where two braces are meant as text
    f:1:6: error[expression-syntax]: `{{` without `}}`
      at `{{`, help: close the expression with `}}`; write `\{{` where two braces are meant as text
    f:1:15: error[expression-syntax]: the text that starts here has no end
      at `'`, help: close it with the same quote; a text that holds one kind of quote stands in the other kind
    f:1:15: error[expression-syntax]: `{{` inside `{{ … }}`
      at `{{`, help: the braces stand once, around the whole expression; write `( … )` for a part of it
    f:1:26: error[expression-syntax]: this `)` closes nothing
      at `)`, help: take it away, or open it with `(`
    f:1:4: error[expression-syntax]: this `(` is not closed
      at `(`, help: write `)` where the part ends
    f:1:4: error[expression-syntax]: this `(` is not closed
      at `(`, help: write `)` where the part ends
    f:1:4: error[expression-syntax]: nothing stands between these parentheses
      at `()`, help: write an expression there, or take them away
    f:1:10: error[expression-syntax]: a name is missing after this dot
      at `.`, help: write the name of the field, such as `cards.found.objects`
    f:1:10: error[expression-syntax]: a name is missing after this dot
      at `.`, help: write the name of the field, such as `cards.found.objects`
    f:1:4: error[expression-syntax]: `5GiB` is no number
      at `5GiB`, help: write `'5GiB'` where it is a text
    f:1:4: error[expression-syntax]: `2026-11-23` is no number
      at `2026-11-23`, help: write `'2026-11-23'` where it is a text
    f:1:4: error[expression-syntax]: `007` is no number
      at `007`, help: write `'007'` where it is a text
    f:1:4: error[expression-syntax]: the number 18446744073709551616 is out of range
      at `18446744073709551616`, help: integers go from -9223372036854775808 to 18446744073709551615
    f:1:4: error[expression-syntax]: `1e999` is no number
      at `1e999`, help: write `'1e999'` where it is a text
    f:1:4: error[expression-syntax]: only a function takes arguments, and it stands first
      at `'a' 'b' `, help: write the function's name before them, such as `eq inputs.a inputs.b`
    f:1:4: error[expression-syntax]: only a function takes arguments, and it stands first
      at `(inputs.name) 'b' `, help: write the function's name before them, such as `eq inputs.a inputs.b`
    f:1:22: error[expression-syntax]: an argument without a name after one with a name
      at `inputs.name `, help: write the arguments in order first, then those as `name=value`
    f:1:20: error[expression-syntax]: a value is missing here
      at ` `, help: an argument has the form `name=value`
    f:1:4: error[expression-syntax]: this `=` has no name before it
      at `=`, help: an argument has the form `name=value`; to compare, write `eq a b`
    f:1:4: error[expression-syntax]: a `\` outside a text
      at `\`, help: texts stand in quotes, and a `\` in them is itself: `'\.csv$'`
    f:1:4: error[expression-syntax]: a single `}` in an expression
      at `}`, help: close the expression with `}}`
    f:1:1: error[expression-syntax]: this comment has no end
      at `{{`, help: close it with `}}`
    f:1:1: error[expression-syntax]: this comment has no end
      at `{{`, help: close it with `--}}`
    f:1:1: error[expression-syntax]: `{{#if}}` is not closed
      at `{{#if true}}`, help: write `{{/if}}` where the block ends
    f:1:1: error[expression-syntax]: `{{/if}}` closes nothing
      at `{{/if}}`, help: take it away, or write `{{#if …}}` where the block starts
    f:1:1: error[expression-syntax]: `{{else}}` outside a text block
      at `{{else}}`, help: it stands between `{{#if …}}` and `{{/if}}`
    f:1:13: error[expression-syntax]: `{{/each}}` closes a block that started as `if`
      at `{{/each}}`, help: write `{{/if}}`
    f:1:21: error[expression-syntax]: a second `{{else}}` in one block
      at `{{else}}`, help: only the last branch is a plain `{{else}}`; write `{{else if …}}` for the ones before it
    f:1:6: error[expression-syntax]: an expression is missing
      at ``, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    f:1:26: error[expression-syntax]: an `each` block gives one or two different names
      at `a a`, help: write `as |item_name|`, or `as |item_name index_name|`
    f:1:26: error[expression-syntax]: an `each` block gives one or two different names
      at ``, help: write `as |item_name|`, or `as |item_name index_name|`
    f:1:26: error[expression-syntax]: `item` cannot name an item
      at `item`, help: choose a name of letters, digits, `_` and `-` that is not a word of the language
    f:1:26: error[expression-syntax]: `a,` cannot name an item
      at `a, b`, help: choose a name of letters, digits, `_` and `-` that is not a word of the language
    f:1:8: error[expression-syntax]: an expression is missing
      at ` `, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    "#);
    insta::assert_snapshot!(bares(&[
        "", "  ", "gt {{ inputs.count }} 0", "{{ inputs.count }} {{ inputs.count }}", "a {{ inputs.count }}",
        "{{#if true}}x{{/if}}", "{{ inputs.count", "'x", "inputs.name)", "eq inputs.name\u{a0}'x'",
    ]), @r#"
    f:1:1: error[expression-syntax]: an expression is missing
      at ``, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    f:1:1: error[expression-syntax]: an expression is missing
      at `  `, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    f:1:1: error[expression-syntax]: one expression belongs here, not a text with expressions in it
      at `gt {{ inputs.count }} 0`, help: write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces
    f:1:1: error[expression-syntax]: one expression belongs here, not a text with expressions in it
      at `{{ inputs.count }} {{ inputs.count }}`, help: write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces
    f:1:1: error[expression-syntax]: one expression belongs here, not a text with expressions in it
      at `a {{ inputs.count }}`, help: write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces
    f:1:1: error[expression-syntax]: one expression belongs here, not a text with expressions in it
      at `{{#if true}}x{{/if}}`, help: write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces
    f:1:1: error[expression-syntax]: `{{` without `}}`
      at `{{`, help: close the expression with `}}`; write `\{{` where two braces are meant as text
    f:1:1: error[expression-syntax]: the text that starts here has no end
      at `'`, help: close it with the same quote; a text that holds one kind of quote stands in the other kind
    f:1:12: error[expression-syntax]: this `)` closes nothing
      at `)`, help: take it away, or open it with `(`
    f:1:15: error[expression-syntax]: `\u{a0}` is not expected here
      at ` `, help: name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`
    "#);
}

#[test]
fn what_is_too_large() {
    let long = format!("{{{{ '{}' }}}}", "x".repeat(16 << 10));
    let deep = format!("{}1{}", "(".repeat(33), ")".repeat(33));
    let blocks = format!("{}{}", "{{#if true}}".repeat(33), "{{/if}}".repeat(33));
    let chain = format!(
        "{{{{#if true}}}}{}{{{{/if}}}}",
        "{{else if true}}".repeat(32)
    );
    let both = format!(
        "{}{{{{ {} }}}}{}",
        "{{#if true}}".repeat(30),
        "(((1)))",
        "{{/if}}".repeat(30)
    );
    let text = format!("{}{{{{#if true}}}}{{{{/if}}}}", "x".repeat(16 << 10));
    let lines = |parser, text: &String| {
        let line = each(parser, &[text]);
        let (line, _) = line.split_once('\n').unwrap();
        format!("{line}\n")
    };
    let all = [
        lines(parse_scalar, &long),
        lines(parse_bare, &long),
        lines(parse_bare, &deep),
        lines(parse_scalar, &blocks),
        lines(parse_scalar, &chain),
        lines(parse_scalar, &both),
        lines(parse_scalar, &text),
    ];
    insta::assert_snapshot!(all.concat(), @r#"
    f:1:1: error[expression-too-large]: the expression is larger than 16 KiB
    f:1:1: error[expression-too-large]: the expression is larger than 16 KiB
    f:1:33: error[expression-too-large]: the expression is nested deeper than 32 levels
    f:1:385: error[expression-too-large]: the expression is nested deeper than 32 levels
    f:1:509: error[expression-too-large]: the expression is nested deeper than 32 levels
    f:1:366: error[expression-too-large]: the expression is nested deeper than 32 levels
    f:1:1: error[expression-too-large]: a text with blocks in it is larger than 16 KiB
    "#);
    // One less of each is fine.
    let deep = format!("{}1{}", "(".repeat(32), ")".repeat(32));
    assert!(run(parse_bare, &deep).is_ok());
    let blocks = format!("{}{}", "{{#if true}}".repeat(32), "{{/if}}".repeat(32));
    assert!(run(parse_scalar, &blocks).is_ok());
}

#[test]
fn names_that_mean_nothing() {
    insta::assert_snapshot!(bares(&[
        "input.name", "nope", "inputs", "inputs.nam", "inputs.tags.envv", "inputs.tags.a.b", "cards.one.nope",
        "cards.found.objects.key", "cards.found.objects.0", "inputs.name.length", "item.file.nme",
        "it", "list.filter inputs.names it.size", "index.x",
    ]), @r#"
    f:1:1: error[unknown-root]: there is no `input`
      at `input`, help: did you mean `inputs`?
    f:1:1: error[unknown-root]: there is no `nope`
      at `nope`, help: -
    f:1:1: error[unknown-name]: `inputs` holds values and is none itself
      at `inputs`, help: name one of them: `inputs.NAME`
    f:1:8: error[unknown-name]: there is no `nam` under `inputs`
      at `nam`, help: did you mean `name`?
    f:1:13: error[unknown-field]: `inputs.tags` has no field `envv`
      at `envv`, help: did you mean `env`?
    f:1:13: error[unknown-field]: `inputs.tags` has no field `a`
      at `a`, help: it has `env`, `cost-center`
    f:1:11: error[unknown-field]: `cards.one` has no field `nope`
      at `nope`, help: it has `etag`, `size`
    f:1:21: error[unknown-field]: `cards.found.objects` is a list, so it has no field `key`
      at `key`, help: to read it of every item, loop with `for_each: cards.found.objects`, or write `list.map cards.found.objects it.key`
    f:1:21: error[unknown-field]: `cards.found.objects` is a list, so it has no field `0`
      at `0`, help: write `list.first cards.found.objects` or `list.slice cards.found.objects` for items of it; to loop over them, `for_each`
    f:1:13: error[unknown-field]: `inputs.name` is a string, so it has no field `length`
      at `length`, help: write `inputs.name`
    f:1:11: error[unknown-field]: `item.file` has no field `nme`
      at `nme`, help: did you mean `name`?
    f:1:1: error[root-not-here]: there is no `it` here
      at `it`, help: `it` is the element in an argument of a function over elements, such as `list.filter inputs.names (starts_with it 'A')`; the item of a loop is `item` or what `as` names
    f:1:29: error[unknown-field]: `it` is a string, so it has no field `size`
      at `size`, help: write `it`
    f:1:7: error[unknown-field]: `index` is an integer, so it has no field `x`
      at `x`, help: write `index`
    "#);
    insta::assert_snapshot!(scalars(&[
        "{{#each inputs.names as |name|}}{{ nam }}{{ name.x }}{{/each}}{{ name }}",
    ]), @r#"
    f:1:36: error[unknown-root]: there is no `nam`
      at `nam`, help: did you mean `name`?
    f:1:50: error[unknown-field]: `name` is a string, so it has no field `x`
      at `x`, help: write `name`
    f:1:66: error[unknown-root]: there is no `name`
      at `name`, help: -
    "#);
}

#[test]
fn functions_that_do_not_exist() {
    insta::assert_snapshot!(bares(&[
        "text.uper inputs.name", "upper inputs.name", "inputs.name 'x'", "item.key 1", "text.upper", "eq",
        "size", "equals 1 nope", "text.frobnicate (inputs.nope) it",
    ]), @r#"
    f:1:1: error[unknown-function]: there is no function `text.uper`
      at `text.uper`, help: did you mean `text.upper`?
    f:1:1: error[unknown-function]: there is no function `upper`
      at `upper`, help: did you mean `text.upper`?
    f:1:1: error[unknown-function]: `inputs.name` is a value, not a function
      at `inputs.name`, help: a value takes no arguments; a function stands first, such as `default inputs.name 'x'`
    f:1:1: error[unknown-function]: `item.key` is a value, not a function
      at `item.key`, help: a value takes no arguments; a function stands first, such as `default item.key 'x'`
    f:1:1: error[wrong-arguments]: `text.upper` needs the argument `text`
      at `text.upper`, help: write `text.upper text`
    f:1:1: error[wrong-arguments]: `eq` takes two arguments
      at `eq`, help: write `eq a b`
    f:1:1: error[wrong-arguments]: `size` takes one argument
      at `size`, help: write `size '64MiB'`
    f:1:1: error[unknown-function]: there is no function `equals`
      at `equals`, help: `flowrun cards` lists the functions
    f:1:10: error[unknown-root]: there is no `nope`
      at `nope`, help: -
    f:1:1: error[unknown-function]: there is no function `text.frobnicate`
      at `text.frobnicate`, help: `flowrun cards` lists the functions
    f:1:25: error[unknown-name]: there is no `nope` under `inputs`
      at `nope`, help: did you mean `note`?
    "#);
}

#[test]
fn arguments_that_do_not_fit() {
    insta::assert_snapshot!(bares(&[
        "text.upper inputs.name 1 2", "text.slice inputs.name", "text.slice inputs.name 1 form=2",
        "text.slice inputs.name 1 text='x'", "text.slice inputs.name x=1",
        "text.slice inputs.name 'x'", "text.upper inputs.names", "text.join cards.found.objects",
        "date.weekday 'x'", "list.filter inputs.names it", "list.filter inputs.count true",
        "eq 1", "and true", "not true false", "eq a=1 b=2", "default inputs.note", "text.upper null",
        "logic.if 'x' 1 2",
    ]), @r#"
    f:1:24: error[wrong-arguments]: `text.upper` takes one argument, and this is one more
      at `1`, help: write `text.upper text`
    f:1:1: error[wrong-arguments]: `text.slice` needs the argument `from`
      at `text.slice`, help: write `text.slice text from [to]`
    f:1:26: error[wrong-arguments]: `text.slice` has no argument `form`
      at `form`, help: did you mean `from`?
    f:1:26: error[wrong-arguments]: the argument `text` of `text.slice` is given twice
      at `text`, help: write `text.slice text from [to]`
    f:1:24: error[wrong-arguments]: `text.slice` has no argument `x`
      at `x`, help: write `text.slice text from [to]`
    f:1:24: error[expression-type]: `from` of `text.slice` takes an integer, and this is a string
      at `'x'`, help: write `text.slice text from [to]`
    f:1:12: error[expression-type]: `text` of `text.upper` takes a string, and this is a list of strings
      at `inputs.names`, help: write `text.upper text`
    f:1:11: error[expression-type]: `list` of `text.join` takes a list of strings, and this is a list of objects
      at `cards.found.objects`, help: write `text.join list`
    f:1:14: error[expression-type]: `date` of `date.weekday`: `x` is no date
      at `'x'`, help: write `date.weekday date`
    f:1:26: error[expression-type]: `where` of `list.filter` takes a boolean, and this is a string
      at `it`, help: write `list.filter list where`
    f:1:13: error[expression-type]: `list` of `list.filter` takes a list, and this is an integer
      at `inputs.count`, help: write `list.filter list where`
    f:1:1: error[wrong-arguments]: `eq` takes two arguments
      at `eq`, help: write `eq a b`
    f:1:1: error[wrong-arguments]: `and` takes at least two arguments
      at `and`, help: write `and a b`
    f:1:1: error[wrong-arguments]: `not` takes one argument
      at `not`, help: write `not a`
    f:1:4: error[wrong-arguments]: `eq` takes its arguments without names
      at `a`, help: write `eq a b`
    f:1:1: error[wrong-arguments]: `default` takes two arguments
      at `default`, help: write `default value other`
    f:1:12: error[expression-type]: `text` of `text.upper` takes a string, and this is null
      at `null`, help: write `text.upper text`
    f:1:10: error[expression-type]: `condition` of `logic.if` takes a boolean, and this is a string
      at `'x'`, help: write `logic.if condition then else`
    "#);
}

#[test]
fn comparisons_that_can_never_hold() {
    insta::assert_snapshot!(bares(&[
        "eq inputs.account 12345678901", "eq inputs.count '3'", "eq inputs.name inputs.names", "ne inputs.flag 'true'",
        "gt inputs.names inputs.names", "gt inputs.count inputs.name", "gt inputs.note null", "gt inputs.flag true",
        "eq inputs.mode_enum 'FASST'", "eq 'slow' inputs.mode_enum", "gt inputs.later_at 'yesterday'",
        "gt inputs.wait_for inputs.day_on", "eq inputs.later_at 5", "lt inputs.min_size 'big'",
        "in 1 inputs.names", "in 'a' 'abc'", "contains inputs.names 1", "contains inputs.count 1",
        "contains 'abc' inputs.names", "and inputs.name true", "not inputs.count", "is_empty inputs.count",
        "starts_with inputs.names 'x'", "matches inputs.name '('", "glob inputs.name '{a'",
        "matches inputs.name '(x{100}{100}{100})'", "size 'big'", "size true", "size inputs.names",
        "eq connections.source inputs.name",
    ]), @r#"
    f:1:1: error[expression-type]: `eq` cannot compare a string with an integer
      at `eq inputs.account 12345678901`, help: write the number as a text: `'12345678901'`
    f:1:1: error[expression-type]: `eq` cannot compare an integer with a string
      at `eq inputs.count '3'`, help: write the number without quotes: `3`
    f:1:1: error[expression-type]: `eq` cannot compare a string with a list of strings
      at `eq inputs.name inputs.names`, help: compare values of one kind
    f:1:1: error[expression-type]: `ne` cannot compare a boolean with a string
      at `ne inputs.flag 'true'`, help: compare values of one kind
    f:1:4: error[expression-type]: a list of strings has no order
      at `inputs.names`, help: numbers, texts, datetimes, durations and sizes have one
    f:1:17: error[expression-type]: a list of strings has no order
      at `inputs.names`, help: numbers, texts, datetimes, durations and sizes have one
    f:1:1: error[expression-type]: `gt` cannot compare an integer with a string
      at `gt inputs.count inputs.name`, help: compare values of one kind
    f:1:16: error[expression-type]: null has no order
      at `null`, help: numbers, texts, datetimes, durations and sizes have one
    f:1:4: error[expression-type]: a boolean has no order
      at `inputs.flag`, help: numbers, texts, datetimes, durations and sizes have one
    f:1:16: error[expression-type]: a boolean has no order
      at `true`, help: numbers, texts, datetimes, durations and sizes have one
    f:1:21: error[expression-type]: `FASST` is never equal to one of `FAST`, `CAREFUL`
      at `'FASST'`, help: did you mean `FAST`?
    f:1:4: error[expression-type]: `slow` is never equal to one of `FAST`, `CAREFUL`
      at `'slow'`, help: write one of them
    f:1:20: error[expression-type]: `yesterday` is not a datetime
      at `'yesterday'`, help: write a datetime, such as `'2026-11-23T10:00:00Z'`
    f:1:1: error[expression-type]: `gt` cannot compare a duration with a date
      at `gt inputs.wait_for inputs.day_on`, help: compare values of one kind
    f:1:1: error[expression-type]: `eq` cannot compare a datetime with an integer
      at `eq inputs.later_at 5`, help: compare values of one kind
    f:1:20: error[expression-type]: `big` is not a size
      at `'big'`, help: write a size, such as `'64MiB'`
    f:1:1: error[expression-type]: `in` cannot compare a string with an integer
      at `in 1 inputs.names`, help: write the number as a text: `'1'`
    f:1:8: error[expression-type]: `in` takes a list, and this is a string
      at `'abc'`, help: write `in value list`; `contains text part` looks into a text
    f:1:1: error[expression-type]: `contains` cannot compare a string with an integer
      at `contains inputs.names 1`, help: write the number as a text: `'1'`
    f:1:10: error[expression-type]: `contains` takes a list or a text, and this is an integer
      at `inputs.count`, help: write `contains list value`
    f:1:16: error[expression-type]: `contains` takes texts, and this is a list of strings
      at `inputs.names`, help: write `contains list value`
    f:1:5: error[expression-type]: `and` takes booleans, and this is a string
      at `inputs.name`, help: write a condition, such as `eq a b` or `not (is_empty a)`
    f:1:5: error[expression-type]: `not` takes booleans, and this is an integer
      at `inputs.count`, help: write a condition, such as `eq a b` or `not (is_empty a)`
    f:1:10: error[expression-type]: `is_empty` takes a text, a list or an object, and this is an integer
      at `inputs.count`, help: write `is_empty value`
    f:1:13: error[expression-type]: `starts_with` takes texts, and this is a list of strings
      at `inputs.names`, help: write `starts_with text start`
    f:1:21: error[expression-type]: `(` is no regular expression: unclosed group
      at `'('`, help: write `matches text '^[a-z]+$'`
    f:1:18: error[expression-type]: `{a` is no glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
      at `'{a'`, help: write `glob text '**/*.csv'`
    f:1:21: error[expression-type]: `(x{100}{100}{100})` is no regular expression: compiled regex exceeds size limit of 1048576 bytes
      at `'(x{100}{100}{100})'`, help: write `matches text '^[a-z]+$'`
    f:1:6: error[expression-type]: `big` is no size
      at `'big'`, help: write `size '64MiB'`
    f:1:6: error[expression-type]: a boolean is no size
      at `true`, help: write `size '64MiB'`
    f:1:6: error[expression-type]: a list of strings is no size
      at `inputs.names`, help: write `size '64MiB'`
    f:1:1: error[expression-type]: `eq` cannot compare a connection with a string
      at `eq connections.source inputs.name`, help: compare values of one kind
    "#);
}

#[test]
fn what_has_no_text() {
    insta::assert_snapshot!(scalars(&[
        "a{{ inputs.names }}", "a{{ inputs.tags }}", "a{{ null }}", "a{{ item.file }}", "a{{ connections.source }}",
        "a{{ list.map inputs.names it }}", "{{#if inputs.name}}x{{/if}}", "{{#unless inputs.names}}x{{/unless}}",
        "{{#each inputs.name as |n|}}x{{/each}}", "{{#each inputs.tags as |n|}}x{{/each}}",
    ]), @"
    f:1:5: error[not-text]: a list of strings has no text
      at `inputs.names`, help: write `{{ list.join inputs.names ', ' }}` for its items, or `{{ json.stringify inputs.names }}` for its JSON
    f:1:5: error[not-text]: an object has no text
      at `inputs.tags`, help: write `{{ json.stringify inputs.tags }}` for its JSON
    f:1:5: error[not-text]: null has no text
      at `null`, help: leave it out, or write the text that is meant
    f:1:5: error[not-text]: a file has no text
      at `item.file`, help: name one of its fields, such as `{{ item.file.name }}`
    f:1:5: error[not-text]: a connection has no text
      at `connections.source`, help: a connection is never written into a text; give it to a card's `connection`
    f:1:5: error[not-text]: a list of strings has no text
      at `list.map inputs.names it`, help: write `{{ list.join (…) ', ' }}` for its items, or `{{ json.stringify (…) }}` for its JSON
    f:1:7: error[expression-type]: `{{#if}}` takes a boolean, and this is a string
      at `inputs.name`, help: write a condition, such as `not (is_empty inputs.name)`
    f:1:11: error[expression-type]: `{{#unless}}` takes a boolean, and this is a list of strings
      at `inputs.names`, help: write a condition, such as `not (is_empty inputs.names)`
    f:1:9: error[expression-type]: `{{#each}}` takes a list, and this is a string
      at `inputs.name`, help: name a list, such as `{{#each cards.found.objects as |object|}}`
    f:1:9: error[expression-type]: `{{#each}}` takes a list, and this is an object
      at `inputs.tags`, help: name a list, such as `{{#each cards.found.objects as |object|}}`
    ");
}

#[test]
fn all_errors_of_a_text_are_told() {
    insta::assert_snapshot!(scalars(&[
        "{{ inputs.nam }} {{ a == b }} {{ text.uper 'x' }}",
        "{{ eq inputs.nam (text.uper input.name) }}",
        "{{#if inputs.nope}}{{ a.b }}{{else}}{{ () }}{{ text.upper 1 2 }}{{/if}}",
    ]), @r#"
    f:1:23: error[expression-feature]: `==` is not part of the language
      at `==`, help: write `eq a b`
    f:1:14: error[unknown-name]: there is no `nam` under `inputs`
      at `nam`, help: did you mean `name`?
    f:1:19: error[unknown-function]: there is no function `text.uper`
      at `text.uper`, help: did you mean `text.upper`?
    f:1:29: error[unknown-root]: there is no `input`
      at `input`, help: did you mean `inputs`?
    f:1:40: error[expression-syntax]: nothing stands between these parentheses
      at `()`, help: write an expression there, or take them away
    "#);
}

#[test]
fn spans_point_through_escapes() {
    // A double quoted scalar: `"\t{{ nope }}"`, of which the first two bytes are one of text.
    let source = Source::new("f", r#""\t{{ nope }}""#.to_owned());
    let piece = |text, text_len, source, source_len| crate::source::Piece {
        text,
        text_len,
        source,
        source_len,
    };
    let spans = SpanMap::new(SourceId(0), vec![piece(0, 1, 1, 2), piece(1, 10, 3, 10)]);
    let mut diagnostics = Diagnostics::default();
    let parsed = parse_scalar("\t{{ nope }}", &spans, &mut diagnostics).unwrap();
    check(&parsed, &TestScope, registry(), None, &mut diagnostics);
    insta::assert_snapshot!(render(&diagnostics[0], &source), @r#"
    f:1:7: error[unknown-root]: there is no `nope`
      at `nope`, help: -
    "#);
}
