//! Cards whose input has every shape, and cards that sleep, fail, panic or do not end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use flowrun_card::{
    Card, CardError, CardSpec, ConnectionKind, ConnectionRef, Ctx, Effect, ErrorKind, Example,
    Function, Idempotency, InputError, Partial, Permissions, Registry, Rule, Scope, Secret, Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the cards did, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A connection of the kind that the cards use; its session is its nickname.
#[derive(Debug)]
pub(crate) enum Shelf {}

impl ConnectionKind for Shelf {
    const NAME: &'static str = "shelf";
    type Session = String;
}

const fn spec(name: &'static str, effect: Effect, rules: &'static [Rule]) -> CardSpec {
    CardSpec {
        name,
        title: "A card for tests",
        description: "Stands in a test.",
        effect,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[],
        rules,
    }
}

/// The parts of a card that tests do not look at.
macro_rules! plain {
    () => {
        fn permissions(_: &Partial, _: &mut Permissions) {}

        fn examples() -> &'static [Example] {
            &[]
        }
    };
}

/// The same, for a card that takes every input as it is.
macro_rules! unchecked {
    ($input:ty) => {
        type Input = $input;
        type Plan = $input;

        fn check(input: $input) -> Result<$input, Vec<InputError>> {
            Ok(input)
        }

        plain!();
    };
}

pub(crate) fn register(registry: &mut Registry, log: &Log) {
    flowrun_card_std::register(registry).unwrap();
    registry
        .card(Typed)
        .and_then(|registry| registry.card(Nested))
        .and_then(|registry| registry.card(Copy))
        .and_then(|registry| registry.card(List))
        .and_then(|registry| registry.card(Put))
        .and_then(|registry| registry.card(Sleep(log.clone())))
        .and_then(|registry| registry.card(Block(log.clone())))
        .and_then(|registry| registry.card(Deaf(log.clone())))
        .and_then(|registry| registry.card(Flaky(log.clone())))
        .and_then(|registry| registry.card(Write(log.clone())))
        .and_then(|registry| registry.card(Mark))
        .and_then(|registry| registry.card(Panic))
        .and_then(|registry| registry.card(Unlock(log.clone())))
        .and_then(|registry| registry.function(&EXPLODE))
        .unwrap();
}

