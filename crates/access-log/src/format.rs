//! What a line says.

use propylon_exchange::{Exchange, Keep};
use propylon_vars::Template;

use crate::Escape;

/// nginx's `combined` format, for [`Escape::Default`].
pub const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
    \"$http_referer\" \"$http_user_agent\"";

/// One JSON object a line, for [`Escape::Json`]. What can be a list or missing is a string.
pub const JSON: &str = concat!(
    r#"{"time":"$time_iso8601","remote_addr":"$remote_addr","remote_user":"$remote_user","host":"$host","#,
    r#""request":"$request","status":"$status","body_bytes_sent":$body_bytes_sent,"#,
    r#""request_length":$request_length,"request_time":$request_time,"#,
    r#""referer":"$http_referer","user_agent":"$http_user_agent","#,
    r#""upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","#,
    r#""upstream_response_time":"$upstream_response_time"}"#,
);

/// What a line says: a template, and how the values in it are escaped; nginx's `log_format`.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    template: Template,
    escape: Escape,
}

impl Format {
    /// Lines of this template.
    #[must_use]
    pub fn new(template: Template, escape: Escape) -> Self {
        Self { template, escape }
    }

    /// Appends what there is to say of `exchange`, without a line end.
    ///
    /// Allocates only where `line` has to grow, or a variable has to be put together.
    pub fn append(&self, exchange: &Exchange, line: &mut Vec<u8>) {
        self.template.write_with(exchange, line, self.escape.missing(), self.escape.appender());
    }

    /// What an exchange has to keep for this format.
    #[must_use]
    pub fn needs(&self) -> Keep {
        self.template.needs()
    }
}
