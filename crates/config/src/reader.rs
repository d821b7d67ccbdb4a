//! Reading values out of checked tables: inheritance, defaults and where each value came from.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use indexmap::IndexMap;
use propylon_vars::{Definitions, Keep, Side, Template, TemplateError};
use toml::de::{DeTable, DeValue};

use crate::balance::Upstream;
use crate::cache_zone::CacheZone;
use crate::cgi::Param;
use crate::charset::CharsetMap;
use crate::effective::{Effective, Level, Written};
use crate::error_log::ErrorLog;
use crate::geoip::{GeoipDatabase, GeoipVariable};
use crate::key::{Need, Table};
use crate::keyval::KeyvalZone;
use crate::limit_zone::LimitZone;
use crate::log_format::LogFormat;
use crate::oidc_provider::OidcProvider;
use crate::quoted;
use crate::report::{Diagnostic, Report};
use crate::shape;
use crate::source::{Source, Span, Spanned};
use crate::units;

/// A value of the parsed file and its place.
pub(crate) type Value<'v> = toml::Spanned<DeValue<'v>>;

/// What a request may have brought in another location than the one that shows it, and what every location has to see to then.
const LATER: Keep = Keep::UPSTREAM_HEAD.and(Keep::REQUEST_BODY).and(Keep::TRACE).and(Keep::COMPRESSED);

/// What was learned so far: findings, and the named things that templates and locations refer to.
pub(crate) struct Context {
    pub(crate) source: Arc<Source>,
    pub(crate) report: Report,
    pub(crate) definitions: Definitions,
    pub(crate) formats: IndexMap<Box<str>, Arc<LogFormat>>,
    pub(crate) upstreams: IndexMap<Box<str>, Arc<Upstream>>,
    pub(crate) charset_maps: Vec<CharsetMap>,
    pub(crate) limit_zones: IndexMap<Box<str>, Arc<LimitZone>>,
    pub(crate) cache_zones: IndexMap<Box<str>, Arc<CacheZone>>,
    pub(crate) keyval_zones: IndexMap<Box<str>, Arc<KeyvalZone>>,
    pub(crate) oidc_providers: IndexMap<Box<str>, Arc<OidcProvider>>,
    pub(crate) geoip_databases: IndexMap<Box<str>, Arc<GeoipDatabase>>,
    pub(crate) geoip: Vec<GeoipVariable>,
    /// Where `[acme]` keeps its certificates, if there is one; `None` within: it is broken.
    pub(crate) acme: Option<Option<PathBuf>>,
    /// Whether there is somebody to send spans to.
    pub(crate) has_trace_exporter: bool,
    /// The error log of the process.
    pub(crate) error_log: Option<ErrorLog>,
    /// Names that stand in the file but could not be read: no second error for who refers to them.
    pub(crate) broken: Vec<Box<str>>,
    templates: HashMap<Box<str>, Template>,
    /// The usual params of `fastcgi` and the like, by the table's name.
    pub(crate) usual_params: HashMap<&'static str, Arc<[Param]>>,
    /// What templates show that was known earlier.
    pub(crate) later: Keep,
    /// What is being read is a default's text.
    reads_default: bool,
    /// What is being read is for these; none: for whoever refers to it.
    pub(crate) side: Option<Side>,
}

