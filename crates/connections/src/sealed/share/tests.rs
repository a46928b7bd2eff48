//! Tests of sharing: who reads what, and what a kill leaves.

use std::fs;

use flowrun_card::Secret;
use tempfile::TempDir;

use super::*;
use crate::{SealedSecrets as _, SecretPlace, disk::kill};

/// A project with secrets in two files, and the identity files of those who may read them or not.
struct Project {
    folder: TempDir,
    file: PathBuf,
}

const SECRETS: [(&str, &str, &str, &str); 3] = [
    ("connections.yaml", "a", "auth.token", "canary-1"),
    ("connections.yaml", "b", "auth.password", "canary-2"),
    ("connections.prod.yaml", "a", "auth.token", "canary-3"),
];
const SERVER: &str = "https://api.example.com";

impl Project {
    fn new(readers: &[&Person]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connections.yaml");
        let project = Self { folder, file };
        let recipients: Vec<Recipient> = readers.iter().map(|one| one.recipient.clone()).collect();
        let keys: Vec<&Recipient> = recipients.iter().collect();
        let list: String = readers
            .iter()
            .map(|one| format!("# {}\n{}\n", one.name, one.recipient))
            .collect();
        fs::write(project.path("connections.recipients"), list).unwrap();
        let sealed = SECRETS.map(|(file, connection, field, secret)| {
            let destination = SERVER;
            let place = Place {
                file,
                connection,
                field,
                destination,
            };
            envelope::seal(&Secret::new(secret), &place, &keys).unwrap()
        });
        fs::write(&project.file, format!(
            "# ours\na: {{ auth: {{ token: {{ sealed: {} }} }} }} # one\nb:\n  auth:\n    password:\n      sealed: \"{}\"\n",
            sealed[0], sealed[1],
        ))
        .unwrap();
        fs::write(
            project.path("connections.prod.yaml"),
            format!("a:\n  auth: {{ token: {{ sealed: '{}' }} }}\n", sealed[2],),
        )
        .unwrap();
        fs::write(
            project.path("connections.plain.yaml"),
            "c: { type: aws_s3 }\n",
        )
        .unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The files, but for the lock.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }

    /// The text with its sealed texts taken out.
    fn skeleton(&self, name: &str) -> String {
        let mut text = fs::read_to_string(self.path(name)).unwrap();
        for found in sealed_texts(&text).unwrap().iter().rev() {
            text.replace_range(found.range.clone(), "");
        }
        text
    }

    /// Which of the secrets somebody reads.
    fn read_by(&self, person: &Person) -> Vec<Option<String>> {
        SECRETS
            .iter()
            .map(|(file, connection, field, _)| {
                let text = fs::read_to_string(self.path(file)).unwrap();
                let found = sealed_texts(&text)
                    .unwrap()
                    .into_iter()
                    .find(|found| found.connection == *connection && found.field == *field)
                    .unwrap();
                let file = self.path(file);
                let place = SecretPlace {
                    file: &file,
                    nickname: connection,
                    field,
                    destination: SERVER,
                };
                let sealed = text.get(found.range).unwrap();
                let secret = person.identities.open(&place, sealed).ok()?;
                Some(secret.expose().to_owned())
            })
            .collect()
    }

    fn is_read_by(&self, person: &Person) -> bool {
        let all: Vec<_> = SECRETS
            .iter()
            .map(|secret| Some(secret.3.to_owned()))
            .collect();
        let read = self.read_by(person);
        assert!(read == all || read.iter().all(Option::is_none), "{read:?}");
        read == all
    }
}

struct Person {
    name: &'static str,
    recipient: Recipient,
    identities: Identities,
    _folder: TempDir,
}

impl Person {
    fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.txt");
        let identity = Identity::generate();
        let text = format!("# made for {name}\n{}\n", identity.text().expose());
        disk::replace_private(&path, text.as_bytes()).unwrap();
        Self {
            name,
            recipient: identity.recipient(),
            identities: Identities::of_file(path),
            _folder: folder,
        }
    }
}

