//! The name of a role session, by which the role's owner finds the run in the audit trail.

use flowrun_card::RunIdentity;

use crate::definition::is_word;

/// The longest name that STS takes.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const LONGEST: usize = 64;
const START: &str = "flowrun-";

/// `flowrun-FLOW-RUN`, made to fit: other characters than STS takes become `-`, and the flow's id
/// is cut so that the run's id (26 characters) stays whole.
pub(crate) fn session_name(run: &RunIdentity) -> String {
    let mut id = fit(&run.run_id);
    id.truncate(LONGEST.saturating_sub(START.len()));
    let mut flow = fit(&run.flow);
    let taken = START.len().saturating_add(id.len()).saturating_add(1);
    flow.truncate(LONGEST.saturating_sub(taken));
    if flow.is_empty() {
        format!("{START}{id}")
    } else {
        format!("{START}{flow}-{id}")
    }
}

fn fit(text: &str) -> String {
    let fit = |c: char| match u8::try_from(c) {
        Ok(byte) if is_word(byte) || b"+=,.@-".contains(&byte) => c,
        _ => '-',
    };
    text.chars().map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(flow: &str, run_id: &str) -> String {
        session_name(&RunIdentity {
            run_id: run_id.to_owned(),
            flow: flow.to_owned(),
        })
    }

    #[test]
    fn names_show_flow_and_run() {
        const RUN: &str = "01K0ABCDEFGHJKMNPQRSTVWXYZ";
        for (flow, run, expect) in [
            ("backup", RUN, "flowrun-backup-01K0ABCDEFGHJKMNPQRSTVWXYZ"),
            (
                "Sicherung für heute",
                RUN,
                "flowrun-Sicherung-f-r-heute-01K0ABCDEFGHJKMNPQRSTVWXYZ",
            ),
            ("", RUN, "flowrun-01K0ABCDEFGHJKMNPQRSTVWXYZ"),
            (
                "a-flow-whose-name-is-much-too-long-to-fit",
                RUN,
                "flowrun-a-flow-whose-name-is-much-too-01K0ABCDEFGHJKMNPQRSTVWXYZ",
            ),
        ] {
            assert_eq!(name(flow, run), expect);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_run_gets_a_name_that_sts_takes(flow in "\\PC{0,80}", run in "[0-9A-Z]{26}") {
            let name = name(&flow, &run);
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(name.bytes().all(|b| is_word(b) || b"+=,.@-".contains(&b)), "{name}");
            assert!(name.ends_with(&run), "{name}");
        }

        #[test]
        fn any_text_at_all_gives_a_fitting_name(flow in "\\PC{0,80}", run in "\\PC{0,80}") {
            let name = name(&flow, &run);
            assert!((2..=64).contains(&name.len()), "{name}");
        }
    }
}
