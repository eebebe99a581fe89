//! Reads a stream of stamps, `[1893456000.25]: b'hello'[1893456000.5]: b'you'`: what was stamped, and where that ends.
//!
//! Nothing stands between two stamps, and the bytes are written as Python writes them.

/// What a stream of stamps holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The bytes that were stamped, in order.
    pub bytes: Vec<u8>,
    /// Where in the stream each of them stands.
    pub places: Vec<usize>,
    /// Where the stream stopped, if not between two stamps.
    pub stop: Option<Stop>,
}

/// Why a stream could not be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It ends within the stamp that begins there.
    Unfinished { begins: usize },
    /// The stamp that begins there is none from the byte at `at` on.
    NoStamp { begins: usize, at: usize },
    /// The time of the stamp that begins there is before the one before it.
    Backwards { begins: usize },
}

/// Takes a stream of stamps apart.
pub fn stamps(stream: &[u8]) -> Stamps {
    let mut found = Stamps::default();
    let mut reader = Reader { stream, at: 0 };
    let mut last = 0.0;
    while reader.at < stream.len() {
        let begins = reader.at;
        match reader.stamp(&mut found) {
            Ok(time) if time < last => found.stop = Some(Stop::Backwards { begins }),
            Ok(time) => {
                last = time;
                continue;
            }
            Err(Wrong::Over) => found.stop = Some(Stop::Unfinished { begins }),
            Err(Wrong::Byte) => found.stop = Some(Stop::NoStamp { begins, at: reader.at }),
        }
        break;
    }
    found
}

enum Wrong {
    /// The stream is over.
    Over,
    /// This byte does not belong here.
    Byte,
}

struct Reader<'a> {
    stream: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// One stamp: its bytes go to `found`, its time is given.
    fn stamp(&mut self, found: &mut Stamps) -> Result<f64, Wrong> {
        self.exactly(b"[")?;
        let number = self.at;
        self.digits()?;
        if self.peek()? == b'.' {
            self.at += 1;
            self.digits()?;
        }
        let number = std::str::from_utf8(&self.stream[number..self.at]);
        let time = number.ok().and_then(|number| number.parse().ok()).unwrap_or(0.0);
        self.exactly(b"]: b")?;
        let quote = self.peek()?;
        if !matches!(quote, b'\'' | b'"') {
            return Err(Wrong::Byte);
        }
        self.at += 1;
        loop {
            let place = self.at;
            let byte = match self.peek()? {
                byte if byte == quote => break,
                b'\\' => self.escaped()?,
                b' '..=b'~' => self.next()?,
                _ => return Err(Wrong::Byte),
            };
            found.bytes.push(byte);
            found.places.push(place);
        }
        self.at += 1;
        Ok(time)
    }

    /// `\n`, `\'`, `\xe4`.
    fn escaped(&mut self) -> Result<u8, Wrong> {
        self.at += 1;
        let byte = match self.peek()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            byte @ (b'\\' | b'\'' | b'"') => byte,
            b'x' => {
                self.at += 1;
                let (high, low) = (self.hex()?, self.hex()?);
                return Ok(high << 4 | low);
            }
            _ => return Err(Wrong::Byte),
        };
        self.at += 1;
        Ok(byte)
    }

    fn hex(&mut self) -> Result<u8, Wrong> {
        let digit = char::from(self.peek()?).to_digit(16).ok_or(Wrong::Byte)?;
        self.at += 1;
        Ok(digit as u8)
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Wrong> {
        let from = self.at;
        while self.peek()?.is_ascii_digit() {
            self.at += 1;
        }
        if self.at == from { Err(Wrong::Byte) } else { Ok(()) }
    }

    fn exactly(&mut self, text: &[u8]) -> Result<(), Wrong> {
        for byte in text {
            if self.peek()? != *byte {
                return Err(Wrong::Byte);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<u8, Wrong> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Result<u8, Wrong> {
        self.stream.get(self.at).copied().ok_or(Wrong::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stamped_is_read_out_of_its_stamps() {
        let stream = br#"[1893456000.25]: b'a\xe4\\\'"'[1893456001]: b"it's\n"[1893456001]: b''"#;
        let found = stamps(stream);
        assert_eq!(found.bytes, b"a\xe4\\'\"it's\n");
        assert_eq!(found.stop, None);
        assert_eq!(found.places[..3], [19, 20, 24]);
    }

    #[test]
    fn a_stream_that_ends_within_a_stamp_or_holds_another_thing_says_where() {
        let cases: [(&[u8], Stop); 8] = [
            (b"[1.5]: b'hel", Stop::Unfinished { begins: 0 }),
            (b"[1.5]: b'a'[2", Stop::Unfinished { begins: 11 }),
            (b"hello", Stop::NoStamp { begins: 0, at: 0 }),
            (b"[1.5]: hello", Stop::NoStamp { begins: 0, at: 7 }),
            (b"[1.5]: b'a'\n[2.5]: b'b'", Stop::NoStamp { begins: 11, at: 11 }),
            (b"[now]: b'a'", Stop::NoStamp { begins: 0, at: 1 }),
            ("[1.5]: b'你'".as_bytes(), Stop::NoStamp { begins: 0, at: 9 }),
            (b"[2.5]: b'a'[1.5]: b'b'", Stop::Backwards { begins: 11 }),
        ];
        for (stream, stop) in cases {
            assert_eq!(stamps(stream).stop, Some(stop), "{}", String::from_utf8_lossy(stream));
        }
    }
}
