use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use propylon_config::{Config, Diagnostic, Loaded, MadeFrom, Report, Severity, Source};

use crate::convert::{Convert, UNKNOWN};
use crate::document::Document;
use crate::parser::{self, Disk, Files, NoFiles, Parser, system};
use crate::place::{Place, Problem};
use crate::rows;
use crate::split::split;
use crate::verdict::{Line, Verdict};

/// An nginx.conf as TOML, with what became of each line.
#[derive(Clone, Debug)]
pub struct Converted {
    name: String,
    document: Document,
    toml: String,
    origins: Vec<(Range<usize>, Place)>,
    lines: Vec<Line>,
}

/// Converts text; includes find no file.
///
/// # Errors
/// What nginx would refuse, all of it; after an error of syntax nothing else.
pub fn convert(text: &str, name: &str) -> Result<Converted, Vec<Problem>> {
    build(&Arc::new(Source::new(name, text)), "", Path::new(""), &NoFiles)
}

/// Converts a file, with what it includes. `globals` are directives of the main level that count as if they stood before
/// it (`nginx -g`).
///
/// # Errors
/// What nginx would refuse, all of it; where there are errors of syntax, or files that cannot be read, these alone, the first of each
/// file.
pub fn import(path: &Path, globals: &str) -> Result<Converted, Vec<Problem>> {
    let name = path.display().to_string();
    let bytes = Disk.read(path).map_err(|error| {
        let message = format!("open() \"{name}\" failed ({})", system(&error));
        vec![Problem { message, place: None, help: None }]
    })?;
    let source = parser::source(&name, &bytes).map_err(|problem| vec![problem])?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    build(&source, globals, absolute.parent().unwrap_or(Path::new("/")), &Disk)
}

fn build(
    source: &Arc<Source>,
    globals: &str,
    directory: &Path,
    files: &dyn Files,
) -> Result<Converted, Vec<Problem>> {
    let parser = Parser::new(files, directory.to_owned());
    let globals = parser.parse(&Arc::new(Source::new("command line", globals))).map_err(once)?;
    let block = parser.parse(source).map_err(once)?;
    let mut convert = Convert::new(directory);
    convert.frame_mut().section.title(format!(" Made from {} by propylon import.", source.name()));
    convert.block(&globals);
    convert.block(&block);
    rows::join_streams(&mut convert);
    let unknown = convert.lines.iter().any(|line| line.note == UNKNOWN);
    if !convert.frame().has("events") && convert.problems.is_empty() && !unknown {
        let message = "no \"events\" section in configuration".to_owned();
        convert.problems.push(Problem { message, place: None, help: Some("write `events { }`".to_owned()) });
    }
    let (mut document, mut lines, mut problems) = convert.finish();
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.place.as_ref().map(|place| place.range.start));
        return Err(once(problems));
    }
    if let Some(place) = document.add_connection_upgrade() {
        let note = "nginx does not start without a map for $connection_upgrade: the usual map was added";
        let directive = "map".to_owned();
        lines.push(Line { place, directive, verdict: Verdict::Different, note: note.to_owned() });
    }
    rows::complete(&mut document);
    let (toml, origins) = document.render();
    Ok(Converted { name: source.name().to_string(), document, toml, origins, lines })
}

/// Each of them once: a file may be included many times.
fn once(mut problems: Vec<Problem>) -> Vec<Problem> {
    let mut known = HashSet::new();
    problems.retain(|problem| {
        let place = problem.place.as_ref().map(|place| (place.file().to_owned(), place.range.start));
        known.insert((place, problem.message.clone()))
    });
    problems
}

impl Converted {
    /// The TOML.
    #[must_use]
    pub fn toml(&self) -> &str {
        &self.toml
    }

