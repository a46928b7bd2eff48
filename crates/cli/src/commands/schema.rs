//! `flowrun schema`: the JSON Schema of flow files, for editors.

use flowrun_engine::Engine;

use crate::{context::Context, exit::Exit, render};

pub(crate) fn run(context: Context) -> Exit {
    let engine = Engine::builder().registry(context.registry).build();
    render::print(&engine.flow_schema());
    Exit::Done
}
