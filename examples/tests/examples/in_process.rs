//! The proxy in the test's own process, under a few scenarios.

use crosswire::{Gateway, RunError};
use examples::proxy;

#[tokio::test]
async fn replies_stay_with_their_requests() -> Result<(), RunError> {
    let gateway = Gateway::in_process(proxy::serve);
    let run = crosswire::builder().gateway(gateway).scenarios("failure/*").scenarios("recycling/*").cases(6).seed(1);
    run.run().await?.assert_isolated();
    Ok(())
}