impl Context {
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Self {
            report: Report::new(source.clone()),
            source,
            definitions: Definitions::default(),
            formats: IndexMap::new(),
            upstreams: IndexMap::new(),
            charset_maps: Vec::new(),
            limit_zones: IndexMap::new(),
            cache_zones: IndexMap::new(),
            keyval_zones: IndexMap::new(),
            oidc_providers: IndexMap::new(),
            geoip_databases: IndexMap::new(),
            geoip: Vec::new(),
            acme: None,
            has_trace_exporter: false,
            error_log: None,
            broken: Vec::new(),
            templates: HashMap::new(),
            usual_params: HashMap::new(),
            later: Keep::NONE,
            reads_default: false,
            side: None,
        }
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    /// Where something is written; nowhere, if it is a default.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        if self.reads_default { Span::default() } else { self.source.span(range) }
    }

    /// The part of the file that holds `range` of a decoded text; all of it when escapes moved the bytes.
    pub(crate) fn inside(&self, span: &Range<usize>, text: &str, range: Range<usize>) -> Range<usize> {
        let found = quoted::locate(self.source.slice(span.clone()), text, &range);
        found.map_or(span.clone(), |range| span.start + range.start..span.start + range.end)
    }

    /// Compiles a template of a request; findings point into the text.
    pub(crate) fn template(&mut self, text: &str, span: &Range<usize>) -> Option<Template> {
        let known = self.templates.get(text).cloned();
        let template = match known {
            Some(template) => template,
            None => {
                let template = self.compile_shared(text, span, propylon_vars::Context::Request)?;
                self.templates.insert(text.into(), template.clone());
                template
            }
        };
        self.check_side(&template, text, span);
        Some(template)
    }

    /// Compiles a template; each thing that is wrong in it is told.
    pub(crate) fn compile(
        &mut self,
        text: &str,
        span: &Range<usize>,
        context: propylon_vars::Context,
    ) -> Option<Template> {
        let template = self.compile_shared(text, span, context)?;
        self.check_side(&template, text, span);
        Some(template)
    }

    /// A variable that is not there where its template stands. What nobody wrote is not judged: streams have defaults of HTTP.
    fn check_side(&mut self, template: &Template, text: &str, span: &Range<usize>) {
        let Some(side) = self.side.filter(|_| !self.reads_default) else { return };
        for error in template.misplaced(side) {
            let place = self.inside(span, text, error.range());
            let diagnostic = Diagnostic::at(place, error.to_string());
            self.push(diagnostic.label(format!("expected {}", error.expected())));
        }
    }

    /// The same for a template that stands elsewhere, in what is called `what`, and is referred to at `span`.
    pub(crate) fn check_referred(&mut self, template: &Template, what: &str, span: Span) {
        let Some(side) = self.side.filter(|_| !self.reads_default) else { return };
        if let Some(error) = template.misplaced(side).first() {
            let diagnostic = Diagnostic::error(span, error.to_string()).label(format!("in {what}"));
            self.push(diagnostic);
        }
    }

    /// The same, whoever has those variables.
    pub(crate) fn compile_shared(
        &mut self,
        text: &str,
        span: &Range<usize>,
        context: propylon_vars::Context,
    ) -> Option<Template> {
        let mut left = text.to_owned();
        let first = self.definitions.template(&left, context);
        let mut result = first.as_ref().err().cloned();
        while let Some(error) = result {
            self.push_template_error(text, span, &error);
            // What was told is overwritten, and the rest is tried.
            let range = error.range();
            if !left.get(range.clone()).is_some_and(|wrong| wrong.contains('$')) {
                break;
            }
            left.replace_range(range.clone(), &"-".repeat(range.len()));
            result = self.definitions.template(&left, context).err();
        }
        let template = first.ok()?;
        self.later = self.later.and(template.needs().among(LATER));
        Some(template)
    }

    fn push_template_error(&mut self, text: &str, span: &Range<usize>, error: &TemplateError) {
        let place = self.inside(span, text, error.range());
        let diagnostic = Diagnostic::at(place, error.to_string());
        self.push(match error.nearest() {
            Some(name) => {
                diagnostic.label("no variable has this name").help(format!("did you mean `${name}`?"))
            }
            None => diagnostic.label(format!("expected {}", error.expected())),
        });
    }

    /// A template of a value that was checked to be text.
    pub(crate) fn template_of(&mut self, value: &Value<'_>) -> Option<Template> {
        self.template(value.get_ref().as_str()?, &value.span())
    }

    /// The name of a header.
    pub(crate) fn header_name(&mut self, text: &str, span: Range<usize>) -> Option<HeaderName> {
        let name = HeaderName::from_bytes(text.as_bytes()).ok();
        if name.is_none() {
            let label = "expected letters, digits and any of !#$%&'*+-.^_`|~";
            self.push(Diagnostic::at(span, format!("invalid header name `{text}`")).label(label));
        }
        name
    }
}

/// A table on all the levels that have it.
pub(crate) struct Scope<'s> {
    pub(crate) cx: &'s mut Context,
    table: &'static Table,
    levels: Levels<'s>,
    effective: Option<&'s mut Effective>,
}

/// Tables of the same meaning, the outermost first.
pub(crate) type Levels<'s> = Vec<(Level, &'s DeTable<'s>)>;

