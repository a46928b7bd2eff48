//! `flowrun graph FLOW`: draws a flow as text for other programs.

use crate::{
    args::{Format, Graph, GraphFormat},
    context::{self, Context},
    exit::Exit,
    render::{self, diagnostics},
};

pub(crate) fn run(context: Context, arguments: &Graph) -> Exit {
    match draw(context, arguments) {
        Ok(text) => {
            render::print(&text);
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn draw(context: Context, arguments: &Graph) -> Result<String, Exit> {
    let folder = context::folder_of(&arguments.flow);
    let engine = context.engine(&folder)?;
    let checked = context::check(&engine, &arguments.flow, &[])?;
    let exit = Exit::of_diagnostics(&checked.diagnostics);
    match &checked.plan {
        Some(plan) => Ok(match arguments.format {
            GraphFormat::Mermaid => plan.mermaid(),
            GraphFormat::Dot => plan.dot(),
        }),
        None => {
            let text = diagnostics::render(&checked.source, &checked.diagnostics, Format::Text);
            let summary = diagnostics::summary(&checked.source, &checked.diagnostics);
            render::plain::print(&format!("{text}{summary}"));
            Err(exit)
        }
    }
}
