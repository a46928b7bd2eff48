//! What a flow costs beyond its cards, beside the least that a program can do: a hand-written loop
//! on tokio and petgraph with one precompiled Handlebars render per edge.
//!
//! ```text
//! cargo bench -p flowrun-cli --bench engine
//! ```
//!
//! Both sides run interleaved in one process; a row gives the medians and their ratio. Numbers
//! depend on the machine, ratios much less.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement prints, and ends where it cannot go on"
)]

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use flowrun_card::Registry;
use flowrun_engine::{CheckOptions, Engine, Plan, RunStatus};
use handlebars::{Handlebars, Template};
use petgraph::{Direction, graph::DiGraph};
use serde_json::{Map, Value as Json};

const ROUNDS: usize = 9;

/// A graph by the list of the cards that each card reads; every card comes after those.
type Graph = Vec<Vec<usize>>;

fn chain(length: usize) -> Graph {
    (0..length)
        .map(|card| card.checked_sub(1).into_iter().collect())
        .collect()
}

fn fan(width: usize) -> Graph {
    (0..=width)
        .map(|card| if card == 0 { vec![] } else { vec![0] })
        .collect()
}

/// Edges from earlier to later cards, drawn by a generator of our own so that every machine has the
/// same graph.
fn random(cards: usize, edges: usize) -> Graph {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let mut graph = vec![Vec::new(); cards];
    let mut drawn = 0;
    while drawn < edges {
        let to = 1 + draw(cards - 1);
        let from = draw(to);
        if !graph[to].contains(&from) {
            graph[to].push(from);
            drawn += 1;
        }
    }
    graph
}

/// The graph as a flow of text cards with one expression an edge. A comparison keeps every text
/// short, so that the graph is measured and not the copying of what grows along it.
fn flow(graph: &Graph) -> String {
    let mut text = String::from("flow: bench\nmax_parallel: 64\ncards:\n");
    for (card, reads) in graph.iter().enumerate() {
        write!(text, "  c{card}: {{ card: text.upper, with: {{ text: \"x").ok();
        for read in reads {
            write!(text, "{{{{ eq cards.c{read} 'X' }}}}").ok();
        }
        text.push_str("\" } }\n");
    }
    text
}

fn engine() -> Result<Engine, Box<dyn Error>> {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry)?;
    Ok(Engine::builder().registry(registry).build())
}

fn plan(engine: &Engine, text: &str) -> Result<Arc<Plan>, Box<dyn Error>> {
    Ok(engine
        .check("bench.yaml", text.as_bytes(), &CheckOptions::default())
        .into_plan()?)
}

fn run(runtime: &tokio::runtime::Runtime, engine: &Engine, plan: &Arc<Plan>) -> Duration {
    let begun = Instant::now();
    let run = engine.run(plan, ".").start().expect("no inputs");
    let report = runtime.block_on(run.wait());
    assert_eq!(report.status, RunStatus::Succeeded, "{:?}", report.error);
    begun.elapsed()
}

/// The limit: a task per ready node, a render per edge, outputs in a map.
fn by_hand(runtime: &tokio::runtime::Runtime, graph: &Graph) -> Duration {
    let mut edges: DiGraph<Vec<Template>, ()> = DiGraph::new();
    let nodes: Vec<_> = graph
        .iter()
        .map(|reads| {
            let templates = reads
                .iter()
                .map(|read| {
                    Template::compile(&format!("{{{{eq c{read} 'X'}}}}")).expect("a template")
                })
                .collect();
            edges.add_node(templates)
        })
        .collect();
    for (card, reads) in graph.iter().enumerate() {
        for read in reads {
            edges.add_edge(nodes[*read], nodes[card], ());
        }
    }
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(handlebars::no_escape);
    for (node, templates) in edges.node_weights().enumerate() {
        for (edge, template) in templates.iter().enumerate() {
            handlebars.register_template(&format!("{node}.{edge}"), template.clone());
        }
    }
    let handlebars = &handlebars;
    let begun = Instant::now();
    runtime.block_on(async {
        let mut waits: Vec<usize> = graph.iter().map(Vec::len).collect();
        let mut outputs = Json::Object(Map::new());
        let mut tasks = tokio::task::JoinSet::new();
        let start =
            |tasks: &mut tokio::task::JoinSet<(usize, String)>, outputs: &Json, node: usize| {
                let mut input = String::from("x");
                for edge in 0..graph[node].len() {
                    let text = handlebars
                        .render(&format!("{node}.{edge}"), outputs)
                        .expect("a text");
                    input.push_str(&text);
                }
                tasks.spawn(async move { (node, input.to_uppercase()) });
            };
        for node in (0..graph.len()).filter(|node| waits[*node] == 0) {
            start(&mut tasks, &outputs, node);
        }
        while let Some(ended) = tasks.join_next().await {
            let (node, output) = ended.expect("no panic");
            if let Json::Object(outputs) = &mut outputs {
                outputs.insert(format!("c{node}"), output.into());
            }
            for next in edges.neighbors_directed(nodes[node], Direction::Outgoing) {
                let next = next.index();
                waits[next] -= 1;
                if waits[next] == 0 {
                    start(&mut tasks, &outputs, next);
                }
            }
        }
    });
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration, per: usize) -> f64 {
    time.as_secs_f64() * 1e6 / per as f64
}

