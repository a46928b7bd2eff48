//! The pages of diagnostic codes, and the flows that the documentation shows: each is checked by
//! the engine with the cards of the binary.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests stand outside the test functions that clippy knows"
)]

use std::{any::Any, collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, Connections, ErrorKind, Registry, Secret, SessionRequest,
};
use flowrun_engine::{CheckOptions, Checked, Code, Engine};

/// What no flow in a page can show: a page of prose, and a test of its own below.
const PROSE_ONLY: [Code; 4] = [
    Code::FILE_TOO_LARGE,
    Code::FILE_NOT_UTF8,
    Code::FILE_EMPTY,
    Code::TOO_MANY_ERRORS,
];

/// The page of what is no code of a flow.
const CONNECTION_FILE: &str = "connection-file.md";

/// The connections that the documentation names. Checking a flow opens none of them.
struct Named;

impl Connections for Named {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        let known = self.nicknames().iter().any(|known| known == nickname);
        known.then(|| ConnectionInfo {
            kind: "aws_s3".to_owned(),
        })
    }

    fn nicknames(&self) -> Vec<String> {
        vec!["demo-reports".to_owned(), "demo-vault".to_owned()]
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(async move {
            Err(CardError::new(
                ErrorKind::Connection,
                format!("`{}` is only named here", request.connection.nickname()),
            ))
        })
    }
}

fn engine() -> Engine {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry).unwrap();
    flowrun_card_s3::register(&mut registry).unwrap();
    Engine::builder()
        .registry(registry)
        .connections(Named)
        .build()
}

fn check(engine: &Engine, name: &str, text: impl AsRef<[u8]>) -> Checked {
    engine.check(name, text.as_ref(), &CheckOptions::default())
}

fn codes(checked: &Checked) -> Vec<Code> {
    let diagnostics = checked.diagnostics.iter();
    diagnostics.map(|diagnostic| diagnostic.code).collect()
}

