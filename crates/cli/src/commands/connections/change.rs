//! `flowrun connections edit`, `rename` and `delete`.

use flowrun_connections::{
    AwsS3Definition, Connection, Edit, RoleArn, SecretSource, move_proof, rename_file_entry,
    save_sealed,
};

use super::{
    Asker, aws, aws_mut,
    new::{apply, base, invalid},
    new_http::{self, Typed},
    say_done,
    share::{say_readers, told},
    used_by::Use,
    write,
};
use crate::{
    args::{EditConnection, PlaceArguments},
    exit::Exit,
    identity::identities,
    render::{self, WARNING, plain},
};

pub(super) fn edit(
    asker: &Asker,
    old: &Connection,
    arguments: &EditConnection,
) -> Result<Exit, Exit> {
    let mut new = old.clone();
    if let Some(definition) = old.http() {
        new.description = arguments.description.clone().or(new.description);
        if arguments.is_of_aws() {
            return Err(invalid(new_http::OF_AWS));
        }
        let (definition, typed) = new_http::edited(definition, &arguments.http, &arguments.place)?;
        new.definition = definition.into();
        let is_other = new.definition != old.definition;
        return save(asker, old, &new, is_other, &typed);
    }
    if arguments.http.is_any() {
        return Err(invalid(new_http::OF_HTTP));
    }
    let was = aws(old)?;
    let place = &arguments.place;
    let is_of_all = arguments.role_arn.is_some() || place.is_beyond_region();
    if let Some(member) = old.member.as_ref().filter(|_| is_of_all) {
        render::error(
            &format!(
                "all but description, region and `accept_unsafe` of `{}` is that of its set",
                old.nickname
            ),
            Some(&format!(
                "change them for all members: `{}`",
                asker.next_command(&format!("edit {}", member.set.name))
            )),
        );
        return Err(Exit::Invalid);
    }
    if arguments.role_arn.is_some() && was.role_arn.is_none() {
        render::error(
            &format!("the connection `{}` has no role", old.nickname),
            Some(if old.is_pending() {
                "`flowrun connections finish` gives it its first one"
            } else {
                "make one with a role: `flowrun connections new`"
            }),
        );
        return Err(Exit::Invalid);
    }
    let set = |place: &mut Option<String>, value: &Option<String>| {
        if value.is_some() {
            place.clone_from(value);
        }
    };
    set(&mut new.description, &arguments.description);
    let is = aws_mut(&mut new)?;
    if let Some(role) = &arguments.role_arn {
        is.role_arn = Some(RoleArn::parse(role).map_err(|problem| invalid(&problem))?);
    }
    place_at(is, place)?;
    let is_other = (&is.role_arn, &is.endpoint, &is.base, &is.access_key_id)
        != (&was.role_arn, &was.endpoint, &was.base, &was.access_key_id);
    if is_other {
        // What a person accepted of the one role says nothing of another.
        is.accept_unsafe = None;
    }
    set(&mut is.accept_unsafe, &arguments.accept_unsafe);
    save(asker, old, &new, is_other, &Typed::default())
}

/// Puts into a definition where it leads now, and which credentials it starts from.
pub(super) fn place_at(is: &mut AwsS3Definition, place: &PlaceArguments) -> Result<(), Exit> {
    if place.region.is_some() {
        is.region.clone_from(&place.region);
    }
    if let Some(endpoint) = &place.endpoint {
        is.endpoint = endpoint.clone();
    }
    if let Some(base) = base(place) {
        is.base = base;
        // It takes the place of an access key.
        is.access_key_id = None;
        is.secret_access_key = None;
        is.session_token = None;
    }
    apply(place, is)
}

