//! Panics with a secret in their message, of a card and of a thread that it started.

use std::process::Command;

use flowrun_card::{
    Card, CardError, CardSpec, Ctx, Effect, Example, Idempotency, InputError, Partial, Permissions,
    Secret,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    canaries::{BASE_TOKEN, Search, forms},
    common::Folder,
};

/// A card that panics with the secret that it got, in every form.
struct Panics;

#[derive(Deserialize, JsonSchema)]
struct PanicsInput {
    secret: Secret,
    /// In a thread of its own, which no runtime knows.
    elsewhere: bool,
}

impl Card for Panics {
    type Input = PanicsInput;
    type Output = ();
    type Plan = PanicsInput;

    const SPEC: CardSpec = CardSpec {
        name: "test.panics",
        title: "Panic",
        description: "Panics.",
        effect: Effect::Pure,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[],
        rules: &[],
    };

    fn check(input: PanicsInput) -> Result<PanicsInput, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(_: &Partial, _: &mut Permissions) {}

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, plan: &PanicsInput, _: &Ctx) -> Result<(), CardError> {
        let every: Vec<String> = forms(plan.secret.expose())
            .into_iter()
            .map(|(form, text, _)| format!("{form} [{text}]"))
            .collect();
        let every = every.join(" ");
        if plan.elsewhere {
            std::thread::spawn(move || panic!("canary {every}"))
                .join()
                .ok();
            return Ok(());
        }
        panic!("canary {every}");
    }
}

/// What the test below runs in a process of its own.
#[test]
#[ignore = "another test runs it"]
fn panicking() {
    let arguments = ["flowrun", "run", "panics.yaml"].map(Into::into);
    flowrun_cli::run(arguments, |registry| registry.card(Panics).map(drop));
}

#[test]
fn a_panic_does_not_tell_them() {
    for (elsewhere, expect) in [(false, "the card panicked"), (true, "succeeded")] {
        let folder = Folder::empty();
        folder.write(
            "panics.yaml",
            format!(
                "flow: panics\nsecrets: {{ key: {{ env: KEY }} }}\ncards: {{ one: {{ card: test.panics, with: {{ secret: \"{{{{ secrets.key }}}}\", elsewhere: {elsewhere} }} }} }}\n"
            ),
        );
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "panics::panicking", "--ignored", "--nocapture"])
            .current_dir(folder.path())
            .env("KEY", BASE_TOKEN.1)
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(told.contains("canary plain [***]"), "{told}");
        assert!(
            told.contains("stack backtrace") || told.contains("panicking"),
            "{told}"
        );
        assert!(told.contains(expect), "{told}");
        Search::new(&[BASE_TOKEN]).none_in("the panic", told.as_bytes());
    }
}