/// Takes a secret, and may tell it.
struct Unlock(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnlockInput {
    /// The key.
    key: Secret,
    /// Another key.
    spare: Option<Secret>,
    /// `say`, `any`, `fail` or `panic`.
    does: Option<String>,
    /// Anything.
    any: Option<Value>,
}

impl Card for Unlock {
    type Output = Value;

    const SPEC: CardSpec = spec("test.unlock", Effect::Read, &[]);

    unchecked!(UnlockInput);

    async fn run(&self, plan: &UnlockInput, _: &Ctx) -> Result<Value, CardError> {
        let key = plan.key.expose();
        self.0.note(format!("unlocked with {} bytes", key.len()));
        match plan.does.as_deref() {
            Some("say") => Ok(Value::from(format!("the key is {key}"))),
            Some("any") => Ok(plan.any.clone().unwrap_or_default()),
            Some("fail") => Err(
                CardError::new(ErrorKind::Failed, format!("`{key}` is wrong"))
                    .code(key)
                    .context("key", key)
                    .help(format!("do not use {key}, nor AKIAIOSFODNN7EXAMPLE")),
            ),
            Some("panic") => panic!("with {key}"),
            _ => Ok(Value::Boolean(plan.spare.is_some())),
        }
    }
}

/// Scalars of every type, and a rule of its own.
struct Typed;

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Fast,
    Careful,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedInput {
    /// A text.
    text: String,
    /// How to go about it.
    mode: Option<Mode>,
    /// How often.
    #[schemars(range(min = 1, max = 10))]
    count: Option<i64>,
    /// How much.
    ratio: Option<f64>,
    /// Whether.
    flag: Option<bool>,
    /// Words.
    tags: Option<Vec<String>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TypedOutput {
    text: String,
    mode: Option<Mode>,
    count: Option<i64>,
    ratio: Option<f64>,
    flag: Option<bool>,
    tags: Option<Vec<String>>,
}

impl Card for Typed {
    type Input = TypedInput;
    type Output = TypedOutput;
    type Plan = TypedInput;

    const SPEC: CardSpec = spec("test.typed", Effect::Pure, &[]);

    fn check(input: TypedInput) -> Result<TypedInput, Vec<InputError>> {
        let mut errors = Vec::new();
        if input.text == "forbidden" {
            errors.push(InputError::new("text", "must not be `forbidden`"));
        }
        if input.tags.as_ref().is_some_and(Vec::is_empty) {
            errors.push(InputError::new("tags", "must not be empty"));
        }
        if errors.is_empty() {
            Ok(input)
        } else {
            Err(errors)
        }
    }

    plain!();

    async fn run(&self, input: &TypedInput, _: &Ctx) -> Result<TypedOutput, CardError> {
        Ok(TypedOutput {
            text: input.text.clone(),
            mode: input.mode,
            count: input.count,
            ratio: input.ratio,
            flag: input.flag,
            tags: input.tags.clone(),
        })
    }
}

/// Objects within objects, lists of objects, maps, and one of two types.
struct Nested;

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum Content {
    Text(String),
    List(Vec<String>),
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NestedInput {
    /// Where to.
    target: Target,
    /// More of them.
    others: Option<Vec<Target>>,
    /// Names with values.
    metadata: Option<BTreeMap<String, String>>,
    /// A text or a list.
    content: Option<Content>,
    /// Anything.
    value: Option<Value>,
}

impl Card for Nested {
    type Output = NestedInput;
    unchecked!(NestedInput);

    const SPEC: CardSpec = spec("test.nested", Effect::Pure, &[]);

    async fn run(&self, input: &NestedInput, _: &Ctx) -> Result<NestedInput, CardError> {
        let value = flowrun_card::to_value(input)
            .map_err(|error| CardError::new(ErrorKind::Unexpected, error.to_string()))?;
        flowrun_card::from_value(value)
            .map_err(|error| CardError::new(ErrorKind::Unexpected, error.to_string()))
    }
}

/// A connection on each of two sides.
struct Copy;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Side {
    /// The connection of this side.
    connection: ConnectionRef<Shelf>,
    /// The key.
    key: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CopyInput {
    /// From where.
    source: Side,
    /// Where to.
    destination: Side,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CopyOutput {
    from: String,
    to: String,
}

impl Card for Copy {
    type Output = CopyOutput;
    unchecked!(CopyInput);

    const SPEC: CardSpec = spec("test.copy", Effect::Write, &[]);

    async fn run(&self, input: &CopyInput, ctx: &Ctx) -> Result<CopyOutput, CardError> {
        let side = async |side: &Side| {
            let session = ctx.session(&side.connection, Scope::whole()).await?;
            Ok::<_, CardError>(format!("{session}/{}", side.key))
        };
        Ok(CopyOutput {
            from: side(&input.source).await?,
            to: side(&input.destination).await?,
        })
    }
}

/// Gives a list of objects with objects in them.
struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListInput {
    /// The connection.
    connection: ConnectionRef<Shelf>,
    /// How many.
    count: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Owner {
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    key: String,
    size: u64,
    owner: Option<Owner>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListOutput {
    objects: Vec<Entry>,
    token: Option<String>,
}

impl Card for List {
    type Output = ListOutput;
    unchecked!(ListInput);

    const SPEC: CardSpec = spec("test.list", Effect::Read, &[]);

    async fn run(&self, input: &ListInput, ctx: &Ctx) -> Result<ListOutput, CardError> {
        let session = ctx.session(&input.connection, Scope::whole()).await?;
        let objects = (0..u64::from(input.count.unwrap_or(3)))
            .map(|number| Entry {
                key: format!("{session}-{number}"),
                size: number * 10,
                owner: (number % 2 == 1).then(|| Owner {
                    name: "ada".to_owned(),
                }),
            })
            .collect();
        Ok(ListOutput {
            objects,
            token: None,
        })
    }
}

/// Rules over several fields.
struct Put;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutInput {
    /// The text itself.
    content: Option<String>,
    /// Where the text is.
    path: Option<String>,
    /// A condition.
    if_match: Option<String>,
    /// Another condition.
    if_none_match: Option<String>,
    /// A mode.
    lock_mode: Option<String>,
    /// Until when.
    lock_until: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    done: String,
}

impl Card for Put {
    type Output = Done;
    unchecked!(PutInput);

    const SPEC: CardSpec = spec(
        "test.put",
        Effect::Pure,
        &[
            Rule::ExactlyOne(&["content", "path"]),
            Rule::AtMostOne(&["if_match", "if_none_match"]),
            Rule::Requires("lock_mode", "lock_until"),
        ],
    );

    async fn run(&self, input: &PutInput, _: &Ctx) -> Result<Done, CardError> {
        let PutInput {
            content,
            path,
            if_match,
            if_none_match,
            lock_mode,
            lock_until,
        } = input;
        let all = [
            content,
            path,
            if_match,
            if_none_match,
            lock_mode,
            lock_until,
        ];
        let given: Vec<&str> = all.into_iter().flatten().map(String::as_str).collect();
        Ok(Done {
            done: given.join(" "),
        })
    }
}

/// Sleeps, and gives what it was told to.
struct Sleep(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SleepInput {
    /// How long, in milliseconds.
    ms: u64,
    /// What to give.
    give: Option<String>,
}

impl Card for Sleep {
    type Output = Done;
    unchecked!(SleepInput);

    const SPEC: CardSpec = spec("test.sleep", Effect::Pure, &[]);

    async fn run(&self, input: &SleepInput, ctx: &Ctx) -> Result<Done, CardError> {
        self.0.note(format!("{} began", ctx.address()));
        let sleep = tokio::time::sleep(Duration::from_millis(input.ms));
        tokio::select! {
            () = sleep => {}
            () = ctx.cancelled() => {
                self.0.note(format!("{} cancelled", ctx.address()));
                return Err(CardError::cancelled());
            }
        }
        self.0.note(format!("{} ended", ctx.address()));
        Ok(Done {
            done: input.give.clone().unwrap_or_default(),
        })
    }
}

/// Waits for its cancellation, then cleans up for a while.
struct Block(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockInput {
    /// How long the clean-up takes, in milliseconds.
    clean_up: Option<u64>,
    /// Whether the clean-up goes wrong.
    fails: Option<bool>,
}

impl Card for Block {
    type Output = Done;
    unchecked!(BlockInput);

    const SPEC: CardSpec = spec("test.block", Effect::Pure, &[]);

    async fn run(&self, input: &BlockInput, ctx: &Ctx) -> Result<Done, CardError> {
        self.0.note(format!("{} began", ctx.address()));
        ctx.cancelled().await;
        self.0.note(format!("{} cancelled", ctx.address()));
        tokio::time::sleep(Duration::from_millis(input.clean_up.unwrap_or(0))).await;
        self.0.note(format!("{} cleaned up", ctx.address()));
        if input.fails == Some(true) {
            let kind = ErrorKind::Integrity;
            return Err(CardError::new(kind, "the clean-up went wrong"));
        }
        Err(CardError::cancelled())
    }
}

/// Never ends, and notes when it is dropped.
struct Deaf(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

struct NoteDrop(Log, String);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.note(format!("{} dropped", self.1));
    }
}

impl Card for Deaf {
    type Output = Done;
    unchecked!(Nothing);

    const SPEC: CardSpec = spec("test.deaf", Effect::Pure, &[]);

    async fn run(&self, _: &Nothing, ctx: &Ctx) -> Result<Done, CardError> {
        self.0.note(format!("{} began", ctx.address()));
        let _dropped = NoteDrop(self.0.clone(), ctx.address().to_owned());
        std::future::pending().await
    }
}

/// Fails as often as it is told to.
struct Flaky(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlakyInput {
    /// How many attempts fail.
    fails: u32,
    /// The kind of the error; `unavailable` by default.
    kind: Option<String>,
    /// Whether a retry helps; true by default.
    transient: Option<bool>,
    /// What the service asks for, in milliseconds.
    retry_after: Option<u64>,
}

impl Card for Flaky {
    type Output = Done;
    unchecked!(FlakyInput);

    const SPEC: CardSpec = spec("test.flaky", Effect::Pure, &[]);

    async fn run(&self, input: &FlakyInput, ctx: &Ctx) -> Result<Done, CardError> {
        let attempt = ctx.attempt();
        self.0.note(format!("{} attempt {attempt}", ctx.address()));
        if attempt > input.fails {
            return Ok(Done {
                done: format!("after {attempt}"),
            });
        }
        let kind = input.kind.as_deref().and_then(ErrorKind::from_name);
        let error = CardError::new(
            kind.unwrap_or(ErrorKind::Unavailable),
            format!("no luck with attempt {attempt}"),
        )
        .code("SlowDown")
        .context("bucket", "reports")
        .help("try tomorrow");
        Err(if input.transient.unwrap_or(true) {
            error.transient(input.retry_after.map(Duration::from_millis))
        } else {
            error
        })
    }
}

/// Has an effect, so that the run records before it acts.
struct Write(Log);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteInput {
    /// What to write.
    text: String,
}

impl Card for Write {
    type Output = Done;
    unchecked!(WriteInput);

    const SPEC: CardSpec = spec("test.write", Effect::Write, &[]);

    async fn run(&self, input: &WriteInput, ctx: &Ctx) -> Result<Done, CardError> {
        self.0
            .note(format!("{} wrote {}", ctx.address(), input.text));
        Ok(Done {
            done: input.text.clone(),
        })
    }
}

/// Marks its progress, and gives the mark that it found.
struct Mark;

#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    found: Option<Value>,
}

impl Card for Mark {
    type Output = Found;
    unchecked!(Nothing);

    const SPEC: CardSpec = spec("test.mark", Effect::Write, &[]);

    async fn run(&self, _: &Nothing, ctx: &Ctx) -> Result<Found, CardError> {
        let found = ctx.marked("upload_id");
        ctx.mark("upload_id", "u-1".into()).await?;
        Ok(Found { found })
    }
}

/// Panics.
struct Panic;

impl Card for Panic {
    type Output = Done;
    unchecked!(Nothing);

    const SPEC: CardSpec = spec("test.panic", Effect::Pure, &[]);

    async fn run(&self, _: &Nothing, _: &Ctx) -> Result<Done, CardError> {
        panic!("a secret in a panic")
    }
}

/// A function that panics.
static EXPLODE: Function = Function {
    name: "test.explode",
    title: "A function for tests",
    description: "Stands in a test.",
    parameters: &[],
    returns: |_| flowrun_card::Type::ANY,
    examples: &[],
    since: "0.1.0",
    search_terms: &[],
    body: |_| panic!("a secret in a panic"),
};
