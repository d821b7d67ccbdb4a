use std::sync::Arc;

use tower_layer::Layer;

use crate::{Issuer, Rules, UserId};

/// Puts a [`UserId`] around a service.
#[derive(Clone, Debug)]
pub struct UserIdLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) rules: Rules,
    pub(crate) issuer: Issuer,
    pub(crate) local: [u8; 4],
}

impl UserIdLayer {
    /// Clients get a cookie that is like these rules; `issuer` has ids for those who have none.
    #[must_use]
    pub fn new(rules: Rules, issuer: Issuer) -> Self {
        Self { shared: Arc::new(Shared { rules, issuer, local: [0; 4] }) }
    }

    /// The last four bytes of the server's address, which are part of new ids where [`Rules::service`] says nothing. Default: zeros.
    #[must_use]
    pub fn local(self, local: [u8; 4]) -> Self {
        let Shared { rules, issuer, .. } = &*self.shared;
        Self { shared: Arc::new(Shared { rules: rules.clone(), issuer: issuer.clone(), local }) }
    }
}

impl<S> Layer<S> for UserIdLayer {
    type Service = UserId<S>;

    fn layer(&self, inner: S) -> UserId<S> {
        UserId::new(inner, self.shared.clone())
    }
}
