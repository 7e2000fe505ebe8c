//! A scanner that reads JSON text in one pass, borrowing from it.
//!
//! serde_json would need several passes here: the types of a row's values stand behind the row, and which shape a payload has is known only
//! from its envelope. This one hands out raw spans and values in the order in which they come. It accepts exactly the texts that
//! serde_json accepts as raw values (a property test holds them together), at any depth of nesting, with no recursion.

use std::borrow::Cow;

use super::error::DecodeError;

type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// What a value begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not space; the cursor stays before it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// What comes next.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token> {
        Ok(match self.peek() {
            Some(b'n') => Token::Null,
            Some(b't' | b'f') => Token::Bool,
            Some(b'-' | b'0'..=b'9') => Token::Number,
            Some(b'"') => Token::String,
            Some(b'[') => Token::Array,
            Some(b'{') => Token::Object,
            _ => return Err(self.expected("a value")),
        })
    }

    /// Steps over one byte of punctuation.
    #[inline]
    pub(crate) fn punctuation(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// That nothing but space follows.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.peek().map_or(Ok(()), |_| Err(self.expected("the end")))
    }

    /// Calls `each` for every member with its key; `each` must step over the value.
    #[inline]
    pub(crate) fn members(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.punctuation(b'{', "an object")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.punctuation(b'"', "a string")?;
            let start = self.at;
            let unescaped;
            let key = if self.pass_string()? {
                unescaped = self.unescape(start)?;
                unescaped.as_str()
            } else {
                self.slice(start, self.at - 1)?
            };
            self.punctuation(b':', "a colon")?;
            each(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.expected("a comma or the end of an object")),
            }
        }
    }

    /// Calls `each` before every element; `each` must step over it.
    #[inline]
    pub(crate) fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.punctuation(b'[', "an array")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.expected("a comma or the end of an array")),
            }
        }
    }

    /// A string, borrowed where it has no escapes.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>> {
        self.punctuation(b'"', "a string")?;
        let start = self.at;
        if self.pass_string()? {
            return self.unescape(start).map(Cow::Owned);
        }
        self.slice(start, self.at - 1).map(Cow::Borrowed)
    }

    /// The string that was just passed, from behind its opening quote.
    #[cold]
    fn unescape(&self, start: usize) -> Result<String> {
        let quoted = self.slice(start - 1, self.at)?;
        // A lone surrogate is no text, although the grammar has it.
        serde_json::from_str(quoted).map_err(|_| DecodeError::Syntax { at: start, expected: "text" })
    }

    /// A number as its text.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<&'a str> {
        self.peek();
        let start = self.at;
        self.pass_number()?;
        self.slice(start, self.at)
    }

    /// Steps over `null` if it is next.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.pass_word("null").map(|()| true)
    }

    /// `true` or `false`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.pass_word("true").map(|()| true),
            _ => self.pass_word("false").map(|()| false),
        }
    }

    /// Steps over one value of any kind and gives its text.
    pub(crate) fn skip(&mut self) -> Result<&'a str> {
        self.peek();
        let start = self.at;
        let mut open = Nesting::default();
        loop {
            match self.token()? {
                Token::String => {
                    self.at += 1;
                    self.pass_string()?;
                }
                Token::Number => self.pass_number()?,
                Token::Null => self.pass_word("null")?,
                Token::Bool => drop(self.boolean()?),
                Token::Array => {
                    self.at += 1;
                    if self.peek() != Some(b']') {
                        open.push(false);
                        continue;
                    }
                    self.at += 1;
                }
                Token::Object => {
                    self.at += 1;
                    if self.peek() != Some(b'}') {
                        open.push(true);
                        self.pass_key()?;
                        continue;
                    }
                    self.at += 1;
                }
            }
            loop {
                let Some(object) = open.innermost() else { return self.slice(start, self.at) };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.pass_key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(self.expected("a comma or the end of a value")),
                }
                self.at += 1;
                open.pop();
            }
        }
    }

    /// Where the cursor is, before space.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The text from a [`position`](Self::position) to here.
    #[inline]
    pub(crate) fn since(&self, start: usize) -> Result<&'a str> {
        self.slice(start, self.at)
    }

    /// Steps over a text that is known to be one valid value, if it is what comes next.
    #[inline]
    pub(crate) fn pass_known(&mut self, value: &str) -> bool {
        self.peek();
        let known = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(value));
        if known {
            self.at += value.len();
        }
        known
    }

    #[cold]
    pub(crate) fn expected(&self, expected: &'static str) -> DecodeError {
        DecodeError::Syntax { at: self.at, expected }
    }

    #[inline]
    fn slice(&self, from: usize, to: usize) -> Result<&'a str> {
        self.text.get(from..to).ok_or(DecodeError::Syntax { at: from, expected: "text" })
    }

    #[inline]
    fn pass_key(&mut self) -> Result<()> {
        self.punctuation(b'"', "a member")?;
        self.pass_string()?;
        self.punctuation(b':', "a colon")
    }

    #[inline]
    fn pass_word(&mut self, word: &'static str) -> Result<()> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// From behind the opening quote to behind the closing one; says whether there were escapes.
    #[inline]
    fn pass_string(&mut self) -> Result<bool> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let mut at = self.at;
            while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
                let ends = string_ends(u64::from_le_bytes(*word));
                if ends != 0 {
                    at += ends.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            self.at = at;
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.pass_escape()?;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.expected("the end of a string")),
            }
        }
    }

    #[inline(never)]
    fn pass_escape(&mut self) -> Result<()> {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let length = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => 6,
            _ => return Err(self.expected("an escape")),
        };
        self.at += length;
        Ok(())
    }

    #[inline]
    fn pass_number(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.pass_digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.pass_digits()?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = bytes.get(self.at) {
                self.at += 1;
            }
            self.pass_digits()?;
        }
        Ok(())
    }

    #[inline]
    fn pass_digits(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while let Some(b'0'..=b'9') = bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }
}

/// The high bit of every byte of the word that ends a run of plain characters: a quote, a backslash, a control character. A byte above such
/// a one can be marked falsely, so only the lowest mark counts.
#[inline]
fn string_ends(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

/// Which brackets are open: a bit for each, true for an object.
#[derive(Default)]
struct Nesting {
    /// The innermost ones, lowest bit last opened.
    bits: u128,
    depth: usize,
    /// Full words of outer ones; empty for all that people write.
    outer: Vec<u128>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.outer.push(self.bits);
            self.bits = 0;
        }
        self.bits = self.bits << 1 | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}
