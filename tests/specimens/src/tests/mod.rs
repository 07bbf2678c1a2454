//! The gateway from outside: raw clients before it, a raw origin behind it, every byte written by the test.

mod bends;
mod caching;
mod crossings;
mod framed;
mod framed_before_lines;
mod kept;
mod mutants;
mod reference;
mod shared;
mod stage;
