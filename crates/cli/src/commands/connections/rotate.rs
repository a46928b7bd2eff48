//! `flowrun connections rotate`: a new External ID, without a moment in which runs fail.
//!
//! The first call makes the new one beside the old one, which sessions go on to send, and shows a
//! trust policy that accepts both. The second, once the role has that, proves the new one and puts
//! it in the place of the old one.

use flowrun_connections::{Connection, Edit, new_external_id};

use super::{
    Asker, aws, aws_mut,
    new::external_id_failed,
    say_done, test,
    trust::{Instructions, Wanted},
    write,
};
use crate::{
    args::RotateConnection,
    exit::Exit,
    render::{self, plain},
};

pub(super) fn run(
    asker: &Asker,
    old: &Connection,
    arguments: &RotateConnection,
) -> Result<Exit, Exit> {
    let definition = aws(old)?;
    if definition.role_arn.is_none() || definition.external_id.is_none() {
        let help = old
            .is_pending()
            .then_some("delete it and make a new one, where its External ID shall not be used");
        render::error(
            &format!(
                "the connection `{}` has no role with an External ID",
                old.nickname
            ),
            help,
        );
        return Err(Exit::Invalid);
    }
    match &definition.next_external_id {
        None => begin(asker, old, arguments),
        Some(next) => {
            let next = next.clone();
            end(asker, old, next, arguments)
        }
    }
}

fn begin(asker: &Asker, old: &Connection, arguments: &RotateConnection) -> Result<Exit, Exit> {
    let next = new_external_id().map_err(|error| external_id_failed(&error))?;
    let mut new = old.clone();
    aws_mut(&mut new)?.next_external_id = Some(next);
    let instructions = Instructions::of(asker, &new, &arguments.by)?;
    write(&old.file, &Edit::Replace { old, new: &new })?;
    instructions.show(&Wanted::default())?;
    plain::print(&format!(
        "runs go on with the old External ID; once the role has that trust policy:\n  {}",
        asker.next_command(&format!("rotate {}", old.nickname))
    ));
    Ok(Exit::Done)
}

fn end(
    asker: &Asker,
    old: &Connection,
    next: String,
    arguments: &RotateConnection,
) -> Result<Exit, Exit> {
    let mut new = old.clone();
    let definition = aws_mut(&mut new)?;
    definition.external_id = Some(next);
    definition.next_external_id = None;
    let proof = asker.prove(&new).map_err(|failure| {
        plain::print(&plain::card_failure(&failure));
        Exit::Connection
    })?;
    plain::print("under the new External ID:");
    plain::print(test::told(&new, &proof).trim_end());
    test::tell_problem(&new, &proof.verdict);
    if !proof.verdict.is_good() && !proof.verdict.is_accepted(&new) {
        Instructions::of(asker, old, &arguments.by)?.show(&Wanted::default())?;
        return Err(Exit::Connection);
    }
    write(&old.file, &Edit::Replace { old, new: &new })?;
    test::remember(&new, &proof);
    Instructions::of(asker, &new, &arguments.by)?.show(&Wanted::default())?;
    say_done(
        "the new External ID is in use; once every copy of the file has it, that trust policy ends \
         the old one",
    );
    Ok(Exit::Done)
}
