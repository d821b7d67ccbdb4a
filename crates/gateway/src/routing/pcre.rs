//! nginx's regexes are PCRE without UTF mode; ours are the `regex` crate's. Most patterns mean the same in both. This
//! rewrites those that would silently mean something else, and names what only PCRE can do.

/// The pattern in the `regex` crate's syntax, or the construct that only PCRE has.
pub(super) fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut translator =
        Translator { out: String::with_capacity(pattern.len() + 8), rest: pattern, quantified: false };
    // In multi-line mode a dollar already matches before every line feed.
    let multiline = has_multiline_flag(pattern);
    while let Some(next) = translator.bump() {
        let quantified = std::mem::take(&mut translator.quantified);
        match next {
            '\\' => translator.escape()?,
            '[' => translator.class()?,
            '(' => translator.group()?,
            '{' => translator.braces(),
            '+' if quantified => return Err("a possessive quantifier"),
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
    Ok(translator.out)
}

struct Translator<'a> {
    out: String,
    rest: &'a str,
    /// Whether the last thing written was a quantifier.
    quantified: bool,
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
            '1'..='9' | 'k' => return Err("a backreference"),
            'g' => return Err("a backreference or a subroutine call"),
            'K' => return Err(r"\K"),
            'G' => return Err(r"\G"),
            'Q' | 'E' => return Err(r"\Q…\E"),
            'R' | 'X' | 'N' | 'C' | 'h' | 'H' | 'v' | 'V' | 'c' | 'o' => {
                return Err("an escape such as \\h or \\R");
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

const PCRE_GROUPS: [(&str, &str); 14] = [
    ("?=", "a look-ahead"),
    ("?!", "a look-ahead"),
    ("?<=", "a look-behind"),
    ("?<!", "a look-behind"),
    ("?>", "an atomic group"),
    ("?|", "a branch reset group"),
    ("?(", "a conditional group"),
    ("?#", "a comment group"),
    ("?C", "a callout"),
    ("?P=", "a backreference"),
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
        assert_eq!(translate(pattern), expected.map(str::to_owned));
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
    }

    #[test]
    fn what_only_pcre_has_is_named() {
        for (pattern, construct) in [
            ("(?=a)", "a look-ahead"),
            ("^(?!/admin)", "a look-ahead"),
            ("(?<!a)b", "a look-behind"),
            ("(?<=a)b", "a look-behind"),
            (r"(a)\1", "a backreference"),
            (r"(?<n>a)\k<n>", "a backreference"),
            ("(?P<n>a)(?P=n)", "a backreference"),
            ("(?>a)", "an atomic group"),
            ("a++", "a possessive quantifier"),
            ("a{2}+", "a possessive quantifier"),
            ("(?R)", "a recursion"),
            ("(?-2)", "a subroutine call"),
            ("(a)(?1)", "a subroutine call"),
            ("(?(1)a)", "a conditional group"),
            (r"a\Kb", r"\K"),
            ("(*UTF8)a", "a verb such as (*COMMIT)"),
            ("[+--]", "two hyphens in a row in a character class"),
        ] {
            check(pattern, Err(construct));
        }
    }
}
