//! HTTP/2 as it stands on the wire: frames (RFC 9113) and field blocks (RFC 7541). Bytes in, events out, and back.
//!
//! Client and origin both read with it what a gateway really sent, late frames on closed streams and all, and write with it
//! what they please: nothing here holds a writer to the rules. It knows no stream and no connection; what is allowed when
//! is for those who have the states.

pub mod block;
pub mod error_code;
pub mod frame;
mod fuzzing;
pub mod hpack;
pub mod reader;
pub mod settings;
pub mod window;

pub use block::{Block, Blocks};
pub use error_code::ErrorCode;
pub use frame::{Frame, Kind, Payload, StreamId};
#[doc(hidden)]
pub use fuzzing::{fuzz_frames, fuzz_hpack};
pub use reader::FrameReader;
pub use settings::{Setting, SettingId};
pub use window::Window;

/// What a client sends first. RFC 9113 §3.4.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
