//! What the source code says of each key and word: its doc comments, in the order of the declarations.

const SOURCES: [&str; 6] = [
    include_str!("../language.rs"),
    include_str!("../client.rs"),
    include_str!("../origin.rs"),
    include_str!("../swarm.rs"),
    include_str!("../../../vocabulary/src/plan.rs"),
    include_str!("../../../vocabulary/src/scenario.rs"),
];

/// The doc comment of each field or variant of a type, given by its declaration such as `enum Knob`.
pub(super) fn comments(declaration: &str) -> Vec<String> {
    let start = format!(" {declaration} {{\n");
    let source = SOURCES.iter().chain([&include_str!("../../../vocabulary/src/directive.rs")]);
    let body = source.filter_map(|source| source.split_once(start.as_str())).map(|(_, rest)| rest).next();
    let body = body.unwrap_or_else(|| panic!("{declaration} is declared nowhere"));
    let mut comments = Vec::new();
    let mut comment = String::new();
    for line in body.lines().take_while(|line| *line != "}") {
        let Some(own) = line.strip_prefix("    ").filter(|own| !own.starts_with(' ')) else { continue };
        if let Some(text) = own.strip_prefix("///") {
            comment.push_str(text);
        } else if own.starts_with(|first: char| first.is_ascii_alphabetic()) {
            comments.push(std::mem::take(&mut comment).trim().to_owned());
        }
    }
    comments
}
