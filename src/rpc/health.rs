//! The gRPC health service of a server: whether it can answer at this moment.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

/// The name of the server as a whole, which is what a coordinator asks after.
pub(super) const WHOLE: &str = "";

const fn status(serving: bool) -> ServingStatus {
    if serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Says `SERVING` while `serving` holds true, and `NOT_SERVING` while it does not and once its sender is gone.
pub(super) async fn service(mut serving: watch::Receiver<bool>) -> HealthServer<impl Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    let now = status(*serving.borrow_and_update());
    reporter.set_service_status(WHOLE, now).await;
    tokio::spawn(async move {
        while serving.changed().await.is_ok() {
            let now = status(*serving.borrow_and_update());
            reporter.set_service_status(WHOLE, now).await;
        }
        reporter.set_service_status(WHOLE, status(false)).await;
    });
    service
}