/// A line a diagnostic, for a failed test.
fn lines(checked: &Checked) -> Vec<String> {
    let diagnostics = checked.diagnostics.iter();
    diagnostics
        .map(|diagnostic| diagnostic.to_line(&checked.source))
        .collect()
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The contents of the fenced `yaml` blocks, in order.
fn yaml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if line == "```yaml" {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

/// What is wrong with a page, as sentences.
fn problems_of_page(engine: &Engine, code: Code, page: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !page.starts_with(&format!("# {code}\n\n")) {
        problems.push("does not start with its code as the heading".to_owned());
    }
    let blocks = yaml_blocks(page);
    if PROSE_ONLY.contains(&code) {
        if !blocks.is_empty() {
            problems.push("shows a flow, and no flow can show this".to_owned());
        }
        return problems;
    }
    let [wrong, right] = blocks.as_slice() else {
        problems.push(format!("has {} yaml blocks, and needs two", blocks.len()));
        return problems;
    };
    if !page.contains("```\n\nWrite instead:\n\n```yaml\n") {
        problems.push("has no `Write instead:` between its flows".to_owned());
    }
    let checked = check(engine, "wrong", wrong);
    let found = codes(&checked);
    if found.is_empty() || found.iter().any(|found| *found != code) {
        problems.push(format!(
            "its first flow shall report `{code}` alone, and reports {:#?}",
            lines(&checked)
        ));
    }
    let checked = check(engine, "right", right);
    if !checked.diagnostics.is_empty() || checked.plan.is_none() {
        problems.push(format!(
            "its second flow shall pass, and reports {:#?}",
            lines(&checked)
        ));
    }
    problems
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes = Code::ALL.iter().map(|code| format!("{code}.md"));
    let codes: BTreeSet<String> = codes.chain([CONNECTION_FILE.to_owned()]).collect();
    let pages: BTreeSet<String> = fs::read_dir(project().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(pages, codes);
}

#[test]
fn the_page_of_connection_files_shows_one_that_is_refused_and_one_that_is_read() {
    let page = read(&format!("docs/errors/{CONNECTION_FILE}"));
    let folder = tempfile::tempdir().unwrap();
    let read: Vec<Result<usize, String>> = yaml_blocks(&page)
        .iter()
        .map(|block| {
            let path = folder.path().join("connections.yaml");
            fs::write(&path, block).unwrap();
            let read = flowrun_connections::read_file(&path);
            read.map(|found| found.len())
                .map_err(|error| error.problem())
        })
        .collect();
    let wrong = "vault: `role-arn` is not a key of a connection; did you mean `role_arn`?";
    assert_eq!(read, [Err(wrong.to_owned()), Ok(1)]);
}

#[test]
fn pages_show_what_they_speak_of() {
    let engine = engine();
    let problems: Vec<String> = Code::ALL
        .iter()
        .flat_map(|code| {
            let page = read(&format!("docs/errors/{code}.md"));
            problems_of_page(&engine, *code, &page)
                .into_iter()
                .map(move |problem| format!("{code}.md: {problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_no_flow_can_show_is_reported() {
    let engine = engine();
    let slips = |count: usize| {
        let keys: String = (0..count).map(|key| format!("slip_{key}: 1\n")).collect();
        format!("flow: slips\n{keys}cards:\n  a: {{ card: text.upper, with: {{ text: a }} }}\n")
    };
    // The limits themselves pass: 4 MiB to the byte, and 500 errors.
    let flow = "flow: a\ncards:\n  a: { card: text.upper, with: { text: a } }\n";
    let padded = |bytes: usize| format!("{flow}#{}", "x".repeat(bytes - flow.len() - 1));
    let unknown_keys = |count: usize| vec![Code::UNKNOWN_KEY; count];
    let cases: [(&str, Vec<u8>, Vec<Code>); 8] = [
        ("4 MiB", padded(4 << 20).into(), vec![]),
        (
            "4 MiB and a byte",
            padded((4 << 20) + 1).into(),
            vec![Code::FILE_TOO_LARGE],
        ),
        (
            "a byte of Latin-1",
            b"flow: a\ndescription: caf\xe9\n".to_vec(),
            vec![Code::FILE_NOT_UTF8],
        ),
        (
            "a byte order mark",
            format!("\u{feff}{flow}").into(),
            vec![],
        ),
        ("nothing", Vec::new(), vec![Code::FILE_EMPTY]),
        (
            "a comment",
            b"# a flow to come\n".to_vec(),
            vec![Code::FILE_EMPTY],
        ),
        ("500 errors", slips(500).into(), unknown_keys(500)),
        (
            "501 errors",
            slips(501).into(),
            [unknown_keys(500), vec![Code::TOO_MANY_ERRORS]].concat(),
        ),
    ];
    for (name, text, expect) in &cases {
        let checked = check(&engine, name, text);
        assert_eq!(codes(&checked), *expect, "{name}");
    }
    let shown: BTreeSet<Code> = cases
        .iter()
        .flat_map(|(.., expect)| expect.clone())
        .collect();
    for code in PROSE_ONLY {
        assert!(shown.contains(&code), "`{code}` is triggered by no case");
    }
}

#[test]
fn flows_of_the_documentation_run() {
    let engine = engine();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for path in ["docs/language.md", "README.md"] {
        let flows: Vec<String> = yaml_blocks(&read(path))
            .into_iter()
            .filter(|block| block.starts_with("flow:"))
            .collect();
        assert!(!flows.is_empty(), "{path} shows no flow");
        for flow in flows {
            let checked = check(&engine, path, &flow);
            assert_eq!(lines(&checked), Vec::<String>::new(), "in {path}:\n{flow}");
            let plan = checked.plan.unwrap_or_else(|| panic!("in {path}:\n{flow}"));
            let mut run = engine.run(&plan, ".");
            // Readers have it in their environment.
            if flow.contains("secrets: ") || flow.contains("secrets:\n") {
                run = run.secret("sse_key", Secret::new("a key of the customer"));
            }
            let run = run.start().unwrap();
            let report = runtime.block_on(run.wait());
            assert_eq!(report.error, None, "in {path}:\n{flow}");
        }
    }
}

#[test]
fn yaml_blocks_are_found_between_fences() {
    let text = "```sh\nls\n```\n\n```yaml\nflow: a\n\ncards: {}\n```\ntext\n```yaml\nb: 1\n```\n";
    assert_eq!(yaml_blocks(text), ["flow: a\n\ncards: {}\n", "b: 1\n"]);
}
