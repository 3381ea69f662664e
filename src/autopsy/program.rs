//! What is to be known of one program.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::{Node, Parser};

use super::LONGEST;
use super::words::BUILTINS;

/// Functions whose bodies are looked at.
const FUNCTIONS: usize = 1_000;

/// A program, as far as the rules look at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    /// Whether it is Python, and short enough to be parsed.
    pub(super) parses: bool,
    /// Its statements without blanks: simple ones whole, of others what stands before their body. Imports,
    /// definitions, docstrings and placeholders are none. Of code that does not parse, its lines.
    pub(super) statements: BTreeSet<String>,
    /// The same with their lines, from and to, from 1.
    placed: Vec<(u32, u32, String)>,
    /// Names that imports bind.
    pub(super) imports: BTreeSet<String>,
    /// Names that anything else binds, anywhere.
    bound: BTreeSet<String>,
    /// Names that are read.
    used: BTreeSet<String>,
    /// Names and attributes.
    pub(super) vocabulary: BTreeSet<String>,
    /// Dotted names that are called, with the line.
    calls: Vec<(u32, String)>,
    has_star_import: bool,
    functions: BTreeMap<String, Function>,
    /// Whether it holds nothing but bare names and constants.
    pub(super) is_bare: bool,
}

/// One function.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Function {
    /// Whether its body does nothing: `pass`, `...`, a docstring, `return None`, `raise NotImplementedError`.
    pub(super) is_placeholder: bool,
    /// Whether it returns or yields anything but `None`; functions inside it do not count.
    pub(super) returns: bool,
    pub(super) parameters: usize,
    pub(super) parameters_used: usize,
}

impl Program {
    /// Reads a program.
    pub(super) fn read(code: &str) -> Self {
        let mut parser = Parser::new();
        let language = tree_sitter_python::LANGUAGE.into();
        let tree = (code.len() <= LONGEST && parser.set_language(&language).is_ok())
            .then(|| parser.parse(code, None))
            .flatten();
        let tree = tree.filter(|tree| !tree.root_node().has_error());
        let program = tree.map(|tree| {
            let program = Self {
                parses: true,
                is_bare: true,
                ..Self::default()
            };
            let mut reader = ProgramReader { code, program };
            reader.walk(tree.root_node());
            reader.program
        });
        match program.filter(|program| program.parses) {
            Some(mut program) => {
                let placed = program.placed.iter();
                program.statements = placed.map(|(_, _, text)| text.clone()).collect();
                program
            }
            None => Self {
                statements: lines(code).map(squeezed).collect(),
                vocabulary: identifiers(code).map(str::to_owned).collect(),
                ..Self::default()
            },
        }
    }

    /// The function of this name.
    pub(super) fn function(&self, name: &str) -> Option<Function> {
        self.functions.get(name).copied()
    }

    /// Names that are read, and neither bound anywhere nor built in.
    pub(super) fn undefined(&self) -> BTreeSet<&str> {
        if self.has_star_import {
            return BTreeSet::new();
        }
        let used = self.used.iter().map(String::as_str);
        used.filter(|name| {
            !self.bound.contains(*name)
                && !self.imports.contains(*name)
                && BUILTINS.binary_search(name).is_err()
        })
        .collect()
    }

    /// Names that somebody else chose: neither bound here (but by an import) nor built in. Two people who do the same
    /// work name their variables in their own ways, and share what they call.
    pub(super) fn given_names(&self) -> impl Iterator<Item = &String> {
        let names = self.vocabulary.iter();
        names.filter(|name| {
            let name = name.as_str();
            !self.bound.contains(name) && BUILTINS.binary_search(&name).is_err()
        })
    }

    /// What stands on these lines that a scanner may have meant: statements, and calls of what is imported or
    /// built in.
    pub(super) fn flagged(&self, flagged: &[u32]) -> BTreeSet<String> {
        let placed = self.placed.iter();
        let statements = placed
            .filter(|(from, to, _)| flagged.iter().any(|line| (from..=to).contains(&line)))
            .map(|(_, _, text)| text.clone());
        let calls = self.calls.iter().filter(|(line, name)| {
            let root = name.split('.').next().unwrap_or_default();
            flagged.contains(line)
                && (self.imports.contains(root) || BUILTINS.binary_search(&root).is_ok())
        });
        statements
            .chain(calls.map(|(_, name)| format!("{name}()")))
            .collect()
    }

    /// Whether a statement or call of [`Program::flagged`] is here.
    pub(super) fn holds(&self, flagged: &str) -> bool {
        let called = flagged.strip_suffix("()");
        self.statements.contains(flagged)
            || called.is_some_and(|name| self.calls.iter().any(|(_, known)| known == name))
    }
}