    /// The same in several files, as the nginx.conf was: names, relative to the directory of the first, which includes the others, and
    /// texts. An included file with servers, upstreams, maps or zones is one of them.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        split(&self.document, &self.name)
    }

    /// Every directive and what became of it, in the order of the nginx.conf.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The directives that could not be converted.
    pub fn refused(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict == Verdict::Refused)
    }

    /// How many directives have a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict == verdict).count()
    }

    /// What is not exact, line by line, and how many directives there are. A line that counts many times, for its file is included
    /// as often, stands there once.
    #[must_use]
    pub fn report(&self) -> String {
        let mut lines: IndexMap<String, usize> = IndexMap::new();
        for line in self.lines.iter().filter(|line| line.verdict != Verdict::Exact) {
            *lines.entry(line.to_string()).or_default() += 1;
        }
        let line = |(line, times): (&String, &usize)| match times {
            1 => format!("{line}\n"),
            times => format!("{line}, {times} times\n"),
        };
        let mut text: String = lines.iter().map(line).collect();
        let [exact, different, refused] =
            [Verdict::Exact, Verdict::Different, Verdict::Refused].map(|verdict| self.count(verdict));
        text.push_str(&format!(
            "{}: {} directives: {exact} exact, {different} different, {refused} refused\n",
            self.name,
            self.lines.len()
        ));
        text
    }

    /// The verdicts for programs.
    #[must_use]
    pub fn json(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(Line::json).collect();
        let value = serde_json::json!({
            "file": self.name,
            "exact": self.count(Verdict::Exact),
            "different": self.count(Verdict::Different),
            "refused": self.count(Verdict::Refused),
            "lines": lines,
        });
        format!("{value:#}\n")
    }

    /// Reads the TOML as a configuration. Refused directives are problems: to run without them would not be what the
    /// nginx.conf says.
    ///
    /// # Errors
    /// Each refused directive, and what is wrong with the values, at their places in the nginx.conf.
    pub fn load(&self) -> Result<Loaded, Vec<Problem>> {
        let refused = self.refused().map(|line| {
            let name = &line.directive;
            if line.note != UNKNOWN {
                return Problem::new(&line.place, format!("\"{name}\" cannot be converted: {}", line.note));
            }
            let problem = Problem::new(&line.place, format!("unknown directive \"{name}\""));
            match propylon_config::nearest(name, rows::all().map(|row| row.name)) {
                Some(known) => problem.help(format!("did you mean \"{known}\"?")),
                None => problem,
            }
        });
        let mut problems: Vec<Problem> = refused.collect();
        let loaded = propylon_config::read(Source::new(&self.name, &self.toml).made_from(self.places()));
        match loaded {
            Ok(loaded) if problems.is_empty() => Ok(loaded),
            Ok(_) => Err(once(problems)),
            Err(report) => {
                problems.extend(self.problems(&report));
                Err(once(problems))
            }
        }
    }

    /// The errors of a report about the TOML, at their places in the nginx.conf.
    #[must_use]
    pub fn problems(&self, report: &Report) -> Vec<Problem> {
        let errors = report.diagnostics().iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        errors.map(|diagnostic| self.translate(diagnostic)).collect()
    }

    /// One finding about the TOML, at its place in the nginx.conf.
    #[must_use]
    pub fn translate(&self, diagnostic: &Diagnostic) -> Problem {
        let place = diagnostic.span.as_ref().and_then(|span| self.origin(span.start)).cloned();
        let message = diagnostic.message.replace("[[server]]", "`server` block");
        let mut message = message.replace("[[stream]]", "`server` block of `stream`");
        if !diagnostic.label.is_empty() {
            message = format!("{message}: {}", diagnostic.label);
        }
        Problem { message, place, help: diagnostic.help.clone() }
    }

    /// Where a byte of the TOML came from: the smallest piece that holds it.
    fn origin(&self, at: usize) -> Option<&Place> {
        let around = self.origins.iter().filter(|(range, _)| range.contains(&at) || range.start == at);
        around.min_by_key(|(range, _)| range.len()).map(|(_, place)| place)
    }

    fn places(&self) -> Vec<MadeFrom> {
        let origin = |(range, place): &(Range<usize>, Place)| MadeFrom {
            range: range.clone(),
            file: place.source.name().clone(),
            line: place.line(),
        };
        self.origins.iter().map(origin).collect()
    }
}

/// Directives of the main level alone (`nginx -g`): what they say of the process.
///
/// # Errors
/// What nginx would refuse, and directives that are not about the process.
pub fn globals(text: &str) -> Result<Config, Vec<Problem>> {
    let source = Arc::new(Source::new("command line", text));
    let block = Parser::new(&NoFiles, PathBuf::new()).parse(&source)?;
    let mut convert = Convert::new(Path::new(""));
    convert.block(&block);
    let (document, lines, problems) = convert.finish();
    if !problems.is_empty() {
        return Err(problems);
    }
    let (toml, origins) = document.render();
    let loaded = Converted { name: "command line".to_owned(), document, toml, origins, lines }.load()?;
    Ok(loaded.config)
}
