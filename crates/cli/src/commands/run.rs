//! `flowrun run FLOW`: checks a flow, runs it, shows it, and prints its outputs.

use std::{collections::BTreeMap, io::Write as _, path::Path};

use flowrun_card::{MIN_SECRET, Secret, Value, ValueError};
use flowrun_engine::{CancelHandle, Checked, Plan, RunEvent, SecretSource, Source};

use super::first_use;
use crate::{
    args::{Format, Run},
    context::{self, Context, reason},
    exit::Exit,
    render::{self, diagnostics, json, live::Live, plain},
};

/// The largest file of inputs, in bytes.
const MAX_INPUTS: u64 = 16 << 20;

pub(crate) fn run(context: Context, arguments: &Run) -> Exit {
    let verbose = context.verbose > 0;
    match execute(context, arguments, verbose) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn execute(context: Context, arguments: &Run, verbose: bool) -> Result<Exit, Exit> {
    let folder = context::folder_of(&arguments.flow);
    let mut engine = context.engine(&folder)?;
    let mut connections = arguments.connections.clone();
    let mut checked = context::check(&engine, &arguments.flow, &connections)?;
    if Exit::of_diagnostics(&checked.diagnostics) == Exit::Connection
        && let Some(chosen) = first_use::supply(&context, &engine, arguments)?
    {
        connections.extend(chosen);
        engine = context.engine(&folder)?;
        checked = context::check(&engine, &arguments.flow, &connections)?;
    }
    report_diagnostics(&checked, arguments.json);
    let exit = Exit::of_diagnostics(&checked.diagnostics);
    let Checked { source, plan, .. } = checked;
    let Some(plan) = plan else {
        if exit == Exit::Connection {
            first_use::tell(&context, &engine, arguments)?;
        }
        return Err(exit);
    };

    let inputs = inputs(&plan, arguments)?;
    let secrets = secrets(arguments)?;
    let mut run = engine.run(&plan, folder);
    for (name, secret) in secrets {
        run = run.secret(name, secret);
    }
    for (name, value) in inputs {
        run = run.input(name, value);
    }
    for (alias, nickname) in &connections {
        run = run.connection(alias, nickname);
    }
    if let Some(environment) = &context.environment {
        run = run.environment(environment.as_str());
    }
    run = run.watch(watcher(arguments, verbose));
    let run = run.start().map_err(|invalid| {
        for problem in &invalid.problems {
            render::error(&problem.to_string(), problem.help.as_deref());
        }
        Exit::Invalid
    })?;

    for name in run.short_secrets() {
        let message = format!(
            "the secret `{name}` is shorter than {MIN_SECRET} bytes: where a card or a service repeats it, it is not hidden"
        );
        render::warning(&message, None);
    }

    let runtime = context::runtime()?;
    let cancel = run.cancel_handle();
    let report = runtime.block_on(async {
        let signals = tokio::spawn(signals(cancel));
        let report = run.wait().await;
        signals.abort();
        report
    });
    // A card that was killed may still block a thread: the process does not wait for it.
    runtime.shutdown_background();
    show_end(arguments, &report, &source);
    Ok(Exit::of_run(&report))
}

fn show_end(arguments: &Run, report: &flowrun_engine::RunReport, source: &Source) {
    if arguments.json {
        return;
    }
    if !arguments.quiet || report.error.is_some() {
        plain::print(&plain::summary(report, source));
    }
    if let Value::Object(outputs) = &report.outputs
        && !outputs.is_empty()
    {
        match serde_yaml::to_string(&report.outputs) {
            Ok(text) => render::print(&text),
            Err(error) => render::error(&format!("the outputs cannot be printed: {error}"), None),
        }
    }
}

fn report_diagnostics(checked: &Checked, json: bool) {
    if checked.diagnostics.is_empty() {
        return;
    }
    if json {
        render::print(&diagnostics::render(
            &checked.source,
            &checked.diagnostics,
            Format::Json,
        ));
        return;
    }
    let text = diagnostics::render(&checked.source, &checked.diagnostics, Format::Text);
    let mut out = anstream::stderr().lock();
    // Where standard error is gone there is nobody to tell.
    write!(out, "{}", render::redactor().text(&text)).ok();
    if checked.has_errors() {
        let summary = diagnostics::summary(&checked.source, &checked.diagnostics);
        writeln!(out, "{summary}").ok();
    }
}

/// Shows events as the arguments ask for.
fn watcher(arguments: &Run, verbose: bool) -> Box<dyn FnMut(&RunEvent) + Send> {
    if arguments.json {
        let mut events = json::Events::default();
        return Box::new(move |event| {
            if let Some(line) = events.line(event) {
                render::print(&format!("{line}\n"));
            }
        });
    }
    if arguments.quiet {
        return Box::new(|_| {});
    }
    if render::is_watched() {
        let mut live = Live::new(verbose);
        return Box::new(move |event| live.show(event));
    }
    let mut lines = plain::Lines::new(verbose);
    Box::new(move |event| {
        if let Some(lines) = lines.lines(event) {
            plain::print(&lines);
        }
    })
}

/// The inputs that were given: those of the file, then those of the command line.
fn inputs(plan: &Plan, arguments: &Run) -> Result<BTreeMap<String, Value>, Exit> {
    let mut inputs = BTreeMap::new();
    if let Some(path) = &arguments.inputs_file {
        inputs = read_inputs(path)?;
    }
    let mut failed = false;
    let folder = std::env::current_dir().unwrap_or_default();
    for (name, text) in &arguments.inputs {
        match plan.read_input(name, text, &folder) {
            Ok(value) => {
                inputs.insert(name.clone(), value);
            }
            Err(problem) => {
                failed = true;
                render::error(&problem.to_string(), problem.help.as_deref());
            }
        }
    }
    if failed {
        Err(Exit::Invalid)
    } else {
        Ok(inputs)
    }
}

/// The secrets of the command line. What is wrong with one is told without what was written: it may
/// be the secret itself.
fn secrets(arguments: &Run) -> Result<BTreeMap<String, Secret>, Exit> {
    const HELP: &str = "write `--secret NAME=env:VARIABLE` or `--secret NAME=file:PATH`";
    let folder = std::env::current_dir().unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for (written, place) in arguments.secrets.iter().zip(1..) {
        let named = written.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, source)) = named else {
            let message = format!("`--secret` number {place} has no name and no place");
            render::error(&message, Some(HELP));
            return Err(Exit::Invalid);
        };
        let invalid = |message: String, help: Option<&str>| {
            // The name is the flow's word, and so is no secret; all the same only an id is shown.
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            let name = match name.chars().all(is_name) {
                true => format!("secret `{name}`"),
                false => format!("`--secret` number {place}"),
            };
            render::error(&format!("{name}: {message}"), help);
            Exit::Invalid
        };
        let source: SecretSource = source.parse().map_err(|_| {
            invalid(
                "it is not said where it is read from".to_owned(),
                Some(HELP),
            )
        })?;
        let secret = source
            .read(&folder)
            .map_err(|message| invalid(message, None))?;
        secrets.insert(name.to_owned(), secret);
    }
    Ok(secrets)
}

