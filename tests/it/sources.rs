//! Extracts that lie in a database.

use crate::postgres;

#[tokio::test]
async fn a_cluster_of_our_own_has_databases_and_roles() {
    let Some(cluster) = postgres::cluster().await else { return };
    let admin = cluster.fresh_database("sources_itself").await;
    cluster.fresh_role("sources_nobody").await;
    postgres::run(&admin, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await;
    postgres::run(&cluster.url("sources_nobody", "sources_itself"), "SELECT 1").await;
}
