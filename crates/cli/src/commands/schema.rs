//! `flowrun schema`: the JSON Schema of flow and connection files, for editors.

use flowrun_engine::Engine;

use crate::{
    args::{Schema, SchemaOf},
    context::Context,
    exit::Exit,
    render,
};

pub(crate) fn run(context: Context, arguments: &Schema) -> Exit {
    let schema = match arguments.of {
        SchemaOf::Flow => Engine::builder()
            .registry(context.registry)
            .build()
            .flow_schema(),
        SchemaOf::Connections => format!("{:#}\n", flowrun_connections::file_schema()),
    };
    render::print(&schema);
    Exit::Done
}
