//! `flowrun validate FLOW…`: checks flows without running them.

use crate::{
    args::{Format, Validate},
    context::{self, Context},
    exit::Exit,
    render::{self, diagnostics},
};

pub(crate) fn run(context: Context, arguments: &Validate) -> Exit {
    let mut exits = Vec::new();
    let mut engine: Option<(std::path::PathBuf, flowrun_engine::Engine)> = None;
    for flow in &arguments.flows {
        let folder = context::folder_of(flow);
        // Flows of one folder see the same connections: the engine is made once for them.
        if engine
            .as_ref()
            .is_none_or(|(made_for, _)| *made_for != folder)
        {
            let of_folder = Context {
                registry: context.registry.clone(),
                verbose: context.verbose,
            };
            engine = match of_folder.engine(&folder) {
                Ok(made) => Some((folder, made)),
                Err(exit) => {
                    exits.push(exit);
                    continue;
                }
            };
        }
        let Some((_, engine)) = &engine else { continue };
        let checked = match context::check(engine, flow, &arguments.connections) {
            Ok(checked) => checked,
            Err(exit) => {
                exits.push(exit);
                continue;
            }
        };
        exits.push(Exit::of_diagnostics(&checked.diagnostics));
        render::print(&diagnostics::render(
            &checked.source,
            &checked.diagnostics,
            arguments.format,
        ));
        if arguments.format == Format::Text {
            if checked.has_errors() {
                let summary = diagnostics::summary(&checked.source, &checked.diagnostics);
                render::print(&format!("{summary}\n"));
            } else {
                render::print(&format!("{}: ok\n", checked.source.name()));
            }
        }
    }
    // What is wrong with a flow weighs more than a connection that is not there.
    [Exit::Failed, Exit::Invalid, Exit::Connection]
        .into_iter()
        .find(|exit| exits.contains(exit))
        .unwrap_or(Exit::Done)
}
