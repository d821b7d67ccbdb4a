use http::StatusCode;

/// Which page answers in the place of which status.
///
/// ```
/// use http::StatusCode;
/// use propylon_error_page::{Pages, ShownStatus};
///
/// let pages = Pages::new()
///     .page([StatusCode::NOT_FOUND], ShownStatus::Original, "/404.html")
///     .page([StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT], ShownStatus::FromPage, "/sorry");
/// assert_eq!(pages.find(StatusCode::GATEWAY_TIMEOUT).map(|page| page.target), Some("/sorry"));
/// assert!(pages.find(StatusCode::FORBIDDEN).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages<T> {
    pages: Vec<(StatusCode, Page<T>)>,
}

/// What answers in the place of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What the user of the layer finds the answer by.
    pub target: T,
    /// Which status the client sees.
    pub shown: ShownStatus,
}

/// Which status the client sees beside a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownStatus {
    /// The one of the error.
    Original,
    /// This one.
    Fixed(StatusCode),
    /// The one that the page came with.
    FromPage,
}

impl ShownStatus {
    /// The status of a page that is shown for `error` and came with `page`.
    ///
    /// ```
    /// use http::StatusCode;
    /// use propylon_error_page::ShownStatus;
    ///
    /// let shown = ShownStatus::Original.of(StatusCode::NOT_FOUND, StatusCode::OK);
    /// assert_eq!(shown, StatusCode::NOT_FOUND);
    /// ```
    #[must_use]
    pub fn of(self, error: StatusCode, page: StatusCode) -> StatusCode {
        match self {
            Self::Original => error,
            Self::Fixed(status) => status,
            Self::FromPage => page,
        }
    }

    /// The status of a redirect to a page elsewhere: the fixed one if it is a redirect's, else 302.
    #[must_use]
    pub fn of_redirect(self) -> StatusCode {
        match self {
            Self::Fixed(status) if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) => status,
            _ => StatusCode::FOUND,
        }
    }
}

impl<T> Pages<T> {
    /// No pages.
    #[must_use]
    pub const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    /// Adds a page for some statuses. A status that has a page already keeps its first one.
    #[must_use]
    pub fn page(
        mut self,
        statuses: impl IntoIterator<Item = StatusCode>,
        shown: ShownStatus,
        target: T,
    ) -> Self
    where
        T: Clone,
    {
        for status in statuses {
            if self.find(status).is_none() {
                self.pages.push((status, Page { target: target.clone(), shown }));
            }
        }
        self
    }

    /// The page for a status.
    #[must_use]
    pub fn find(&self, status: StatusCode) -> Option<&Page<T>> {
        self.pages.iter().find(|(known, _)| *known == status).map(|(_, page)| page)
    }

    /// Whether there is no page at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_of_a_status_counts() {
        let pages = Pages::new()
            .page([StatusCode::NOT_FOUND, StatusCode::GONE], ShownStatus::Original, 1)
            .page([StatusCode::GONE, StatusCode::FORBIDDEN], ShownStatus::FromPage, 2);
        let target = |status| pages.find(status).map(|page| page.target);
        assert_eq!(target(StatusCode::GONE), Some(1));
        assert_eq!(target(StatusCode::FORBIDDEN), Some(2));
        assert_eq!(target(StatusCode::OK), None);
        assert!(!pages.is_empty() && Pages::<u8>::default().is_empty());
    }

    #[test]
    fn statuses_that_are_shown() {
        fn check(shown: ShownStatus, page: u16, redirect: u16) {
            let of = shown.of(StatusCode::NOT_FOUND, StatusCode::ACCEPTED);
            assert_eq!((of.as_u16(), shown.of_redirect().as_u16()), (page, redirect), "{shown:?}");
        }
        check(ShownStatus::Original, 404, 302);
        check(ShownStatus::FromPage, 202, 302);
        check(ShownStatus::Fixed(StatusCode::OK), 200, 302);
        check(ShownStatus::Fixed(StatusCode::MOVED_PERMANENTLY), 301, 301);
        check(ShownStatus::Fixed(StatusCode::PERMANENT_REDIRECT), 308, 308);
    }
}
