/// What is wrong with a command: told to whoever [hosts](crate::Host::report) the page, which goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A byte that cannot stand there.
    #[error("unexpected \"{byte}\" {place} of the \"{command}\" SSI command")]
    Unexpected {
        /// The byte.
        byte: char,
        /// Where it stands.
        place: &'static str,
        /// The command's name.
        command: String,
    },
    /// A name or a value that is too long, or too many parameters.
    #[error("the \"{0}\" SSI command is too long")]
    TooLong(String),
    /// The page ends amid a command.
    #[error("the page ends in the \"{0}\" SSI command")]
    Unfinished(String),
    /// There is no such command.
    #[error("invalid SSI command: \"{0}\"")]
    NoSuchCommand(String),
    /// `elif`, `else` and `endif` have to follow an `if`, and there is no `if` in an `if`.
    #[error("invalid context of SSI command: \"{0}\"")]
    Context(String),
    /// A parameter that the command does not have, or has twice.
    #[error("invalid parameter \"{parameter}\" in \"{command}\" SSI command")]
    Parameter {
        /// The parameter's name.
        parameter: String,
        /// The command's name.
        command: String,
    },
    /// A parameter that has to be there is not.
    #[error("mandatory \"{parameter}\" parameter is absent in \"{command}\" SSI command")]
    Mandatory {
        /// The parameter's name.
        parameter: &'static str,
        /// The command's name.
        command: String,
    },
    /// `include` takes either `virtual` or `file`, `set` or `stub`, and `wait` with `virtual`.
    #[error("incompatible parameters in \"include\" SSI command")]
    Inclusion,
    /// No block has the name of a `stub`.
    #[error("\"stub\"=\"{0}\" for \"include\" not found")]
    NoSuchBlock(String),
    /// A path that leads out of the server, or nowhere.
    #[error("unsafe URI \"{0}\" was detected")]
    UnsafeUri(String),
    /// A `$` without a name.
    #[error("invalid variable name in \"{0}\"")]
    Variable(String),
    /// What `if` cannot judge.
    #[error("invalid expression in \"{0}\"")]
    Expression(String),
    /// A regular expression that is none.
    #[error("invalid regular expression \"{pattern}\": {why}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The pages of a request set more than there is room for.
    #[error("SSI variables and blocks take too much memory")]
    TooMuch,
    /// What was to be kept in a variable is longer than allowed.
    #[error("too big response for the SSI variable \"{0}\"")]
    TooBig(String),
    /// What was to be included cannot be had.
    #[error("\"{0}\" cannot be included")]
    NotIncluded(String),
}
