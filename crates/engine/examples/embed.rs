//! An application that runs flows: it brings its own card and its own connections, runs a flow from
//! a string, and watches what happens.
//!
//! ```text
//! cargo run -p flowrun-engine --example embed
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::{any::Any, error::Error, num::NonZeroU32, sync::Arc};

use flowrun_card::{
    BoxFuture, Card, CardError, CardSpec, ConnectionInfo, ConnectionKind, ConnectionRef,
    Connections, Ctx, Effect, ErrorKind, Example, Idempotency, InputError, Partial, Permissions,
    Registry, Scope, SessionRequest,
};
use flowrun_engine::{CheckOptions, Engine, RunEvent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The application's own kind of connection: an address book that it holds in memory.
#[derive(Debug)]
enum AddressBook {}

impl ConnectionKind for AddressBook {
    const NAME: &'static str = "address_book";
    type Session = Vec<String>;
}

/// Greets everyone in an address book.
#[derive(Debug)]
struct Greet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GreetInput {
    /// The address book.
    connection: ConnectionRef<AddressBook>,
    /// How to greet.
    greeting: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GreetOutput {
    /// One line a person.
    lines: Vec<String>,
}

impl Card for Greet {
    type Input = GreetInput;
    type Output = GreetOutput;
    type Plan = GreetInput;

    const SPEC: CardSpec = CardSpec {
        name: "people.greet",
        title: "Greet people",
        description: "Greets everyone in an address book.",
        effect: Effect::Read,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["hello"],
        rules: &[],
    };

    fn check(input: GreetInput) -> Result<GreetInput, Vec<InputError>> {
        if input.greeting.is_empty() {
            return Err(vec![InputError::new("greeting", "must not be empty")]);
        }
        Ok(input)
    }

    fn permissions(_: &Partial, _: &mut Permissions) {}

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, input: &GreetInput, ctx: &Ctx) -> Result<GreetOutput, CardError> {
        let people = ctx.session(&input.connection, Scope::whole()).await?;
        ctx.progress().add_items(people.len() as u64);
        let lines = people
            .iter()
            .map(|person| format!("{}, {person}!", input.greeting))
            .collect();
        Ok(GreetOutput { lines })
    }
}

/// The application's own connections: one address book.
#[derive(Debug)]
struct Books;

impl Connections for Books {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        (nickname == "team").then(|| ConnectionInfo {
            kind: AddressBook::NAME.to_owned(),
        })
    }

    fn nicknames(&self) -> Vec<String> {
        vec!["team".to_owned()]
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(async move {
            match request.connection.nickname() {
                "team" => {
                    let people = vec!["Ada".to_owned(), "Grace".to_owned()];
                    Ok(Arc::new(people) as Arc<dyn Any + Send + Sync>)
                }
                other => Err(CardError::new(
                    ErrorKind::Connection,
                    format!("there is no address book `{other}`"),
                )),
            }
        })
    }
}

const FLOW: &str = r#"
flow: greetings
inputs:
  greeting: { type: string, default: Hello }
connections:
  team: team
cards:
  greeted:
    card: people.greet
    connection: team
    with: { greeting: "{{ inputs.greeting }}" }
  loud:
    for_each: cards.greeted.lines
    as: line
    cards: {}
    outputs: { text: "{{ line }} ({{ index }})" }
outputs:
  lines: "{{ cards.loud }}"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::new();
    registry.card(Greet)?;
    let engine = Engine::builder()
        .registry(registry)
        .connections(Books)
        .build();

    let plan = engine
        .check("greetings.yaml", FLOW.as_bytes(), &CheckOptions::default())
        .into_plan()?;

    let run = engine
        .run(&plan, ".")
        .input("greeting", "Good morning")
        .max_parallel(NonZeroU32::MIN.saturating_add(7))
        .watch(|event| {
            if let RunEvent::CardEnded { address, state, .. } = event {
                println!("{address} {state}");
            }
        })
        .start()?;

    // Whoever holds the handle can end the run from anywhere.
    let cancel = run.cancel_handle();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        cancel.cancel();
    });

    let report = run.wait().await;
    println!("{}: {}", report.status.name(), report.outputs);
    Ok(())
}
