//! `flowrun connections new --kind http`: a server that speaks HTTP, from its URL to its proof.

use flowrun_connections::{ApiKeyPlace, Auth, Edit, HttpDefinition};

use super::{
    Asker, ask,
    new::{Made, begun, invalid, say_saved, source},
    test, write,
};
use crate::{
    args::{AuthName, HttpArguments, NewConnection, TrustBy},
    exit::Exit,
    render::{self, plain},
};

/// Makes a connection: one that works is saved.
pub(super) fn make(asker: &Asker, arguments: &NewConnection) -> Result<Made, Exit> {
    let place = &arguments.place;
    let is_of_aws = arguments.role_arn.is_some()
        || arguments.no_role
        || arguments.adopt_external_id.is_some()
        || arguments.trust == TrustBy::Principal
        || arguments.by.account_id.is_some()
        || !arguments.by.principals.is_empty()
        || arguments.make_sandbox
        || !arguments.role.flows.is_empty()
        || place.is_of_aws();
    if is_of_aws {
        return Err(invalid(
            "options of roles, regions, endpoints and access keys are for `--kind aws_s3`",
        ));
    }
    let mut connection = begun(asker, arguments)?;
    let http = &arguments.http;
    let url = match &http.url {
        Some(url) => url.clone(),
        None if ask::is_possible() => ask::ask("URL, such as https://api.example.com/v1")?,
        None => {
            render::error("the URL is missing", Some("give it: `--url URL`"));
            return Err(Exit::Invalid);
        }
    };
    let definition = HttpDefinition {
        auth: auth(http)?,
        certificate: http.certificate.clone(),
        private_key: source(&http.private_key)?,
        ca: place.ca.clone(),
        allow: place.allow.clone(),
        ..HttpDefinition::at(&url, http.test_path.as_deref())
            .map_err(|problem| invalid(&problem))?
    };
    connection.definition = definition.into();
    connection.check().map_err(|problem| invalid(&problem))?;
    let proof = asker.prove(&connection).map_err(|failure| {
        plain::print(&plain::card_failure(&failure));
        Exit::Connection
    })?;
    plain::print(test::told(&connection, &proof).trim_end());
    if let Some(failure) = test::failure_of(&connection, &proof.verdict) {
        plain::print(&plain::card_failure(&failure));
        return Err(Exit::Connection);
    }
    write(&connection.file, &Edit::Add(&connection))?;
    test::remember(&connection, &proof);
    say_saved(&connection);
    Ok(Made::Ready)
}

/// How the server knows us, as the arguments say it.
fn auth(arguments: &HttpArguments) -> Result<Auth, Exit> {
    let missing =
        |option: &str| invalid(&format!("`{option}` is missing, which this `--auth` needs"));
    let text = |value: &Option<String>, option: &str| value.clone().ok_or_else(|| missing(option));
    let secret = source(&arguments.secret)?;
    if secret.is_some() && arguments.auth == AuthName::None {
        return Err(invalid("`--secret` needs an `--auth` that uses it"));
    }
    let secret = || secret.clone().ok_or_else(|| missing("--secret"));
    let auth = match arguments.auth {
        AuthName::None => Auth::None,
        AuthName::Basic => Auth::Basic {
            username: text(&arguments.username, "--username")?,
            password: secret()?,
        },
        AuthName::Bearer => Auth::Bearer { token: secret()? },
        AuthName::ApiKey => Auth::ApiKey {
            place: match (&arguments.header, &arguments.query) {
                (Some(name), _) => ApiKeyPlace::Header(name.clone()),
                (None, Some(name)) => ApiKeyPlace::Query(name.clone()),
                (None, None) => return Err(missing("--header")),
            },
            value: secret()?,
        },
        AuthName::OAuth2ClientCredentials => Auth::OAuth2ClientCredentials {
            token_url: text(&arguments.token_url, "--token-url")?,
            client_id: text(&arguments.client_id, "--client-id")?,
            client_secret: secret()?,
            scope: arguments.scope.clone(),
            audience: arguments.audience.clone(),
        },
    };
    auth.check().map_err(|problem| invalid(&problem))?;
    Ok(auth)
}