/// Writes what has changed; another role or server has to be proven anew.
fn save(
    asker: &Asker,
    old: &Connection,
    new: &Connection,
    is_other: bool,
    typed: &Typed,
) -> Result<Exit, Exit> {
    if new == old {
        return Err(nothing_to_change());
    }
    let readers = if typed.is_empty() {
        write(&old.file, &Edit::Replace { old, new })?;
        None
    } else {
        let saved = save_sealed(Some(old), new, &typed.secrets(), &identities());
        Some(saved.map_err(|error| told(&error))?)
    };
    say_done(&format!("changed in {}", old.file.display()));
    if let Some(readers) = readers {
        say_readers(asker, &readers);
    }
    if is_other {
        plain::print(&format!(
            "prove it anew: {}",
            asker.next_command(&format!("test {}", new.nickname))
        ));
    }
    for field in sealed_for_another(old, new) {
        if typed.has(field) {
            continue;
        }
        let words = format!("seal {} {field}", new.nickname);
        plain::print(&format!(
            "`{field}` is sealed for the server that the connection led to: seal it anew: {}",
            asker.next_command(&words)
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn nothing_to_change() -> Exit {
    render::error(
        "there is nothing to change",
        Some("`flowrun connections edit --help` lists what can be"),
    );
    Exit::Invalid
}

/// The sealed secrets that do not open any more, because the connection leads elsewhere.
fn sealed_for_another(old: &Connection, new: &Connection) -> Vec<&'static str> {
    let (mut old, mut new) = (old.clone(), new.clone());
    let before = old.secrets();
    let after = new.secrets();
    let is_same = |field: &str, destination: &str| {
        let mut known = before.iter();
        known.any(|known| known.field == field && known.destination == destination)
    };
    after
        .iter()
        .filter(|secret| matches!(secret.source, SecretSource::Sealed(_)))
        .filter(|secret| !is_same(secret.field, &secret.destination))
        .map(|secret| secret.field)
        .collect()
}

pub(super) fn rename(old: &Connection, nickname: &str, uses: &[Use]) -> Result<Exit, Exit> {
    if let Some(member) = &old.member {
        render::error(
            &format!("`{}` is named by its set and account", old.nickname),
            Some(&format!(
                "give the set another name: `flowrun connections rename {} NAME`",
                member.set.name
            )),
        );
        return Err(Exit::Invalid);
    }
    rename_file_entry(old, nickname, &identities()).map_err(|error| told(&error))?;
    forget(old, Some(nickname));
    say_renamed(&old.nickname, nickname, uses);
    Ok(Exit::Done)
}

/// Says what has another name now, and which flows do not know that.
pub(super) fn say_renamed(old: &str, new: &str, uses: &[Use]) {
    say_done(&format!("`{old}` is `{new}` now"));
    if !uses.is_empty() {
        plain::print(&format!(
            "{WARNING}warning{WARNING:#}: flows still name `{old}`:"
        ));
        for place in uses {
            plain::print(&format!("  {place}"));
        }
    }
}

/// Deletes a connection that nothing uses.
pub(super) fn delete(connection: &Connection, uses: &[Use]) -> Result<Exit, Exit> {
    refuse_used(&format!("the connection `{}`", connection.nickname), uses)?;
    write(&connection.file, &Edit::Remove(connection))?;
    forget(connection, None);
    say_done(&format!("`{}` is deleted", connection.nickname));
    if let Some(role) = connection.aws().and_then(|aws| aws.role_arn.clone()) {
        plain::print(&format!(
            "the role `{role}` still trusts us: its owner ends that by deleting it or its trust \
             policy"
        ));
    }
    Ok(Exit::Done)
}

/// Says which flows name what shall be deleted.
pub(super) fn refuse_used(what: &str, uses: &[Use]) -> Result<(), Exit> {
    if uses.is_empty() {
        return Ok(());
    }
    let places: String = uses.iter().map(|place| format!("\n  {place}")).collect();
    render::error(
        &format!("flows name {what}:{places}"),
        Some("change them first, or delete it all the same with `--force`"),
    );
    Err(Exit::Invalid)
}

/// Moves what was proven to the new nickname, or away. What stays behind is of no connection.
pub(super) fn forget(connection: &Connection, nickname: Option<&str>) {
    if let Err(error) = move_proof(connection, nickname) {
        plain::print(&format!("{WARNING}warning{WARNING:#}: {error}"));
    }
}