/// The table called `name` of each level that has it.
pub(crate) fn below<'s>(levels: &Levels<'s>, name: &str) -> Levels<'s> {
    levels
        .iter()
        .filter_map(|(level, table)| Some((*level, table.get(name)?.get_ref().as_table()?)))
        .collect()
}

impl<'s> Scope<'s> {
    /// A table that inherits.
    pub(crate) const fn inherited(
        cx: &'s mut Context,
        table: &'static Table,
        levels: Levels<'s>,
        effective: &'s mut Effective,
    ) -> Self {
        Self { cx, table, levels, effective: Some(effective) }
    }

    /// A table about the process; `None` reads the defaults.
    pub(crate) fn process(
        cx: &'s mut Context,
        table: &'static Table,
        found: Option<&'s DeTable<'s>>,
        effective: &'s mut Effective,
    ) -> Self {
        let levels = found.into_iter().map(|table| (Level::Process, table)).collect();
        Self { cx, table, levels, effective: Some(effective) }
    }

    /// A table that stands alone; `None` reads the defaults.
    pub(crate) fn alone(cx: &'s mut Context, table: &'static Table, found: Option<&'s DeTable<'s>>) -> Self {
        let levels = found.into_iter().map(|table| (Level::Process, table)).collect();
        Self { cx, table, levels, effective: None }
    }

    /// Reads the innermost value of a key, or its default. The shape has been checked, so a reader that finds another
    /// type returns `None` without a word.
    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Context, &Value<'_>) -> Option<T>,
    ) -> Option<T> {
        let key = self.table.key(name);
        debug_assert!(key.is_some(), "`{name}` is read but not in the table `{}`", self.table.name);
        let found = self.levels.iter().rev().find_map(|(level, table)| Some((*level, table.get(name)?)));
        if let Some((level, value)) = found {
            self.record(name, level, value);
            return read(self.cx, value);
        }
        let Need::Default(text) = key?.need else { return None };
        let value = DeValue::parse(text).ok()?;
        let around = std::mem::replace(&mut self.cx.reads_default, true);
        let read = read(self.cx, &value);
        self.cx.reads_default = around;
        read
    }

    fn record(&mut self, key: &'static str, level: Level, value: &Value<'_>) {
        let span = self.cx.span(value.span());
        if let Some(effective) = &mut self.effective {
            let written = self.cx.source.slice(value.span());
            // A table of dotted keys has no text of its own.
            let dotted = value.get_ref().is_table() && !written.starts_with('{');
            let value = if dotted || written.contains('\n') {
                inline(value.get_ref()).into()
            } else {
                written.into()
            };
            effective.push(Written { table: self.table.name, key, value, level, span });
        }
    }

    pub(crate) fn bool(&mut self, name: &'static str) -> bool {
        self.read(name, |_, value| value.get_ref().as_bool()).unwrap_or_default()
    }

    pub(crate) fn integer(&mut self, name: &'static str) -> Option<u64> {
        self.read(name, |_, value| shape::integer(value.get_ref()))
    }

    /// A duration; zero stands in for what was found wrong before.
    pub(crate) fn duration(&mut self, name: &'static str) -> Duration {
        self.duration_if_set(name).unwrap_or_default()
    }

    pub(crate) fn duration_if_set(&mut self, name: &'static str) -> Option<Duration> {
        self.read(name, |_, value| units::duration(value.get_ref().as_str()?).ok())
    }

    pub(crate) fn size_if_set(&mut self, name: &'static str) -> Option<u64> {
        self.read(name, |_, value| match value.get_ref() {
            DeValue::String(text) => units::size(text).ok(),
            number => shape::integer(number),
        })
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Option<Spanned<Box<str>>> {
        self.read(name, |cx, value| {
            Some(Spanned::new(value.get_ref().as_str()?.into(), cx.span(value.span())))
        })
    }

    pub(crate) fn template(&mut self, name: &'static str) -> Option<Template> {
        self.read(name, Context::template_of)
    }

    /// The items of a list that `item` can read.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        mut item: impl FnMut(&mut Context, &str, Range<usize>) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.read(name, |cx, value| {
            let items = value.get_ref().as_array()?.iter();
            Some(items.filter_map(|value| item(cx, value.get_ref().as_str()?, value.span())).collect())
        })
    }
}

/// A value on one line.
pub(crate) fn inline(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quote(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{} = {}", quote(key.get_ref()), inline(value.get_ref())));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// JSON's strings are TOML's basic strings, but for DEL.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
