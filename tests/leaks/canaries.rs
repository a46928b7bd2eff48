//! The canaries, the forms that they could have, and what finds them.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

/// How much of a form is enough to be found, in bytes.
const WINDOW: usize = 12;

/// A secret that is looked for: what it is, and its text.
pub(crate) type Canary = (&'static str, &'static str);

/// The access key of a connection. Each has signs that JSON, XML and URLs write in another way.
pub(crate) const BASE_KEY: Canary = (
    "secret access key",
    "bAs3k/Ey7Q+zR/wJa\"lrXUtnFEMIK7<MDENG==",
);
pub(crate) const BASE_TOKEN: Canary = (
    "session token",
    "Tok3n-0fB//FwoGZXIvYX\"dzEBY&stoc>%3Dq8uRmWz==",
);
/// What STS gives for a role.
pub(crate) const ROLE_KEY: Canary = (
    "secret access key of the role",
    "r0leK/S4y+Kq2vTz\"x8Lw0PfYb<1nHcUeJd6==",
);
pub(crate) const ROLE_TOKEN: Canary = (
    "session token of the role",
    "Zt0kR-xW//IQoJb3JpZ2luX2\"VjEPz&A7>%3DsGhKtNvBx==",
);
/// Keys of the customer: 32 bytes in base64, which has every sign that it can have.
pub(crate) const FLOW_SECRET: Canary = (
    "secret of the flow",
    "wf7TpY3ExZ+Q9ofb1r/JyNLn+O3E1M/z+vHD2t/kz+c=",
);
pub(crate) const INPUT: Canary = (
    "secret input",
    "5c7Yz/rh8dTC/+n228XQ3ur0wcvX+uPu+d7I0vvlwMo=",
);

/// What a server that speaks HTTP knows us by.
pub(crate) const BEARER: Canary = ("token", "bEar3r/2hQ\"mXw8<ZrTn&Vd40KsLy==");
pub(crate) const PASSWORD: Canary = ("password", "pAss'w0rd \"of many signs\" <&> %41 Hj7Rk2");
pub(crate) const API_KEY: Canary = ("API key", "aP1k3y-Gm5\"Wq&9tEb<VxUo/Sd62Zc");
pub(crate) const CLIENT_SECRET: Canary = ("client secret", "cL13nt/Np8\"Xf&yD0<QaRiKe47Mz==");
pub(crate) const ACCESS_TOKEN: Canary = ("access token", "aCc3ss.Tw6\"Bh&kJ3<LsGvPn19Yu");
/// A line of a key that is none: it is read all the same.
pub(crate) const PRIVATE_KEY: Canary = (
    "private key",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDleakz7f2Xq9Rt",
);
/// A secret that is sealed in the connection file.
pub(crate) const SEALED: Canary = ("sealed secret", "s3aled/Uo4\"Cz&mW7<EtHxJb58Fp+Iv==");

/// All that connections have.
pub(crate) const OF_CONNECTIONS: [Canary; 11] = [
    BASE_KEY,
    BASE_TOKEN,
    ROLE_KEY,
    ROLE_TOKEN,
    BEARER,
    PASSWORD,
    API_KEY,
    CLIENT_SECRET,
    ACCESS_TOKEN,
    PRIVATE_KEY,
    SEALED,
];

/// All that a run of an S3 card has.
pub(crate) const OF_RUNS: [Canary; 6] = [
    BASE_KEY,
    BASE_TOKEN,
    ROLE_KEY,
    ROLE_TOKEN,
    FLOW_SECRET,
    INPUT,
];

/// A secret in every form in which something may repeat it, each with its name: what is printed, and
/// of that what tells the secret, whatever stands around it.
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, String, String)> {
    let whole = |name, text: String| (name, text.clone(), text);
    let percent: String = secret
        .bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            },
        )
        .collect();
    let json = serde_json::to_string(secret).unwrap();
    let xml = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut forms = vec![
        whole("plain", secret.to_owned()),
        whole("percent", percent),
        whole("json", json[1..json.len() - 1].to_owned()),
        whole("xml", xml),
    ];
    let mut parts = vec![secret.as_bytes().to_vec()];
    // A key in base64 may show as its bytes too.
    parts.extend(BASE64.decode(secret));
    for part in &parts {
        for (shift, name) in ["base64", "base64, one later", "base64, two later"]
            .into_iter()
            .enumerate()
        {
            let mut shifted = vec![b'x'; shift];
            shifted.extend(part);
            let text = BASE64.encode(&shifted);
            let core = text[[0, 2, 3][shift]..text.len() - 4].to_owned();
            let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
            forms.push(("base64url", url_safe(&text), url_safe(&core)));
            forms.push((name, text, core));
        }
        let digits = |upper: bool| {
            let digit = |byte: &u8| match upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            };
            part.iter().map(digit).collect::<String>()
        };
        forms.push(whole("hex", digits(false)));
        forms.push(whole("HEX", digits(true)));
    }
    forms
}

