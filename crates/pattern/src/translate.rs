//! nginx's regexes are PCRE without UTF mode; ours are the crates `regex`'s and `fancy-regex`'s. Most patterns mean the
//! same in all. This rewrites those that would silently mean something else, says which need the second engine, and
//! names what only PCRE can do.

/// A pattern in the syntax of our engines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Translated {
    pub(crate) text: String,
    /// Whether it needs an engine that goes back: it looks around, refers back, or keeps what it has taken.
    pub(crate) goes_back: bool,
}

/// The pattern in our engines' syntax, or the construct that only PCRE has.
pub(crate) fn translate(pattern: &str) -> Result<Translated, &'static str> {
    let mut translator = Translator {
        out: String::with_capacity(pattern.len() + 8),
        rest: pattern,
        quantified: false,
        goes_back: false,
    };
    // In multi-line mode a dollar already matches before every line feed.
    let multiline = has_multiline_flag(pattern);
    while let Some(next) = translator.bump() {
        let quantified = std::mem::take(&mut translator.quantified);
        match next {
            '\\' => translator.escape()?,
            '[' => translator.class()?,
            '(' => translator.group()?,
            '{' => translator.braces(),
            '+' if quantified => {
                translator.out.push('+');
                translator.goes_back = true;
            }
            '?' if quantified => translator.out.push('?'),
            '*' | '+' | '?' => {
                translator.out.push(next);
                translator.quantified = true;
            }
            // PCRE's dollar also matches before a line feed that ends the subject, and a path can end in %0A.
            '$' if !multiline => translator.out.push_str(r"(?:\n?\z)"),
            next => translator.out.push(next),
        }
    }
    Ok(Translated { text: translator.out, goes_back: translator.goes_back })
}

struct Translator<'a> {
    out: String,
    rest: &'a str,
    /// Whether the last thing written was a quantifier.
    quantified: bool,
    goes_back: bool,
}

impl Translator<'_> {
    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let Some(next) = self.bump() else {
            self.out.push('\\');
            return Ok(());
        };
        match next {
            '1'..='9' | 'k' | 'K' | 'G' => {
                self.goes_back = true;
                self.out.extend(['\\', next]);
            }
            'g' => return Err("a backreference or a subroutine call"),
            'Q' => {
                let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(text));
                self.rest = rest;
            }
            'E' => {}
            'h' => self.out.push_str(r"[\t ]"),
            'H' => self.out.push_str(r"[^\t ]"),
            'v' => self.out.push_str(r"[\n\x0B\f\r]"),
            'V' => self.out.push_str(r"[^\n\x0B\f\r]"),
            'R' => self.out.push_str(r"(?:\r\n|[\n\x0B\f\r])"),
            'N' => self.out.push_str(r"[^\n]"),
            'X' | 'C' | 'c' | 'o' => return Err("an escape such as \\X or \\c"),
            // A property is of a character, not of a byte.
            'p' | 'P' => {
                let end =
                    if self.rest.starts_with('{') { self.rest.find('}').map(|at| at + 1) } else { None };
                let end = end.or_else(|| self.rest.chars().next().map(char::len_utf8)).unwrap_or(0);
                let (property, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.out.push_str(&format!("(?u:\\{next}{property})"));
                self.rest = rest;
            }
            'Z' => self.out.push_str(r"(?:\n?\z)"),
            'e' => self.out.push_str(r"\x1B"),
            '<' | '>' => self.out.push(next),
            next if next.is_ascii() => self.out.extend(['\\', next]),
            next => self.out.push(next),
        }
        Ok(())
    }

    /// A bracket opens nothing inside a class of PCRE, and `&&`, `~~`, `--` are plain characters there.
    fn class(&mut self) -> Result<(), &'static str> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        if self.take("]") {
            self.out.push_str(r"\]");
        }
        while let Some(next) = self.bump() {
            match next {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => match self.bump() {
                    Some('b') => self.out.push_str(r"\x08"),
                    Some('e') => self.out.push_str(r"\x1B"),
                    Some(c @ ('<' | '>')) => self.out.push(c),
                    Some('h' | 'H' | 'v' | 'V' | 'R' | 'N' | 'Q' | 'E') => {
                        return Err("an escape such as \\h or \\R");
                    }
                    Some(c) => self.out.extend(['\\', c]),
                    None => self.out.push('\\'),
                },
                '[' => match posix_class(self.rest) {
                    Some((name, rest)) => {
                        self.out.push('[');
                        self.out.push_str(name);
                        self.rest = rest;
                    }
                    None => self.out.push_str(r"\["),
                },
                '-' if self.rest.starts_with('-') => return Err("two hyphens in a row in a character class"),
                '&' | '~' => self.out.extend(['\\', next]),
                next => self.out.push(next),
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), &'static str> {
        self.out.push('(');
        if self.rest.starts_with('*') {
            return Err("a verb such as (*COMMIT)");
        }
        if self.rest.starts_with("?#") {
            self.out.pop();
            self.rest = self.rest.split_once(')').map_or("", |(_, rest)| rest);
            return Ok(());
        }
        if GOING_BACK.iter().any(|opening| self.rest.starts_with(opening)) {
            self.goes_back = true;
        }
        if let Some((_, construct)) = PCRE_GROUPS.iter().find(|(opening, _)| self.rest.starts_with(opening)) {
            return Err(construct);
        }
        let number = self.rest.strip_prefix('?').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
        if number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Err("a subroutine call");
        }
        if self.take("?'") {
            let Some((name, rest)) = self.rest.split_once('\'') else { return Ok(()) };
            self.out.push_str("?<");
            self.out.push_str(name);
            self.out.push('>');
            self.rest = rest;
        } else if self.take("?") {
            self.out.push('?');
        }
        Ok(())
    }

    /// A brace that begins no `{2}`, `{2,}` or `{2,3}` stands for itself.
    fn braces(&mut self) {
        let bounds = self.rest.split_once('}').filter(|(bounds, _)| {
            let (low, high) = bounds.split_once(',').unwrap_or((bounds, ""));
            !low.is_empty() && low.bytes().chain(high.bytes()).all(|byte| byte.is_ascii_digit())
        });
        match bounds {
            Some((bounds, rest)) => {
                self.out.push('{');
                self.out.push_str(bounds);
                self.out.push('}');
                self.rest = rest;
                self.quantified = true;
            }
            None => self.out.push_str(r"\{"),
        }
    }
}

