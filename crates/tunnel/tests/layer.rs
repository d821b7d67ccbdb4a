//! What the layer does with a response of 101, and with any other.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, Mutex};

use http::{Extensions, Request, Response, StatusCode};
use propylon_tunnel::{BoxError, Error, Policy, UpgradeLayer};
use tower::{Layer, ServiceExt, service_fn};

/// The client's end, which is but a name here.
#[derive(Clone, Debug, PartialEq)]
struct End(&'static str);

#[derive(Clone, Default)]
struct Joined(Arc<Mutex<Vec<(End, End)>>>);

impl Policy<&'static str> for Joined {
    type Client = End;

    fn client(&self, request: &mut Extensions) -> Option<End> {
        request.remove()
    }

    fn join(
        &self,
        client: End,
        mut response: Response<&'static str>,
    ) -> Result<Response<&'static str>, BoxError> {
        let upstream = response.extensions_mut().remove::<End>().ok_or("the upstream's end is gone")?;
        self.0.lock().unwrap().push((client, upstream));
        Ok(response)
    }
}

/// Passes a request through the layer: what came out, and which ends were joined.
async fn pass(
    status: StatusCode,
    client: Option<End>,
    upstream: Option<End>,
) -> (Result<Response<&'static str>, BoxError>, Vec<(End, End)>) {
    let joined = Joined::default();
    let service = UpgradeLayer::new(joined.clone()).layer(service_fn(move |request: Request<()>| {
        assert!(request.extensions().get::<End>().is_none(), "an end has one owner");
        let mut response = Response::new("body");
        *response.status_mut() = status;
        if let Some(upstream) = &upstream {
            response.extensions_mut().insert(upstream.clone());
        }
        async move { Ok::<_, BoxError>(response) }
    }));
    let mut request = Request::new(());
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let result = service.oneshot(request).await;
    let joined = joined.0.lock().unwrap().clone();
    (result, joined)
}

#[tokio::test]
async fn a_switch_joins_the_ends() {
    let (response, joined) =
        pass(StatusCode::SWITCHING_PROTOCOLS, Some(End("client")), Some(End("upstream"))).await;
    assert_eq!(response.unwrap().status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(joined, [(End("client"), End("upstream"))]);
}

#[tokio::test]
async fn any_other_response_is_a_response() {
    for status in [StatusCode::OK, StatusCode::UPGRADE_REQUIRED, StatusCode::BAD_REQUEST] {
        for client in [None, Some(End("client"))] {
            let (response, joined) = pass(status, client, None).await;
            let response = response.unwrap();
            assert_eq!((response.status(), *response.body()), (status, "body"));
            assert!(joined.is_empty());
        }
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_an_error() {
    let (response, joined) = pass(StatusCode::SWITCHING_PROTOCOLS, None, Some(End("upstream"))).await;
    assert_eq!(response.unwrap_err().downcast_ref(), Some(&Error::NotAsked));
    assert!(joined.is_empty());
    let (response, _) = pass(StatusCode::SWITCHING_PROTOCOLS, Some(End("client")), None).await;
    assert_eq!(response.unwrap_err().to_string(), "the upstream's end is gone");
}
