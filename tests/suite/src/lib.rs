//! Who tests the tester: the tests are in `tests/suite/`.
#![forbid(unsafe_code)]
