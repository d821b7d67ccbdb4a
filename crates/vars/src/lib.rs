//! $variables, compiled templates and maps, as in nginx.
