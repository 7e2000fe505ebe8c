//! Which pages of a write-ahead log are good.
//!
//! Every frame's checksum goes on from that of the frame before it. So one that follows a broken frame can still be checked, as long as the
//! few bytes of that frame's checksum are whole.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::{PAGE, u32_at};

const HEADER: usize = 32;
const FRAME: usize = 24;

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct Wal {
    /// Where in the log the newest committed state of a page begins.
    pub(super) pages: BTreeMap<u32, u64>,
    /// Whether SQLite would stop before the last transaction that was certainly on the disk, and forget it without a word.
    pub(super) cut_short: bool,
}

/// Whether the log of the database at `path` has whole transactions behind a broken frame. The last transaction of a crash may well be broken:
/// nobody was told that it is saved. But each one is on the disk before the next one begins, so a broken one with others after it is damage.
pub(crate) fn is_cut_short(path: &Path) -> io::Result<bool> {
    Ok(read(&crate::replace::with_end(path, "-wal"))?.cut_short)
}

/// Reads the log; one that is not there is empty.
pub(super) fn read(path: &Path) -> io::Result<Wal> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Wal::default()),
        Err(error) => return Err(error),
    };
    let mut input = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    if !fill(&mut input, &mut header)? {
        return Ok(Wal::default());
    }
    let mut scan = Scan::of(&header);
    let mut frame = [0; FRAME + PAGE];
    let mut at = HEADER as u64;
    while fill(&mut input, &mut frame)? {
        scan.take(&frame, at + FRAME as u64);
        at += frame.len() as u64;
    }
    Ok(scan.wal)
}

struct Scan {
    /// Those of the log's present round; frames of an earlier one have others. Taken from the first frame when the header is broken.
    salts: Option<(u32, u32)>,
    big_endian: bool,
    /// The checksum of the frame before; `None` when nothing is known of it.
    before: Option<(u32, u32)>,
    /// Good frames since the last commit.
    open: BTreeMap<u32, u64>,
    /// Whether a frame was broken, and whether a commit came after it.
    broken: bool,
    commit_after_broken: bool,
    wal: Wal,
}

impl Scan {
    fn of(header: &[u8; HEADER]) -> Self {
        let word = |at| u32_at(header, at).unwrap_or_default();
        let big_endian = word(0) & 1 == 1;
        let (head, sum) = header.split_at(24);
        let sum = (u32_at(sum, 0).unwrap_or_default(), u32_at(sum, 4).unwrap_or_default());
        let good = word(0) & !1 == 0x377f_0682 && word(8) as usize == PAGE && checksum(big_endian, (0, 0), head) == sum;
        Self {
            salts: good.then(|| (word(16), word(20))),
            // Every machine of today writes in the order of the smaller end first; only the header says otherwise.
            big_endian: good && big_endian,
            before: good.then_some(sum),
            open: BTreeMap::new(),
            broken: !good,
            commit_after_broken: false,
            wal: Wal::default(),
        }
    }

    fn take(&mut self, frame: &[u8; FRAME + PAGE], content_at: u64) {
        let word = |at| u32_at(frame, at).unwrap_or_default();
        let (page, commit, salts, sum) = (word(0), word(4), (word(8), word(12)), (word(16), word(20)));
        let first = *self.salts.get_or_insert(salts);
        let before = self.before.replace(sum);
        let (head, content) = frame.split_at(FRAME);
        let good = salts == first
            && page > 0
            && before.is_some_and(|before| {
                let head = checksum(self.big_endian, before, head.get(..8).unwrap_or_default());
                checksum(self.big_endian, head, content) == sum
            });
        // Without a header nothing can be said of the first frame; what its page holds is looked at with the same distrust as any other.
        let unknown = salts == first && before.is_none() && page > 0;
        if !good && !unknown {
            self.broken = true;
            return;
        }
        if self.commit_after_broken {
            self.wal.cut_short = true;
        }
        self.open.insert(page, content_at);
        if commit > 0 {
            self.wal.pages.append(&mut self.open);
            self.commit_after_broken = self.broken;
        }
    }
}

/// The checksum of section 4.2 of the format, going on from an earlier one.
fn checksum(big_endian: bool, from: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let word = |four: &[u8]| {
        let four: [u8; 4] = four.try_into().unwrap_or_default();
        if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    bytes.chunks_exact(8).fold(from, |(mut one, mut two), eight| {
        let (left, right) = eight.split_at(4);
        one = one.wrapping_add(word(left)).wrapping_add(two);
        two = two.wrapping_add(word(right)).wrapping_add(one);
        (one, two)
    })
}

/// Fills the buffer; `false` when the input ends before.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