/// Lines that are neither blank nor comments, nor inside a text of several lines, such as a docstring.
pub(super) fn lines(code: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    let lines = code.lines().map(str::trim).filter(move |line| {
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        let was_inside = is_inside;
        is_inside ^= quotes % 2 == 1;
        !was_inside
    });
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Words that could be names.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

struct ProgramReader<'c> {
    code: &'c str,
    program: Program,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Whether a name here is bound and not read.
    binds: bool,
    /// Whether a name here is no name of the program's: an attribute, a keyword, part of an import.
    is_silent: bool,
}

impl<'c> ProgramReader<'c> {
    /// Visits all nodes, without recursion: code may be nested as deeply as it is long.
    fn walk<'t>(&mut self, root: Node<'t>) {
        let plain = Place {
            binds: false,
            is_silent: false,
        };
        let mut left: Vec<(Node<'t>, Place)> = vec![(root, plain)];
        while let Some((node, place)) = left.pop() {
            self.visit(node, place);
            let from = left.len();
            let mut cursor = node.walk();
            let mut goes_on = cursor.goto_first_child();
            while goes_on {
                if cursor.node().is_named() {
                    left.push((
                        cursor.node(),
                        below(node.kind(), cursor.field_name(), place),
                    ));
                }
                goes_on = cursor.goto_next_sibling();
            }
            // The first child first: of two functions of one name the last counts.
            left[from..].reverse();
        }
    }

    fn text(&self, node: Node<'_>) -> &'c str {
        self.code.get(node.byte_range()).unwrap_or_default()
    }

    fn visit(&mut self, node: Node<'_>, place: Place) {
        let program = &mut self.program;
        match node.kind() {
            "identifier" => {
                let name = self.code.get(node.byte_range()).unwrap_or_default();
                program.vocabulary.insert(name.to_owned());
                match place {
                    Place {
                        is_silent: true, ..
                    } => {}
                    Place { binds: true, .. } => _ = program.bound.insert(name.to_owned()),
                    _ => _ = program.used.insert(name.to_owned()),
                }
            }
            "call" => {
                if let Some(name) = self.dotted(node.child_by_field_name("function")) {
                    let line = line_of(node);
                    self.program.calls.push((line, name));
                }
            }
            "import_statement" | "import_from_statement" | "future_import_statement" => {
                self.import(node)
            }
            "function_definition" => self.function(node),
            // Python 2.
            "print_statement" | "exec_statement" => program.parses = false,
            _ => {}
        }
        self.statement(node);
    }

    /// Adds a statement without its body.
    fn statement(&mut self, node: Node<'_>) {
        let body = match node.kind() {
            "for_statement" | "while_statement" | "with_statement" => "body",
            "if_statement" | "elif_clause" => "consequence",
            "function_definition"
            | "class_definition"
            | "import_statement"
            | "import_from_statement" => {
                self.program.is_bare = false;
                return;
            }
            "try_statement"
            | "match_statement"
            | "pass_statement"
            | "global_statement"
            | "nonlocal_statement"
            | "future_import_statement" => return,
            "expression_statement" => {
                let only = only_child(node).map_or("", |child| child.kind());
                self.program.is_bare &= matches!(
                    only,
                    "identifier" | "string" | "integer" | "float" | "tuple" | "concatenated_string"
                );
                if matches!(only, "string" | "concatenated_string" | "ellipsis") {
                    return;
                }
                ""
            }
            kind if kind.ends_with("_statement") => "",
            _ => return,
        };
        self.program.is_bare &= body.is_empty() && node.kind() == "expression_statement";
        let body = node.child_by_field_name(body).map(|body| body.start_byte());
        let range = node.start_byte()..body.unwrap_or(node.end_byte());
        // What stands before a body ends before the blanks that lead to it.
        let text = self.code.get(range).unwrap_or_default().trim_end();
        let more = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
        let line = line_of(node);
        let place = (line, line.saturating_add(more), squeezed(text));
        self.program.placed.push(place);
    }

    fn import(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let children: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
        let module = node.child_by_field_name("module_name");
        for child in children.into_iter().filter(|child| Some(*child) != module) {
            let bound = match child.kind() {
                "wildcard_import" => {
                    self.program.has_star_import = true;
                    continue;
                }
                "aliased_import" => child
                    .child_by_field_name("alias")
                    .map(|alias| self.text(alias)),
                "dotted_name" => self.text(child).split('.').next().map(str::trim),
                _ => None,
            };
            if let Some(bound) = bound {
                self.program.imports.insert(bound.to_owned());
            }
        }
    }

    fn function(&mut self, node: Node<'_>) {
        let (Some(name), Some(body)) = (
            node.child_by_field_name("name"),
            node.child_by_field_name("body"),
        ) else {
            return;
        };
        let mut cursor = node.walk();
        let parameters = node.child_by_field_name("parameters");
        let parameters: BTreeSet<&str> = parameters
            .map(|all| all.named_children(&mut cursor).collect::<Vec<_>>())
            .unwrap_or_default()
            .into_iter()
            // `a: int = 1`, `*a`: the name stands first.
            .filter_map(|parameter| identifiers(self.text(parameter)).next())
            .filter(|name| !matches!(*name, "self" | "cls"))
            .collect();
        // Words in the text: a name in a string counts as used, which only makes the rules milder.
        let words: BTreeSet<&str> = identifiers(self.text(body)).collect();
        let mut cursor = body.walk();
        let function = Function {
            is_placeholder: body
                .named_children(&mut cursor)
                .all(|stmt| self.is_placeholder(stmt)),
            returns: returns(body),
            parameters: parameters.len(),
            parameters_used: parameters.intersection(&words).count(),
        };
        let name = self.text(name);
        if self.program.functions.len() < FUNCTIONS {
            self.program.functions.insert(name.to_owned(), function);
        }
    }

    /// Whether a statement does nothing.
    fn is_placeholder(&self, node: Node<'_>) -> bool {
        let first = node.named_child(0);
        let kind = first.map_or("", |child| child.kind());
        match node.kind() {
            "pass_statement" | "comment" => true,
            "expression_statement" => matches!(kind, "string" | "concatenated_string" | "ellipsis"),
            "return_statement" => matches!(kind, "" | "none"),
            "raise_statement" => {
                let raised = match kind {
                    "call" => first.and_then(|call| call.child_by_field_name("function")),
                    _ => first,
                };
                raised.is_some_and(|raised| self.text(raised) == "NotImplementedError")
            }
            _ => false,
        }
    }

    /// `a.b.c`, if it is such a name.
    fn dotted(&self, node: Option<Node<'_>>) -> Option<String> {
        let node = node.filter(|node| matches!(node.kind(), "identifier" | "attribute"))?;
        let text = self.text(node);
        let is_plain = |part: &str| {
            let part = part.trim();
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        // A chain could be as long as the code.
        let is_name = text.len() <= 200 && text.split('.').all(is_plain);
        is_name.then(|| squeezed(text))
    }
}

/// Whether a body returns or yields a value, functions and classes inside it aside.
fn returns(body: Node<'_>) -> bool {
    let mut left = vec![body];
    while let Some(node) = left.pop() {
        let value = node.named_child(0).map(|value| value.kind());
        match node.kind() {
            "return_statement" if value.is_some_and(|kind| kind != "none") => return true,
            "yield" => return true,
            "function_definition" | "class_definition" | "lambda" => {}
            _ => {
                let mut cursor = node.walk();
                left.extend(node.named_children(&mut cursor));
            }
        }
    }
    false
}

/// Where a child stands.
fn below(parent: &str, field: Option<&str>, place: Place) -> Place {
    let is_import = matches!(
        parent,
        "import_statement" | "import_from_statement" | "future_import_statement"
    );
    let is_silent = place.is_silent
        || is_import
        || matches!(
            (parent, field),
            ("attribute", Some("attribute")) | ("keyword_argument", Some("name"))
        );
    let binds = match (parent, field) {
        (
            "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause",
            Some("left"),
        )
        | ("named_expression" | "default_parameter" | "typed_default_parameter", Some("name"))
        | ("function_definition" | "class_definition", Some("name")) => true,
        ("parameters" | "lambda_parameters" | "as_pattern_target" | "case_pattern", _)
        | ("global_statement" | "nonlocal_statement" | "type_parameter", _) => true,
        (
            "typed_parameter" | "default_parameter" | "typed_default_parameter",
            Some("type" | "value"),
        ) => false,
        (
            "pattern_list"
            | "tuple_pattern"
            | "list_pattern"
            | "list_splat_pattern"
            | "tuple"
            | "list"
            | "dictionary_splat_pattern"
            | "parenthesized_expression"
            | "typed_parameter"
            | "dotted_name"
            | "splat_pattern"
            | "dict_pattern"
            | "as_pattern",
            _,
        ) => place.binds,
        _ => false,
    };
    Place { binds, is_silent }
}

fn only_child(node: Node<'_>) -> Option<Node<'_>> {
    (node.named_child_count() == 1)
        .then(|| node.named_child(0))
        .flatten()
}

/// The line of a node, from 1.
fn line_of(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX)
}
