//! Tables put together, protected and tested.
