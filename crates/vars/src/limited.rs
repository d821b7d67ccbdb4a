/// What a limit decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// It went on at once.
    Passed,
    /// It had to wait.
    Delayed,
    /// It went no further.
    Rejected,
    /// It would have had to wait.
    DelayedDryRun,
    /// It would have gone no further.
    RejectedDryRun,
}

impl Limited {
    /// nginx's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Delayed => "DELAYED",
            Self::Rejected => "REJECTED",
            Self::DelayedDryRun => "DELAYED_DRY_RUN",
            Self::RejectedDryRun => "REJECTED_DRY_RUN",
        }
    }
}
