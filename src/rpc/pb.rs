//! The generated messages, clients and servers of `proto/evensum/v1`.

#![allow(
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::too_many_lines,
    clippy::large_enum_variant,
    reason = "this code is generated, and nothing outside `rpc` can name it"
)]

tonic::include_proto!("evensum.v1");
