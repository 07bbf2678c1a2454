//! The gateway from outside: raw clients before it, a raw origin behind it, every byte written by the test.

mod caching;
mod kept;
mod mutants;
mod reference;
mod stage;