fn peak_memory() -> String {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
            let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(format!("{} MiB", kib / 1024))
        })
        .unwrap_or_else(|| "unknown".to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let engine = engine()?;

    println!("| case | cards | flowrun µs a card | by hand µs a card | ratio |");
    println!("|---|---:|---:|---:|---:|");
    let cases = [
        ("chain of 1,000", chain(1_000)),
        ("fan-out of 10,000", fan(10_000)),
        ("random, 1,000 cards and 3,000 edges", random(1_000, 3_000)),
    ];
    for (name, graph) in &cases {
        let text = flow(graph);
        let plan = plan(&engine, &text)?;
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(run(&runtime, &engine, &plan));
            theirs.push(by_hand(&runtime, graph));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "| {name} | {} | {:.2} | {:.2} | {:.2} |",
            graph.len(),
            micros(ours, graph.len()),
            micros(theirs, graph.len()),
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }

    let items = 10_000;
    let list: Vec<String> = (0..items).map(|item| format!("i{item}")).collect();
    let text = format!(
        "flow: bench\ninputs:\n  items: {{ type: list, default: {} }}\ncards:\n  each:\n    for_each: inputs.items\n    max_parallel: 64\n    card: text.upper\n    with: {{ text: \"x{{{{ text.trim item }}}}\" }}\n",
        serde_json::to_string(&list)?
    );
    let plan_of_loop = plan(&engine, &text)?;
    let looped = median(
        (0..ROUNDS)
            .map(|_| run(&runtime, &engine, &plan_of_loop))
            .collect(),
    );
    let by_hand_fan = median(
        (0..ROUNDS)
            .map(|_| by_hand(&runtime, &cases[1].1))
            .collect(),
    );
    println!(
        "| for_each over 10,000 items | {items} | {:.2} | {:.2} | {:.2} |",
        micros(looped, items),
        micros(by_hand_fan, items),
        looped.as_secs_f64() / by_hand_fan.as_secs_f64()
    );

    println!("\n| load and check | time |");
    println!("|---|---:|");
    for cards in [1_000, 10_000] {
        let text = flow(&chain(cards));
        let checks = (0..ROUNDS)
            .map(|_| {
                let begun = Instant::now();
                plan(&engine, &text).map(|_| begun.elapsed())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let time = median(checks);
        println!(
            "| {cards} cards, {} KiB | {:.1} ms |",
            text.len() / 1024,
            time.as_secs_f64() * 1e3
        );
    }
    println!("\npeak memory of this process: {}", peak_memory());

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("one.yaml");
    fs::write(
        &file,
        "flow: one\ncards:\n  a: { card: text.upper, with: { text: hello } }\noutputs: { a: \"{{ cards.a }}\" }\n",
    )?;
    let mut starts = Vec::new();
    for _ in 0..51 {
        let begun = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_flowrun"))
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        assert!(status.success());
        starts.push(begun.elapsed());
    }
    println!(
        "\na one-card text flow, process start to exit, median of 50: {:.1} ms",
        median(starts.split_off(1)).as_secs_f64() * 1e3
    );
    Ok(())
}