/// Groups that the engine which goes back has.
const GOING_BACK: [&str; 7] = ["?=", "?!", "?<=", "?<!", "?>", "?(", "?P="];

const PCRE_GROUPS: [(&str, &str); 6] = [
    ("?|", "a branch reset group"),
    ("?C", "a callout"),
    ("?P>", "a subroutine call"),
    ("?&", "a subroutine call"),
    ("?R", "a recursion"),
    ("?+", "a subroutine call"),
];

/// `:alpha:]` after an opening bracket, and what follows it.
fn posix_class(rest: &str) -> Option<(&str, &str)> {
    let (name, _) = rest.strip_prefix(':')?.split_once(":]")?;
    let valid = name.strip_prefix('^').unwrap_or(name).bytes().all(|byte| byte.is_ascii_lowercase());
    if valid { rest.split_at_checked(name.len() + 3) } else { None }
}

fn has_multiline_flag(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|group| {
        group.split(|c: char| !c.is_ascii_alphabetic()).next().is_some_and(|flags| flags.contains('m'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Result<&str, &str>) {
        let translated = translate(pattern).map(|translated| {
            assert!(!translated.goes_back, "{pattern}");
            translated.text
        });
        assert_eq!(translated, expected.map(str::to_owned));
    }

    #[test]
    fn what_means_the_same_stays() {
        for pattern in [
            r"^/(?<a>\d+)/(?P<b>[a-z_]*?)\.php",
            r"\/a\-b{2,3}?c{1}d{2,}",
            "[^]a][[:alpha:]x]",
            "(?i)a|b",
            "(?:é)+",
            "(?i:a)??",
        ] {
            check(pattern, Ok(&pattern.replace("[^]", r"[^\]")));
        }
    }

    #[test]
    fn what_would_mean_something_else_is_rewritten() {
        check(r"\.php$", Ok(r"\.php(?:\n?\z)"));
        check(r"a\$$|b\Z", Ok(r"a\$(?:\n?\z)|b(?:\n?\z)"));
        check("(?m)^a$", Ok("(?m)^a$"));
        check("/{id}/x{,2}a{1", Ok(r"/\{id}/x\{,2}a\{1"));
        check(r"\<a\>", Ok("<a>"));
        check("[[a&&b~]", Ok(r"[\[a\&\&b\~]"));
        check(r"[\b\<$]", Ok(r"[\x08<$]"));
        check("(?'id'a)", Ok("(?<id>a)"));
        check(r"a\Q.(\Eb\E.", Ok(r"a\.\(b."));
        check(r"a\h+\N", Ok(r"a[\t ]+[^\n]"));
        check("a(?# a remark)b", Ok("ab"));
    }

    #[test]
    fn what_needs_to_go_back_is_known() {
        for pattern in [
            "(?=a)",
            "^(?!/admin)",
            "(?<!a)b",
            "(?<=a)b",
            r"(a)\1",
            r"(?<n>a)\k<n>",
            "(?P<n>a)(?P=n)",
            "(?>a)",
            "a++",
            "a{2}+",
            "(x)?(?(1)a)",
            r"a\Kb",
        ] {
            let expected = Translated { text: pattern.into(), goes_back: true };
            assert_eq!(translate(pattern), Ok(expected));
        }
    }

    #[test]
    fn what_only_pcre_has_is_named() {
        for (pattern, construct) in [
            ("(?R)", "a recursion"),
            ("(?-2)", "a subroutine call"),
            ("(a)(?1)", "a subroutine call"),
            ("(?|(a)|(b))", "a branch reset group"),
            ("(*UTF8)a", "a verb such as (*COMMIT)"),
            ("[+--]", "two hyphens in a row in a character class"),
        ] {
            check(pattern, Err(construct));
        }
    }
}
