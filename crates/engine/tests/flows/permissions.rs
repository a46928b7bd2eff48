//! What a flow needs under each of its connections: before a run, and what the sessions of a run
//! are narrowed to.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex},
};

use flowrun_card::{
    BoxFuture, Card, CardError, CardSpec, ConnectionInfo, ConnectionRef, Connections, Ctx, Effect,
    Example, Idempotency, InputError, Partial, PartialConnection, Permission, Permissions, Piece,
    Registry, Resource, Scope, SessionRequest, Value,
};
use flowrun_engine::{CheckOptions, Checked, ConnectionPermissions, Engine, RunStatus, Source};
use insta::assert_snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{cards::Shelf, support::Shelves};

/// An object under a connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Object {
    connection: ConnectionRef<Shelf>,
    bucket: String,
    key: String,
    version: Option<String>,
}

fn need(input: &Partial, action: &'static str, permissions: &mut Permissions) {
    let action = match input.at("version").is_given() {
        true => "test:Version",
        false => action,
    };
    permissions.need(
        input.connection("connection"),
        &[action],
        Resource::object(&input.at("bucket").text(), &input.at("key").text()),
    );
}

#[derive(Debug, Serialize, JsonSchema)]
struct Got {
    bucket: String,
    version: Option<String>,
    key: String,
    keys: Vec<String>,
}

const fn spec(name: &'static str) -> CardSpec {
    CardSpec {
        name,
        title: "A card for tests",
        description: "Stands in a test.",
        effect: Effect::Read,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[],
        rules: &[],
    }
}

/// Reads an object; gives its key.
struct Get;

impl Card for Get {
    type Input = Object;
    type Output = Got;
    type Plan = Object;

    const SPEC: CardSpec = spec("test.get");

    fn check(input: Object) -> Result<Object, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        need(input, "test:Get", permissions);
    }

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, input: &Object, ctx: &Ctx) -> Result<Got, CardError> {
        ctx.session(&input.connection, Scope::whole()).await?;
        Ok(Got {
            bucket: input.bucket.clone(),
            version: input.version.clone(),
            key: input.key.clone(),
            keys: vec!["x/1".to_owned(), "x/2".to_owned()],
        })
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sides {
    source: Object,
    destination: Object,
}

/// Moves an object from one side to the other.
struct Move;

impl Card for Move {
    type Input = Sides;
    type Output = ();
    type Plan = Sides;

    const SPEC: CardSpec = spec("test.move");

    fn check(input: Sides) -> Result<Sides, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        need(&input.at("source"), "test:Get", permissions);
        need(&input.at("destination"), "test:Put", permissions);
    }

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, input: &Sides, ctx: &Ctx) -> Result<(), CardError> {
        for side in [&input.source, &input.destination] {
            ctx.session(&side.connection, Scope::whole()).await?;
        }
        Ok(())
    }
}

/// A card that does not say what it needs.
struct Silent;

impl Card for Silent {
    type Input = Object;
    type Output = ();
    type Plan = Object;

    const SPEC: CardSpec = spec("test.silent");

    fn check(input: Object) -> Result<Object, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(_: &Partial, _: &mut Permissions) {}

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, input: &Object, ctx: &Ctx) -> Result<(), CardError> {
        ctx.session(&input.connection, Scope::whole()).await?;
        let less = Scope::policy("less");
        ctx.session(&input.connection, less).await?;
        Ok(())
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry).unwrap();
    registry
        .card(Get)
        .and_then(|registry| registry.card(Move))
        .and_then(|registry| registry.card(Silent))
        .unwrap();
    registry
}

const CONNECTIONS: &str = "connections: { a: demo-reports, b: demo-vault, mail: mail }\n";

/// Checks a flow with two connections of the cards' kind and one of another.
fn checked(flow: &str) -> Checked {
    let engine = Engine::builder()
        .registry(registry())
        .connections(Shelves)
        .build();
    let text = match flow.contains("connections:") {
        true => format!("flow: f\n{flow}"),
        false => format!("flow: f\n{CONNECTIONS}{flow}"),
    };
    engine.check("f", text.as_bytes(), &CheckOptions::default())
}

