//! Tables of which there may be several: one inherits key by key; an array of them stands for itself.

use toml::de::{DeTable, DeValue};

use crate::effective::{Effective, Level, Written};
use crate::key::Table;
use crate::reader::{Context, Levels, below, inline};

/// How one of them is read, from these levels.
type One<T> = fn(&mut Context, Vec<(Level, &DeTable<'_>)>, &mut Effective) -> Vec<T>;

/// Those that are called `name` on a level.
pub(crate) fn read<T>(
    cx: &mut Context,
    levels: &Levels<'_>,
    effective: &mut Effective,
    (name, table): (&'static str, &'static Table),
    one: One<T>,
) -> Vec<T> {
    let written = |(_, table): &(Level, &DeTable<'_>)| {
        table.get(name).map(|value| (value.get_ref().is_array(), value.get_ref().is_table()))
    };
    let innermost_array = levels.iter().rposition(|level| matches!(written(level), Some((true, _))));
    let innermost_table = levels.iter().rposition(|level| matches!(written(level), Some((_, true))));
    let Some(at) = innermost_array.filter(|array| Some(*array) > innermost_table) else {
        let tables = levels.get(innermost_array.map_or(0, |at| at + 1)..).unwrap_or_default();
        return one(cx, below(&tables.to_vec(), name), effective);
    };
    let Some((level, value)) = levels.get(at).and_then(|(level, table)| Some((*level, table.get(name)?)))
    else {
        return Vec::new();
    };
    let span = cx.span(value.span());
    let items: Vec<&DeTable<'_>> = value
        .get_ref()
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.get_ref().as_table())
        .collect();
    let texts: Vec<String> = items.iter().map(|table| inline(&DeValue::Table((*table).clone()))).collect();
    let value = format!("[{}]", texts.join(", ")).into();
    effective.push(Written { table: table.name, key: "", value, level, span });
    items.into_iter().flat_map(|item| one(cx, vec![(level, item)], &mut Effective::level(table))).collect()
}