#[test]
fn who_is_added_reads_and_who_is_taken_out_does_not() {
    let (ann, bob, eve) = (Person::new("ann"), Person::new("bob"), Person::new("eve"));
    let project = Project::new(&[&ann, &eve]);
    let skeletons =
        ["connections.yaml", "connections.prod.yaml"].map(|name| project.skeleton(name));
    assert!(project.is_read_by(&ann) && project.is_read_by(&eve) && !project.is_read_by(&bob));

    let result = share_add(&project.file, &bob.recipient, Some("bob"), &ann.identities).unwrap();
    let files = [("connections.prod.yaml", 1), ("connections.yaml", 2)];
    let files = files.map(|(name, count)| (project.path(name), count));
    assert_eq!(result.files, files);
    assert!(project.is_read_by(&ann) && project.is_read_by(&eve) && project.is_read_by(&bob));

    let before = project.files();
    let result = share_remove(&project.file, "eve", &bob.identities).unwrap();
    assert_eq!(
        (result.changed, result.name.as_deref()),
        (eve.recipient.clone(), Some("eve"))
    );
    assert!(project.is_read_by(&ann) && !project.is_read_by(&eve) && project.is_read_by(&bob));
    let known = Recipients::beside(&project.file).unwrap();
    assert_eq!(known, result.recipients);
    assert_eq!(known.keys(), [&ann.recipient, &bob.recipient]);
    assert_eq!(
        ["connections.yaml", "connections.prod.yaml"].map(|name| project.skeleton(name)),
        skeletons
    );
    // The old texts, as git keeps them, still open for her.
    for (name, bytes) in before {
        fs::write(project.path(&name), bytes).unwrap();
    }
    assert!(project.is_read_by(&eve));
}

#[test]
fn nothing_changes_where_something_cannot_be_opened() {
    let (ann, eve) = (Person::new("ann"), Person::new("eve"));
    let check = |expect: &str, break_it: &dyn Fn(&Project)| {
        let project = Project::new(&[&ann]);
        break_it(&project);
        let before = project.files();
        let added = share_add(&project.file, &eve.recipient, None, &ann.identities);
        let message = added.unwrap_err().to_string();
        assert!(message.contains(expect), "{message}");
        assert!(project.files() == before);
    };
    let edit = |project: &Project, from: &str, to: &str| {
        let text = fs::read_to_string(&project.file).unwrap();
        assert!(text.contains(from));
        fs::write(&project.file, text.replacen(from, to, 1)).unwrap();
    };
    // Pieces that were moved from one place to another.
    check(
        "was sealed for `auth.token` of `a` in connections.yaml",
        &|project| {
            edit(project, "a: ", "c: ");
        },
    );
    check(
        "in connections.prod.yaml was sealed for `auth.password` of `b` in connections.yaml",
        &|project| {
            fs::copy(&project.file, project.path("connections.prod.yaml")).unwrap();
        },
    );
    check("is not sealed for age1", &|project| {
        let others = Project::new(&[&eve]);
        fs::copy(
            others.path("connections.prod.yaml"),
            project.path("connections.prod.yaml"),
        )
        .unwrap();
    });
    check("is damaged: it is not base64", &|project| {
        edit(project, "sealed: Y", "sealed: \u{fc}")
    });
    check("is not written on one line", &|project| {
        edit(project, "sealed: \"", "sealed: \"\\x59")
    });

    let project = Project::new(&[&ann]);
    let before = project.files();
    for identities in [&eve.identities, &Identities::none()] {
        share_add(&project.file, &eve.recipient, None, identities).unwrap_err();
        share_remove(&project.file, "ann", identities).unwrap_err();
    }
    assert!(project.files() == before);
}

#[test]
fn a_kill_at_any_step_leaves_all_readable_and_the_next_call_finishes() {
    let (ann, bob) = (Person::new("ann"), Person::new("bob"));
    let mut step = 0;
    loop {
        let project = Project::new(&[&ann]);
        let add = || share_add(&project.file, &bob.recipient, None, &ann.identities).unwrap();
        let was_killed = kill::at(step, || drop(add()));
        assert!(project.is_read_by(&ann), "step {step}");
        add();
        assert!(project.is_read_by(&ann) && project.is_read_by(&bob));

        let remove = || share_remove(&project.file, &bob.recipient.to_string(), &ann.identities);
        kill::at(step, || drop(remove().unwrap()));
        assert!(project.is_read_by(&ann), "step {step}");
        if Recipients::beside(&project.file).unwrap().list().len() > 1 {
            remove().unwrap();
        }
        assert!(
            project.is_read_by(&ann) && !project.is_read_by(&bob),
            "step {step}"
        );
        let mut names = project.files().into_iter().map(|(name, _)| name);
        assert!(names.all(|name| !name.ends_with(".new")), "step {step}");
        if !was_killed {
            break;
        }
        step += 1;
    }
    // Two files and the recipients, six steps each.
    assert_eq!(step, 18);
}