/// Finds any part of any form that is worth something.
#[derive(Debug)]
pub(crate) struct Search {
    windows: HashMap<[u8; WINDOW], (&'static str, &'static str)>,
    /// Which two bytes a window can start with: most places are passed by this alone.
    starts: Vec<bool>,
}

impl Search {
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        let mut search = Self {
            windows: HashMap::new(),
            starts: vec![false; 1 << 16],
        };
        for (canary, secret) in canaries {
            for (form, _, core) in forms(secret) {
                search.add(canary, form, core.as_bytes());
            }
            // As `{:?}` of bytes shows them; a short part of it could be anything.
            let listed: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
            search.add(canary, "list", listed.join(", ").as_bytes());
        }
        search
    }

    fn add(&mut self, canary: &'static str, form: &'static str, text: &[u8]) {
        for window in text.windows(WINDOW) {
            self.starts[start(window)] = true;
            let window = window.try_into().unwrap();
            self.windows.entry(window).or_insert((canary, form));
        }
    }

    /// Every form of every canary, but for the list of its bytes.
    pub(crate) fn all(&self) -> BTreeSet<(&'static str, &'static str)> {
        let all = self.windows.values().copied();
        all.filter(|(_, form)| *form != "list").collect()
    }

    /// Which canaries are there, each with the form of what was found.
    pub(crate) fn find(&self, bytes: &[u8]) -> BTreeSet<(&'static str, &'static str)> {
        bytes
            .windows(WINDOW)
            .filter(|window| self.starts[start(window)])
            .filter_map(|window| self.windows.get(window).copied())
            .collect()
    }

    /// Fails where there is one, and shows where.
    #[track_caller]
    pub(crate) fn none_in(&self, what: &str, bytes: &[u8]) {
        let found = self.find(bytes);
        if found.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !self.find(line.as_bytes()).is_empty())
            .take(5)
            .collect();
        panic!("{what} tells {found:?}:\n{}", lines.join("\n"));
    }

    /// Fails where a file below a folder has one, but for those that hold secrets by purpose: they end
    /// in `.secret`.
    #[track_caller]
    pub(crate) fn none_below(&self, folder: &Path) {
        for path in files(folder) {
            self.none_in(&path.display().to_string(), &fs::read(&path).unwrap());
            self.none_in("a file's name", path.to_string_lossy().as_bytes());
        }
    }
}

fn start(window: &[u8]) -> usize {
    usize::from(window[0]) << 8 | usize::from(window[1])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() && path.extension().is_none_or(|end| end != "secret") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_search_finds_every_form_and_parts_of_it() {
    let search = Search::new(&OF_RUNS);
    for (canary, secret) in OF_RUNS {
        for (form, text, core) in forms(secret) {
            for part in [text.as_str(), &core[..WINDOW], &core[core.len() - WINDOW..]] {
                let found = search.find(format!("before {part} after").as_bytes());
                let names: Vec<_> = found.iter().map(|(canary, _)| *canary).collect();
                assert_eq!(names, vec![canary; names.len()], "{part}");
                assert!(!names.is_empty(), "{canary} {form} {part}");
            }
        }
    }
    assert_eq!(search.find(b"nothing of it"), BTreeSet::new());
}

#[test]
fn a_file_that_tells_one_is_found() {
    let search = Search::new(&OF_RUNS);
    let is_found = |name: &str, text: &str| {
        let folder = super::common::Folder::empty();
        folder.write(name, text);
        std::panic::catch_unwind(|| search.none_below(folder.path())).is_err()
    };
    assert!(is_found(".state/run.json", ROLE_TOKEN.1));
    assert!(is_found(&forms(ROLE_KEY.1)[1].1, ""));
    assert!(!is_found("pin.secret", INPUT.1));
    assert!(!is_found("run.json", "nothing of it"));
}