/// Each connection, and below it what is needed with the place that made it dynamic.
fn needs(flow: &str, inputs: &[(&str, &str)]) -> String {
    let Checked {
        source,
        plan,
        diagnostics,
    } = checked(flow);
    let plan = plan.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let inputs: BTreeMap<String, Value> = inputs
        .iter()
        .map(|(name, text)| {
            let value = plan.read_input(name, text, Path::new("/flows"));
            ((*name).to_owned(), value.unwrap())
        })
        .collect();
    match plan.permissions(&inputs, &Shelves) {
        Ok(found) => table(&found, &source),
        Err(invalid) => invalid.to_string(),
    }
}

fn table(found: &[ConnectionPermissions], source: &Source) -> String {
    let mut lines = Vec::new();
    for connection in found {
        let aliases = connection.aliases.join(", ");
        let nickname = connection.nickname.as_deref().unwrap_or("?");
        lines.push(format!("{aliases} = {} {nickname}", connection.kind));
        for needed in &connection.permissions {
            let permission = &needed.permission;
            let mut line = format!(
                "  {}: {} {}",
                needed.card,
                permission.actions.join(","),
                permission.resource
            );
            for span in needed.dynamic() {
                let at = source.position(span.start);
                let text = source.slice(span);
                write!(line, " ({}:{} {text})", at.line, at.column).unwrap();
            }
            match &permission.connection {
                Some(PartialConnection::Known(known)) => {
                    assert_eq!(known.nickname(), nickname, "{line}");
                }
                Some(PartialConnection::Unknown(_)) => line.push_str(" any"),
                None => assert_eq!(nickname, "?", "{line}"),
            }
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// One card with this input under `a`; gives what stands below `a`.
fn get(head: &str, with: &str, inputs: &[(&str, &str)]) -> String {
    let flow = format!("{head}cards:\n  got: {{ card: test.get, connection: a, with: {with} }}\n");
    let needs = needs(&flow, inputs);
    let below = needs
        .strip_prefix("a = shelf demo-reports\n  got: ")
        .and_then(|rest| rest.strip_suffix("\nb = shelf demo-vault\nmail = smtp mail"));
    below.unwrap_or(&needs).replace("arn:aws:s3:::", "")
}

#[test]
fn what_is_known_before_the_run_is_exact_and_all_else_a_wildcard() {
    const HEAD: &str = "\
inputs:
  day: { type: date, default: '2026-11-23' }
  name: { type: string }
  note: { type: string, required: false }
vars:
  base: reports
  start: 'daily/{{ inputs.day }}'
  whole: { bucket: reports, key: '{{ inputs.name }}' }
";
    const DAY: (&str, &str) = ("day", "2026-01-01");
    let mut told = String::new();
    for (with, inputs) in [
        // Literals, also where IAM has wildcards.
        ("{ bucket: reports, key: 'a*b' }", &[][..]),
        ("{ bucket: reports, key: 7 }", &[]),
        ("{ bucket: reports, key: k, version: v }", &[]),
        // Expressions over literals and vars.
        (
            "{ bucket: '{{ vars.base }}', key: '{{ text.upper vars.base }}' }",
            &[],
        ),
        (
            "{ bucket: '{{ vars.whole.bucket }}-x', key: '{{ run.flow }}' }",
            &[],
        ),
        // An input has another value in another run, with a default too.
        ("{ bucket: reports, key: '{{ inputs.day }}' }", &[]),
        ("{ bucket: reports, key: '{{ inputs.day }}' }", &[DAY]),
        ("{ bucket: reports, key: 'daily/{{ inputs.day }}/a' }", &[]),
        (
            "{ bucket: reports, key: 'daily/{{ inputs.day }}/a' }",
            &[DAY],
        ),
        ("{ bucket: reports, key: '{{ inputs.day }}/a' }", &[]),
        (
            "{ bucket: 'b-{{ vars.base }}-{{ inputs.name }}', key: '{{ text.upper inputs.name }}' }",
            &[],
        ),
        (
            "{ bucket: 'b-{{ vars.base }}-{{ inputs.name }}', key: '{{ text.upper inputs.name }}' }",
            &[("name", "n")],
        ),
        // What stands in for an input that is not known is not known either.
        (
            "{ bucket: reports, key: \"{{ default inputs.note 'none' }}\" }",
            &[],
        ),
        (
            "{ bucket: reports, key: k, version: '{{ inputs.note }}' }",
            &[],
        ),
        (
            "{ bucket: reports, key: k, version: '{{ inputs.note }}' }",
            &[("note", "v")],
        ),
        // A var is known as far as what it reads, and says what made it dynamic.
        ("{ bucket: reports, key: '{{ vars.start }}' }", &[]),
        ("{ bucket: reports, key: 'x/{{ vars.start }}/y' }", &[]),
        ("{ bucket: reports, key: 'x/{{ vars.start }}/y' }", &[DAY]),
        ("{ bucket: reports, key: '{{ vars.whole.key }}' }", &[]),
        (
            "{ bucket: reports, key: '{{ text.upper vars.start }}' }",
            &[],
        ),
        // Blocks, and facts of the run.
        (
            "{ bucket: reports, key: \"a/{{#if (eq inputs.name 'x')}}b{{/if}}c\" }",
            &[],
        ),
        (
            "{ bucket: reports, key: \"a/{{#if (eq inputs.name 'x')}}b{{/if}}c\" }",
            &[("name", "x")],
        ),
        (
            "{ bucket: reports, key: \"a/{{#each (text.split 'x,y' ',') as |i|}}{{ i }}{{/each}}-{{ run.id }}\" }",
            &[],
        ),
        // What fails in the run is allowed for.
        ("{ bucket: reports, key: \"{{ json.parse 'x' }}\" }", &[]),
    ] {
        let given: Vec<String> = inputs
            .iter()
            .map(|(name, text)| format!("{name}={text} "))
            .collect();
        writeln!(
            told,
            "{}{with}\n=> {}",
            given.concat(),
            get(HEAD, with, inputs)
        )
        .unwrap();
    }
    assert_snapshot!(told, @r#"
    { bucket: reports, key: 'a*b' }
    => test:Get reports/a*b
    { bucket: reports, key: 7 }
    => test:Get reports/7
    { bucket: reports, key: k, version: v }
    => test:Version reports/k
    { bucket: '{{ vars.base }}', key: '{{ text.upper vars.base }}' }
    => test:Get reports/REPORTS
    { bucket: '{{ vars.whole.bucket }}-x', key: '{{ run.flow }}' }
    => test:Get reports-x/f
    { bucket: reports, key: '{{ inputs.day }}' }
    => test:Get reports/* (12:75 inputs.day)
    day=2026-01-01 { bucket: reports, key: '{{ inputs.day }}' }
    => test:Get reports/2026-01-01
    { bucket: reports, key: 'daily/{{ inputs.day }}/a' }
    => test:Get reports/daily/* (12:81 inputs.day)
    day=2026-01-01 { bucket: reports, key: 'daily/{{ inputs.day }}/a' }
    => test:Get reports/daily/2026-01-01/a
    { bucket: reports, key: '{{ inputs.day }}/a' }
    => test:Get reports/* (12:75 inputs.day)
    { bucket: 'b-{{ vars.base }}-{{ inputs.name }}', key: '{{ text.upper inputs.name }}' }
    => test:Get b-reports-*/* (12:79 inputs.name) (12:105 text.upper inputs.name)
    name=n { bucket: 'b-{{ vars.base }}-{{ inputs.name }}', key: '{{ text.upper inputs.name }}' }
    => test:Get b-reports-n/N
    { bucket: reports, key: "{{ default inputs.note 'none' }}" }
    => test:Get reports/* (12:75 default inputs.note 'none')
    { bucket: reports, key: k, version: '{{ inputs.note }}' }
    => test:Version reports/k
    note=v { bucket: reports, key: k, version: '{{ inputs.note }}' }
    => test:Version reports/k
    { bucket: reports, key: '{{ vars.start }}' }
    => test:Get reports/daily/* (9:20 inputs.day)
    { bucket: reports, key: 'x/{{ vars.start }}/y' }
    => test:Get reports/x/daily/* (9:20 inputs.day)
    day=2026-01-01 { bucket: reports, key: 'x/{{ vars.start }}/y' }
    => test:Get reports/x/daily/2026-01-01/y
    { bucket: reports, key: '{{ vars.whole.key }}' }
    => test:Get reports/* (10:38 inputs.name)
    { bucket: reports, key: '{{ text.upper vars.start }}' }
    => test:Get reports/* (12:75 text.upper vars.start)
    { bucket: reports, key: "a/{{#if (eq inputs.name 'x')}}b{{/if}}c" }
    => test:Get reports/a/* (12:80 (eq inputs.name 'x'))
    name=x { bucket: reports, key: "a/{{#if (eq inputs.name 'x')}}b{{/if}}c" }
    => test:Get reports/a/bc
    { bucket: reports, key: "a/{{#each (text.split 'x,y' ',') as |i|}}{{ i }}{{/each}}-{{ run.id }}" }
    => test:Get reports/a/xy-* (12:133 run.id)
    { bucket: reports, key: "{{ json.parse 'x' }}" }
    => test:Get reports/* (12:75 json.parse 'x')
    "#);
}

#[test]
fn each_connection_has_what_its_cards_need() {
    // Every item of loops and groups, under the address of the card.
    assert_snapshot!(needs(
        "cards:
  found: { card: test.get, connection: a, with: { bucket: in, key: list } }
  copied:
    for_each: cards.found.keys
    cards:
      copy:
        card: test.move
        with:
          source: { connection: a, bucket: in, key: 'x/{{ item }}' }
          destination: { connection: b, bucket: out, key: '{{ item }}' }
      deep:
        after: [copy]
        cards:
          again: { card: test.get, connection: b, with: { bucket: out, key: 'n{{ index }}' } }
  report: { card: test.get, connection: b, with: { bucket: out, key: 'r/{{ cards.found.key }}' } }
  upper: { card: text.upper, with: { text: a } }
",
        &[],
    ), @"
    a = shelf demo-reports
      found: test:Get arn:aws:s3:::in/list
      copied.copy: test:Get arn:aws:s3:::in/x/* (11:59 item)
    b = shelf demo-vault
      copied.copy: test:Put arn:aws:s3:::out/* (12:63 item)
      copied.deep.again: test:Get arn:aws:s3:::out/n* (16:82 index)
      report: test:Get arn:aws:s3:::out/r/* (17:76 cards.found.key)
    mail = smtp mail
    ");
    // Two aliases of one connection, and one that the caller supplies.
    assert_snapshot!(needs(
        "connections: { a: demo-reports, same: demo-reports, theirs: { kind: shelf } }
cards:
  one: { card: test.get, connection: a, with: { bucket: in, key: one } }
  two: { card: test.get, connection: same, with: { bucket: in, key: two } }
  three: { card: test.get, connection: theirs, with: { bucket: in, key: three } }
",
        &[],
    ), @"
    a, same = shelf demo-reports
      one: test:Get arn:aws:s3:::in/one
      two: test:Get arn:aws:s3:::in/two
    theirs = shelf ?
      three: test:Get arn:aws:s3:::in/three
    ");
    // A card that is known never to run, and those within it.
    let when = "inputs: { mode: { type: string } }
cards:
  group:
    when: eq inputs.mode 'full'
    cards:
      one: { card: test.get, connection: a, with: { bucket: in, key: one } }
";
    assert_snapshot!(needs(when, &[("mode", "full")]), @"
    a = shelf demo-reports
      group.one: test:Get arn:aws:s3:::in/one
    b = shelf demo-vault
    mail = smtp mail
    ");
    assert_snapshot!(needs(when, &[("mode", "none")]), @"
    a = shelf demo-reports
    b = shelf demo-vault
    mail = smtp mail
    ");
}

#[test]
fn a_connection_that_is_not_known_may_be_any_of_its_kind() {
    let dynamic = "inputs: { to: { type: connection } }
cards:
  one: { card: test.get, connection: '{{ inputs.to }}', with: { bucket: in, key: one } }
";
    assert_snapshot!(needs(dynamic, &[]), @"
    a = shelf demo-reports
      one: test:Get arn:aws:s3:::in/one (5:42 inputs.to) any
    b = shelf demo-vault
      one: test:Get arn:aws:s3:::in/one (5:42 inputs.to) any
    mail = smtp mail
    ");
    assert_snapshot!(needs(dynamic, &[("to", "demo-vault")]), @"
    a = shelf demo-reports
    b = shelf demo-vault
      one: test:Get arn:aws:s3:::in/one
    mail = smtp mail
    ");
    assert_snapshot!(needs(dynamic, &[("to", "demo-volt")]), @"input `to`: there is no connection `demo-volt`");
    // The flow itself names none.
    assert_snapshot!(needs(
        "connections: {}
inputs: { to: { type: connection } }
cards:
  one: { card: test.get, connection: '{{ inputs.to }}', with: { bucket: in, key: one } }
",
        &[],
    ), @"
    = shelf ?
     one: test:Get arn:aws:s3:::in/one (5:42 inputs.to) any
    ");
    // A whole object that is not known may name any connection, bucket, key and version.
    assert_snapshot!(needs(
        "inputs: { sides: { type: list } }
cards:
  one:
    for_each: inputs.sides
    card: test.move
    with: { source: '{{ item }}', destination: { connection: b, bucket: out, key: k } }
",
        &[],
    ), @"
    a = shelf demo-reports
      one: test:Version arn:aws:s3:::*/* (8:25 item) any
    b = shelf demo-vault
      one: test:Version arn:aws:s3:::*/* (8:25 item) any
      one: test:Put arn:aws:s3:::out/k
    mail = smtp mail
    ");
    // A var that is known in part.
    assert_snapshot!(needs(
        "inputs: { to: { type: connection } }
vars:
  side: { connection: '{{ inputs.to }}', bucket: in, key: k }
cards:
  one:
    card: test.move
    with: { source: '{{ vars.side }}', destination: { connection: b, bucket: out, key: k } }
",
        &[],
    ), @"
    a = shelf demo-reports
      one: test:Get arn:aws:s3:::in/k (5:27 inputs.to) any
    b = shelf demo-vault
      one: test:Get arn:aws:s3:::in/k (5:27 inputs.to) any
      one: test:Put arn:aws:s3:::out/k
    mail = smtp mail
    ");
}

/// Notes each session that is asked for.
#[derive(Clone, Default)]
struct Asked {
    requests: Arc<Mutex<Vec<SessionRequest>>>,
    /// The most permissions that one session holds; none where it holds all.
    room: Option<usize>,
}

impl Asked {
    fn take(&self) -> Vec<SessionRequest> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Connections for Asked {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        Shelves.info(nickname)
    }

    fn nicknames(&self) -> Vec<String> {
        Shelves.nicknames()
    }

    fn members(&self, set: &str) -> Option<Vec<String>> {
        Shelves.members(set)
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        self.requests.lock().unwrap().push(request.clone());
        Shelves.session(request)
    }

    fn holds(&self, _: &ConnectionRef, permissions: &[Permission]) -> bool {
        self.room.is_none_or(|room| permissions.len() <= room)
    }
}

/// Runs a flow, and gives the sessions that its cards asked for.
async fn asked(flow: &str, inputs: &[(&str, Value)]) -> Vec<SessionRequest> {
    asked_of(Asked::default(), flow, inputs).await
}

async fn asked_of(asked: Asked, flow: &str, inputs: &[(&str, Value)]) -> Vec<SessionRequest> {
    let engine = Engine::builder()
        .registry(registry())
        .connections(asked.clone())
        .build();
    let text = format!("flow: f\n{flow}");
    let checked = engine.check("f", text.as_bytes(), &CheckOptions::default());
    let plan = checked.into_plan().unwrap();
    let mut run = engine.run(&plan, "/flows").connection("b", "demo-reports");
    for (name, value) in inputs {
        run = run.input(*name, value.clone());
    }
    let report = run.start().unwrap().wait().await;
    assert_eq!(report.status, RunStatus::Succeeded, "{:?}", report.error);
    asked.take()
}

fn scope(scope: &Scope) -> String {
    if let Some(document) = scope.session_policy() {
        return format!("policy {document}");
    }
    let Some(permissions) = scope.session_permissions() else {
        return "whole".to_owned();
    };
    let permissions = permissions.iter();
    permissions
        .map(|permission| format!("{} {}", permission.actions.join(","), permission.resource))
        .collect::<Vec<_>>()
        .join("; ")
        .replace("arn:aws:s3:::", "")
}

#[tokio::test]
async fn the_sessions_of_a_run_are_narrowed_to_what_its_cards_need() {
    let flow = "inputs:
  day: { type: date, default: '2026-11-23' }
  to: { type: connection }
connections: { a: demo-vault, b: demo-vault }
vars: { base: 'daily/{{ inputs.day }}' }
cards:
  one: { card: test.get, connection: a, with: { bucket: in, key: '{{ vars.base }}/a' } }
  two:
    for_each: cards.one.keys
    max_parallel: 1
    card: test.get
    connection: a
    with: { bucket: in, key: 'k/{{ item }}' }
  three: { card: test.get, connection: b, after: [two], with: { bucket: out, key: '{{ run.flow }}' } }
  four: { card: test.get, connection: '{{ inputs.to }}', after: [three], with: { bucket: to, key: k } }
  five: { card: test.silent, connection: '{{ inputs.to }}', after: [four], with: { bucket: x, key: k } }
";
    let requests = asked(flow, &[("to", Value::from("demo-vault"))]).await;
    let told: Vec<String> = requests
        .iter()
        .map(|request| {
            format!(
                "{}: {}",
                request.connection.nickname(),
                scope(&request.scope)
            )
        })
        .collect();
    assert_snapshot!(told.join("\n"), @"
    demo-vault: test:Get in/daily/2026-11-23/a; test:Get in/k/*; test:Get to/k
    demo-vault: test:Get in/daily/2026-11-23/a; test:Get in/k/*; test:Get to/k
    demo-vault: test:Get in/daily/2026-11-23/a; test:Get in/k/*; test:Get to/k
    demo-reports: test:Get out/f
    demo-vault: test:Get in/daily/2026-11-23/a; test:Get in/k/*; test:Get to/k
    demo-vault: test:Get in/daily/2026-11-23/a; test:Get in/k/*; test:Get to/k
    demo-vault: policy less
    ");
    // One list for all sessions of a connection: the store finds them by it.
    let list = |index: usize| {
        requests[index]
            .scope
            .session_permissions()
            .unwrap()
            .as_ptr()
    };
    assert_eq!(list(0), list(1));
    assert_eq!(list(0), list(4));
}

#[tokio::test]
async fn a_card_has_its_own_session_where_one_cannot_hold_all() {
    let cards = |count: usize| {
        let cards = (0..count).map(|number| {
            format!(
                "  c{number}: {{ for_each: vars.two, max_parallel: 1, card: test.get, connection: a, \
                 with: {{ bucket: in, key: 'k{number}' }} }}\n"
            )
        });
        let silent = "  no: { card: test.silent, connection: a, with: { bucket: in, key: k } }\n";
        format!(
            "max_parallel: 1\nvars: {{ two: [1, 2] }}\nconnections: {{ a: demo-vault, b: demo-vault }}\ncards:\n{}{silent}",
            cards.collect::<String>()
        )
    };
    let told = |requests: Vec<SessionRequest>| {
        let scopes = requests.iter().map(|request| scope(&request.scope));
        scopes.collect::<Vec<_>>()
    };
    let with_room = |room| Asked {
        room: Some(room),
        ..Asked::default()
    };
    // Each item of a loop in the session of its card; what no card says to need, not at all.
    let own = told(asked_of(with_room(1), &cards(2), &[]).await);
    assert_eq!(
        own,
        [
            "",
            "policy less",
            "test:Get in/k0",
            "test:Get in/k0",
            "test:Get in/k1",
            "test:Get in/k1",
        ]
    );
    let all = "test:Get in/k0; test:Get in/k1";
    let shared = told(asked_of(with_room(2), &cards(2), &[]).await);
    assert_eq!(shared, [all, "policy less", all, all, all, all]);
    // Beyond a number of cards one session serves all, whatever the store makes of it.
    let many = told(asked_of(with_room(1), &cards(64), &[]).await);
    assert_eq!(many[2], "test:Get in/k0");
    let more = told(asked_of(with_room(1), &cards(65), &[]).await);
    assert_eq!(more[2].matches("test:Get").count(), 65);
}

#[tokio::test]
async fn a_connection_that_no_card_says_to_need_may_do_nothing() {
    let flow = "connections: { a: demo-vault, b: demo-vault }
cards:
  one: { card: test.silent, connection: a, with: { bucket: in, key: k } }
";
    let requests = asked(flow, &[]).await;
    let nothing = Scope::permissions([]);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].scope, nothing);
    assert_ne!(requests[0].scope, Scope::whole());
    assert_eq!(requests[1].scope, Scope::policy("less"));
}

const OVER_A_SET: &str = "inputs: { key: { type: string, default: k } }
connections: { all: { set: branches }, b: demo-vault }
cards:
  one:
    for_each: connections.all
    as: branch
    cards:
      read: { card: test.get, connection: '{{ branch }}', with: { bucket: in, key: one } }
      move:
        card: test.move
        with:
          source: { connection: '{{ branch }}', bucket: in, key: two }
          destination: { connection: b, bucket: out, key: three }
";

/// A connection of the same kind gets nothing of what the members need.
#[test]
fn each_member_of_a_set_has_what_the_cards_of_its_loop_need() {
    assert_snapshot!(needs(OVER_A_SET, &[]), @"
    all = shelf branches/north
      one.read: test:Get arn:aws:s3:::in/one
      one.move: test:Get arn:aws:s3:::in/two
    all = shelf branches/south
      one.read: test:Get arn:aws:s3:::in/one
      one.move: test:Get arn:aws:s3:::in/two
    b = shelf demo-vault
      one.move: test:Put arn:aws:s3:::out/three
    ");
    let computed = OVER_A_SET.replace("'{{ branch }}'", "'{{ default branch branch }}'");
    assert_snapshot!(needs(&computed, &[]), @"
    all = shelf branches/north
      one.read: test:Get arn:aws:s3:::in/one (9:47 default branch branch) any
      one.move: test:Get arn:aws:s3:::in/two (13:37 default branch branch) any
    all = shelf branches/south
      one.read: test:Get arn:aws:s3:::in/one (9:47 default branch branch) any
      one.move: test:Get arn:aws:s3:::in/two (13:37 default branch branch) any
    b = shelf demo-vault
      one.read: test:Get arn:aws:s3:::in/one (9:47 default branch branch) any
      one.move: test:Get arn:aws:s3:::in/two (13:37 default branch branch) any
      one.move: test:Put arn:aws:s3:::out/three
    ");
}

#[tokio::test]
async fn a_loop_over_a_set_asks_for_a_session_of_each_member() {
    let requests = asked(OVER_A_SET, &[]).await;
    let mut told: Vec<String> = requests
        .iter()
        .map(|request| {
            format!(
                "{}: {}",
                request.connection.nickname(),
                scope(&request.scope)
            )
        })
        .collect();
    told.sort();
    assert_snapshot!(told.join("\n"), @"
    branches/north: test:Get in/one; test:Get in/two
    branches/north: test:Get in/one; test:Get in/two
    branches/south: test:Get in/one; test:Get in/two
    branches/south: test:Get in/one; test:Get in/two
    demo-reports: test:Put out/three
    demo-reports: test:Put out/three
    ");
}

#[test]
fn a_set_that_is_not_made_yet_has_the_kind_that_its_cards_need() {
    let engine = Engine::builder().registry(registry()).build();
    let options = CheckOptions {
        allow_missing_connections: true,
        ..CheckOptions::default()
    };
    let checked = engine.check("f", format!("flow: f\n{OVER_A_SET}").as_bytes(), &options);
    let source = checked.source.clone();
    let plan = checked.into_plan().unwrap();
    let needed = plan
        .permissions(&BTreeMap::new(), &flowrun_card::NoConnections)
        .unwrap();
    assert_snapshot!(table(&needed, &source), @"
    b = shelf demo-vault
      one.move: test:Put arn:aws:s3:::out/three
    all = shelf branches
      one.read: test:Get arn:aws:s3:::in/one
      one.move: test:Get arn:aws:s3:::in/two
    ");
}

/// Whether what stands in a resource is the text.
fn covers(pieces: &[Piece], text: &str) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Literal(literal), rest)) => text
            .strip_prefix(&**literal)
            .is_some_and(|text| covers(rest, text)),
        Some((Piece::Any(_), rest)) => {
            (0..=text.len()).any(|end| text.get(end..).is_some_and(|text| covers(rest, text)))
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Texts with expressions in them, over an input, a var of it, and an output.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ab/*]{1,3}",
            Just("{{ inputs.name }}".to_owned()),
            Just("{{ vars.start }}".to_owned()),
            Just("{{ vars.known }}".to_owned()),
            Just("{{ cards.first.key }}".to_owned()),
            Just("{{#if (eq inputs.name 'a')}}x{{ cards.first.key }}{{else}}y{{/if}}".to_owned()),
            Just("{{ default inputs.note 'none' }}".to_owned()),
            Just(
                "{{#each (text.split 'x,y' ',') as |i|}}{{ i }}{{ inputs.name }}{{/each}}"
                    .to_owned()
            ),
        ];
        proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Before the run and at its start, whatever the card then does is within what was said.
        #[test]
        fn no_card_does_what_was_not_foreseen(bucket in texts(), key in texts(), name in "[ab]{1,2}") {
            let flow = format!(
                "flow: f
inputs: {{ name: {{ type: string }}, note: {{ type: string, required: false }} }}
connections: {{ a: demo-reports }}
vars: {{ start: 's/{{{{ inputs.name }}}}', known: 'k/' }}
cards:
  first: {{ card: test.get, connection: a, with: {{ bucket: first, key: one }} }}
  second: {{ card: test.get, connection: a, with: {{ bucket: \"{bucket}\", key: \"{key}\" }} }}
outputs: {{ bucket: \"{bucket}\", key: \"{key}\" }}
"
            );
            let asked = Asked::default();
            let engine = Engine::builder().registry(registry()).connections(asked.clone()).build();
            let checked = engine.check("f", flow.as_bytes(), &CheckOptions::default());
            let plan = checked.into_plan().unwrap();
            let run = engine.run(&plan, "/flows").input("name", name.as_str()).start().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let report = runtime.block_on(run.wait());
            prop_assert_eq!(report.status, RunStatus::Succeeded);
            let field = |name: &str| report.outputs.field(name).unwrap().to_text().unwrap().to_string();
            let did = format!("{}/{}", field("bucket"), field("key"));

            let statically = plan.permissions(&BTreeMap::new(), &Shelves).unwrap();
            let statically = &statically[0].permissions[1].permission.resource.pieces;
            prop_assert!(covers(statically, &did), "{statically:?} {did}");
            let requests = asked.take();
            let at_start = &requests[1].scope.session_permissions().unwrap()[1].resource.pieces;
            prop_assert!(covers(at_start, &did), "{at_start:?} {did}");
            let dynamic = at_start.iter().any(|piece| matches!(piece, Piece::Any(_)));
            let reads_output = flow.matches("cards.first").count() > 0;
            prop_assert!(reads_output || !dynamic, "{at_start:?}");
        }
    }
}

/// So that somebody can be told what a role must allow before there is a connection.
#[test]
fn a_connection_that_is_not_made_yet_has_the_kind_that_its_cards_need() {
    let engine = Engine::builder().registry(registry()).build();
    let text = "flow: f\ninputs: { key: { type: string, default: a }, other: { type: string, \
        default: \"{{ run.id }}\" } }\nconnections: { shelf: new, unused: other, vault: { kind: shelf } }\n\
        cards:\n  one: { card: test.get, connection: shelf, with: { bucket: b, key: a } }\n";
    let refused = engine.check("f", text.as_bytes(), &CheckOptions::default());
    assert_eq!(refused.diagnostics.len(), 2);
    let options = CheckOptions {
        allow_missing_connections: true,
        ..CheckOptions::default()
    };
    let plan = engine
        .check("f", text.as_bytes(), &options)
        .into_plan()
        .unwrap();
    let found: Vec<_> = plan
        .connections()
        .map(|found| (found.alias, found.nickname, found.kind))
        .collect();
    assert_eq!(
        found,
        [
            ("shelf", Some("new"), Some("shelf")),
            ("unused", Some("other"), None),
            ("vault", None, Some("shelf")),
        ]
    );
    let defaults: Vec<_> = plan.default_inputs().collect();
    assert_eq!(defaults, [("key", &Value::from("a"))]);
    let needed = plan
        .permissions(&BTreeMap::new(), &flowrun_card::NoConnections)
        .unwrap();
    let of = |nickname| {
        let mut needed = needed.iter();
        needed
            .find(|one| one.nickname.as_deref() == Some(nickname))
            .unwrap()
    };
    assert_eq!(
        (&*of("new").kind, of("new").permissions.len()),
        ("shelf", 1)
    );
}
