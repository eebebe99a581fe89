//! The listener is dropped at the end of `main`, and its name removed after it. SIGTERM never lets it come to that.

use std::io::{ErrorKind, Result};
use std::os::unix::net::{UnixListener, UnixStream};

fn main() -> Result<()> {
    let path = std::env::temp_dir().join("lab-23");
    if let Err(error) = UnixStream::connect(&path) {
        if error.kind() == ErrorKind::ConnectionRefused {
            std::fs::remove_file(&path)?;
        }
    }
    let listener = UnixListener::bind(&path)?;
    for conn in listener.incoming() {
        let conn = conn?;
        std::io::copy(&mut &conn, &mut &conn)?;
    }
    std::fs::remove_file(&path)
}
