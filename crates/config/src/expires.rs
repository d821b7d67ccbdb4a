//! The key `expires`: how long responses may be kept.

use propylon_vars::Template;

use crate::key::{Key, Kind, Need};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::units;

/// How long responses may be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Expires {
    /// Always the same.
    Fixed(ExpiresRule),
    /// It depends on the request.
    Template {
        /// What [`ExpiresRule::parse`] reads.
        value: Template,
        /// Whether it counts from the date of the last change.
        modified: bool,
    },
}

/// How long a response may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresRule {
    /// Nothing is said.
    Off,
    /// It is not to be kept.
    Epoch,
    /// As long as possible.
    Max,
    /// So many seconds after it was sent.
    Access(i64),
    /// So many seconds after the date of its last change.
    Modified(i64),
    /// Until so many seconds of a day have passed, in local time.
    Daily(u32),
}

const DAY: u64 = 24 * 60 * 60;

impl ExpiresRule {
    /// Reads `off`, `epoch`, `max`, `30d`, `+30d`, `-1`, `@15h30m`; if `modified`, only times that count from the last change.
    ///
    /// ```
    /// use propylon_config::ExpiresRule;
    /// assert_eq!(ExpiresRule::parse("-1", false), Ok(ExpiresRule::Access(-1)));
    /// assert_eq!(ExpiresRule::parse("@15h", false), Ok(ExpiresRule::Daily(54_000)));
    /// assert_eq!(ExpiresRule::parse("max", true), Err("invalid value"));
    /// ```
    ///
    /// # Errors
    /// nginx's words for what is wrong.
    pub fn parse(text: &str, modified: bool) -> Result<Self, &'static str> {
        match text {
            "off" if !modified => return Ok(Self::Off),
            "epoch" if !modified => return Ok(Self::Epoch),
            "max" if !modified => return Ok(Self::Max),
            _ => {}
        }
        let (daily, sign, time) = match text.as_bytes().first() {
            Some(b'@') if modified => return Err("daily time cannot be used with \"modified\" parameter"),
            Some(b'@') => (true, 1, text.get(1..)),
            Some(b'+') => (false, 1, text.get(1..)),
            Some(b'-') => (false, -1, text.get(1..)),
            _ => (false, 1, Some(text)),
        };
        // nginx counts in seconds here.
        let time = time.filter(|time| !time.contains("ms")).ok_or("invalid value")?;
        let seconds = units::duration(time).map_err(|_| "invalid value")?.as_secs();
        if daily && seconds > DAY {
            return Err("daily time value must be less than 24 hours");
        }
        let signed = i64::try_from(seconds).map_err(|_| "invalid value")? * sign;
        Ok(match (daily, modified) {
            (true, _) => Self::Daily(u32::try_from(seconds).map_err(|_| "invalid value")?),
            (false, true) => Self::Modified(signed),
            (false, false) => Self::Access(signed),
        })
    }
}

pub(crate) const EXPIRES: Key = Key {
    name: "expires",
    kind: Kind::Template,
    need: Need::Default("\"off\""),
    nginx: "expires",
    doc: "How long clients may cache responses, as stated in `Expires` and `Cache-Control`. \"30d\": from when they are sent; \"modified \
          30d\": from their last modification; \"@15h30m\": until that time of day; \"max\": as long as possible; \"epoch\" or a negative \
          time: not at all; \"off\": the fields are not set. Applies to responses with status 200, 201, 204, 206, 301, 302, 303, 304, 307 \
          and 308.",
};

/// Reads the key of a level; none: nothing is said.
pub(crate) fn read(level: &mut Scope<'_>) -> Option<Expires> {
    level.read(EXPIRES.name, value)
}

fn value(cx: &mut Context, value: &Value<'_>) -> Option<Expires> {
    let text = value.get_ref().as_str()?;
    let (rest, modified) = match text.strip_prefix("modified ") {
        Some(rest) => (rest.trim_start(), true),
        None => (text, false),
    };
    if rest.contains('$') {
        // What is wrong with it is told of the text as a whole.
        cx.template_of(value)?;
        let value = cx.template(rest, &value.span())?;
        return Some(Expires::Template { value, modified });
    }
    match ExpiresRule::parse(rest, modified) {
        Ok(ExpiresRule::Off) => None,
        Ok(rule) => Some(Expires::Fixed(rule)),
        Err(why) => {
            let message = format!("`expires` cannot be `{}`: {why}", text.escape_debug());
            let label =
                "expected \"30d\", \"modified 30d\", \"@15h30m\", \"max\", \"epoch\", \"off\" or variables";
            cx.push(Diagnostic::at(value.span(), message).label(label));
            None
        }
    }
}