fn read_inputs(path: &Path) -> Result<BTreeMap<String, Value>, Exit> {
    use std::io::Read as _;
    let invalid = |message: String| {
        render::error(&format!("inputs `{}`: {message}", path.display()), None);
        Exit::Invalid
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_INPUTS + 1).read_to_string(&mut text))
        .map_err(|error| invalid(reason(&error)))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_INPUTS {
        return Err(invalid("the file is larger than 16 MiB".to_owned()));
    }
    // JSON is YAML too, but its own reader loses nothing of a long number.
    let inputs = match Value::from_json(&text) {
        Err(ValueError::NotJson { .. }) => {
            serde_yaml::from_str(&text).map_err(|error| invalid(error.to_string()))?
        }
        read => read.map_err(|error| invalid(error.to_string()))?,
    };
    match inputs {
        Value::Object(inputs) => Ok(inputs
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect()),
        other => Err(invalid(format!(
            "expected an object of inputs, found {}",
            other.type_name()
        ))),
    }
}

/// Ctrl-C, or a request to terminate, cancels the run; a second one ends it where it stands.
async fn signals(cancel: CancelHandle) {
    if !signal().await {
        return;
    }
    plain::print("cancelling: cards have 30 s to clean up; once more ends the run at once");
    cancel.cancel();
    if signal().await {
        cancel.kill();
    }
}

/// Waits for a signal; false where none can come.
pub(super) async fn signal() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut hangup)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return tokio::signal::ctrl_c().await.is_ok();
        };
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
            received = terminate.recv() => received.is_some(),
            received = hangup.recv() => received.is_some(),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
