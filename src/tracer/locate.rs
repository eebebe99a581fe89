//! Where in the program's own source a call stands: `exercise.rs:42`.
//!
//! At the call's stop the thread's stack is unwound (framehop, by the frame tables that every compiler leaves in a program)
//! to the innermost frame that debug information (addr2line) finds in the program's own source. Neither the C
//! library's wrapper nor the standard library or a crate from a registry is that, and a source that is not on this machine
//! is of no use to anybody: an interpreter has none.
//!
//! *The program's own* is what lies in the folder that the run was told of, else in that of the file that `main` is in,
//! or, in Rust, in its package. Each address is looked up once; what is left to do for a call is some reads of the stack.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative,
    Unwinder, UnwinderNative,
};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ReadCache, ReadRef};

use crate::decode::Memory;

use super::Tracer;
use super::memory::Tracee;
use super::stop::{Gone, Stopped};
use super::tracees::Key;

/// The most frames that are looked at: a recursion may be deeper than anybody wants to know.
const FRAMES: usize = 256;

/// The programs in memory whose calls have been located. Processes share one until they execute another.
#[derive(Default)]
pub struct Locator {
    images: HashMap<ImageId, Image>,
    next: usize,
}

/// Which program is in a process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageId(usize);

impl Locator {
    /// A program that has just been executed, or will be.
    pub fn new_image(&mut self) -> ImageId {
        self.next += 1;
        ImageId(self.next)
    }
}

/// What is known of one program's code in memory.
struct Image {
    unwinder: UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
    code: Vec<Code>,
    /// The folder that holds its own source; `None` until a frame of its own has been seen.
    home: Option<PathBuf>,
    /// Places of its own source, from the innermost inlined function outwards, by return address.
    known: HashMap<u64, Vec<Place>>,
}

/// A file of code and where it lies in memory.
struct Code {
    range: Range<u64>,
    /// What an address in the file is moved by.
    bias: u64,
    path: PathBuf,
    lines: Lines,
}

/// Debug information is opened when an address in the file is first asked for.
enum Lines {
    Unopened,
    /// There is none, or it is a library of the system.
    None,
    Open(Box<addr2line::Loader>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    line: u32,
}

impl Tracer {
    /// The place of the call that the thread is stopped at, if the program's source tells.
    pub(super) fn locate(&mut self, key: Key, stopped: &Stopped) -> Result<Option<String>, Gone> {
        if !self.settings.locate {
            return Ok(None);
        }
        let Some(process) = self.threads.get(&key).map(|thread| thread.process) else {
            return Ok(None);
        };
        let image = self
            .locator
            .images
            .entry(self.processes[process].image)
            .or_insert_with(|| Image::of(stopped.tid(), self.settings.source.clone()));
        if !image.may_have_source() {
            return Ok(None);
        }
        let (pc, registers) = stopped.registers()?.frame();
        Ok(image.locate(stopped.tid(), pc, registers))
    }
}

impl Image {
    fn of(tid: i32, home: Option<PathBuf>) -> Image {
        let mut image = Image {
            unwinder: UnwinderNative::new(),
            cache: CacheNative::new(),
            code: Vec::new(),
            home,
            known: HashMap::new(),
        };
        image.load(tid);
        image
    }

    /// Takes in the files of code that are mapped and not known yet. Says whether there were any.
    fn load(&mut self, tid: i32) -> bool {
        let maps = std::fs::read_to_string(format!("/proc/{tid}/maps")).unwrap_or_default();
        let before = self.code.len();
        for (range, offset, path) in maps.lines().filter_map(mapped_code) {
            if self.code.iter().any(|code| code.range == range) {
                continue;
            }
            let Some((module, bias)) = module(&range, offset, &path) else { continue };
            self.unwinder.add_module(module);
            let lines = if is_of_system(&path) { Lines::None } else { Lines::Unopened };
            self.code.push(Code { range, bias, path, lines });
        }
        self.code.len() > before
    }

    fn may_have_source(&self) -> bool {
        self.code.iter().any(|code| !matches!(code.lines, Lines::None))
    }

    fn locate(&mut self, tid: i32, pc: u64, registers: UnwindRegsNative) -> Option<String> {
        let addresses = self.addresses(tid, pc, registers);
        // A library that was loaded meanwhile.
        let is_strange = |address: &u64| !self.code.iter().any(|it| it.range.contains(address));
        let addresses = match addresses.iter().any(is_strange) && self.load(tid) {
            true => self.addresses(tid, pc, registers),
            false => addresses,
        };
        if self.home.is_none() {
            // The outermost frame of the program's first call is `main`.
            let outermost = addresses.iter().rev().find_map(|&at| self.places(at).last().cloned());
            self.home = Some(home_of(&outermost?.file));
        }
        let home = self.home.clone()?;
        addresses.into_iter().find_map(|at| {
            let place = self.places(at).iter().find(|place| place.file.starts_with(&home))?;
            let file = place.file.strip_prefix(&home).ok()?;
            Some(format!("{}:{}", file.display(), place.line))
        })
    }

    /// The call's own address and the return addresses above it, each within its call instruction.
    fn addresses(&mut self, tid: i32, pc: u64, registers: UnwindRegsNative) -> Vec<u64> {
        let mut stack = Stack { memory: Tracee(tid), start: 0, bytes: Vec::new() };
        let mut read = |addr: u64| stack.word(addr).ok_or(());
        let mut frames = self.unwinder.iter_frames(pc, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while addresses.len() < FRAMES
            && let Ok(Some(frame)) = frames.next()
        {
            addresses.push(frame.address_for_lookup());
        }
        addresses
    }

    /// The places in source files of this machine that an address stands for.
    fn places(&mut self, address: u64) -> &[Place] {
        if !self.known.contains_key(&address) {
            let code = self.code.iter_mut().find(|code| code.range.contains(&address));
            let places = code.map(|code| code.places(address)).unwrap_or_default();
            self.known.insert(address, places);
        }
        &self.known[&address]
    }
}

impl Code {
    fn places(&mut self, address: u64) -> Vec<Place> {
        if matches!(self.lines, Lines::Unopened) {
            let opened = addr2line::Loader::new(&self.path);
            self.lines = opened.map_or(Lines::None, |loader| Lines::Open(Box::new(loader)));
        }
        let Lines::Open(loader) = &self.lines else { return Vec::new() };
        let Ok(mut frames) = loader.find_frames(address.wrapping_sub(self.bias)) else {
            return Vec::new();
        };
        let mut places = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            if let Some(location) = frame.location
                && let (Some(file), Some(line @ 1..)) = (location.file, location.line)
                && is_own_source(Path::new(file))
            {
                places.push(Place { file: file.into(), line });
            }
        }
        places
    }
}

/// The part of a stack that has been read.
struct Stack {
    memory: Tracee,
    start: u64,
    bytes: Vec<u8>,
}

impl Stack {
    fn word(&mut self, addr: u64) -> Option<u64> {
        const PIECE: usize = 4096;
        let within = |stack: &Stack| {
            let at = usize::try_from(addr.checked_sub(stack.start)?).ok()?;
            stack.bytes.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
        };
        if let Some(word) = within(self) {
            return Some(word);
        }
        self.bytes.resize(PIECE, 0);
        let got = self.memory.read(addr, &mut self.bytes);
        self.bytes.truncate(got);
        self.start = addr;
        within(self)
    }
}

/// Reads a line of /proc/PID/maps: address range, offset in the file and path, of what may be executed.
fn mapped_code(line: &str) -> Option<(Range<u64>, u64, PathBuf)> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    (rights.contains('x') && path.starts_with('/')).then_some((
        hex(start)?..hex(end)?,
        hex(offset)?,
        path.into(),
    ))
}

/// The frame tables of an ELF file whose bytes at `offset` lie at the start of `range`, and what its addresses
/// are moved by.
fn module(range: &Range<u64>, offset: u64, path: &Path) -> Option<(Module<Vec<u8>>, u64)> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let elf: ElfFile64<Endianness, _> = ElfFile64::parse(&cache).ok()?;
    let bias = bias(&elf, range.start, offset)?;
    let range_of = |name: &str| {
        let section = elf.section_by_name(name)?;
        Some(section.address()..section.address() + section.size())
    };
    let data_of = |name: &str| Some(elf.section_by_name(name)?.data().ok()?.to_vec());
    let sections = ExplicitModuleSectionInfo {
        text_svma: range_of(".text"),
        got_svma: range_of(".got"),
        eh_frame_svma: range_of(".eh_frame"),
        eh_frame: data_of(".eh_frame"),
        eh_frame_hdr_svma: range_of(".eh_frame_hdr"),
        eh_frame_hdr: data_of(".eh_frame_hdr"),
        ..Default::default()
    };
    Some((Module::new(path.display().to_string(), range.clone(), bias, sections), bias))
}

fn bias<'a, R: ReadRef<'a>>(
    elf: &ElfFile64<'a, Endianness, R>,
    start: u64,
    offset: u64,
) -> Option<u64> {
    const PAGE: u64 = 4096;
    let endian = elf.endian();
    let loaded = elf.elf_program_headers().iter().find(|header| {
        let from = header.p_offset(endian) / PAGE * PAGE;
        header.p_type(endian) == object::elf::PT_LOAD
            && (from..header.p_offset(endian) + header.p_filesz(endian)).contains(&offset)
            && header.p_flags(endian) & object::elf::PF_X != 0
    })?;
    let in_file = loaded.p_vaddr(endian).wrapping_sub(loaded.p_offset(endian));
    Some(start.wrapping_sub(offset).wrapping_sub(in_file))
}

/// Libraries and interpreters that came with the machine: nobody's exercise.
fn is_of_system(path: &Path) -> bool {
    ["/usr", "/lib", "/lib64", "/lib32", "/bin", "/opt"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// Whether a source file is there and belongs to no library.
fn is_own_source(file: &Path) -> bool {
    let text = file.to_string_lossy();
    let of_library = ["/rustc/", "/rustlib/src/", "/registry/src/", "/git/checkouts/"];
    file.is_absolute()
        && !file.starts_with("/usr")
        && !of_library.iter().any(|part| text.contains(part))
        && file.is_file()
}

/// The folder of a program's own source, from the file that `main` is in.
fn home_of(main: &Path) -> PathBuf {
    let folder = main.parent().unwrap_or(Path::new("/"));
    let in_rust = main.extension().is_some_and(|extension| extension == "rs");
    let package = folder.ancestors().find(|folder| in_rust && folder.join("Cargo.toml").is_file());
    package.unwrap_or(folder).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_gives_code_with_its_path() {
        let line = "7ffff7dd5000-7ffff7f2b000 r-xp 00026000 fe:00 1234   /tmp/a program";
        let (range, offset, path) = mapped_code(line).unwrap();
        assert_eq!((range, offset), (0x7fff_f7dd_5000..0x7fff_f7f2_b000, 0x26000));
        assert_eq!(path, Path::new("/tmp/a program"));
        assert_eq!(mapped_code("7ff000-7ff100 r--p 00000000 fe:00 1234   /tmp/a"), None);
        assert_eq!(mapped_code("7ffff000-7ffff100 r-xp 00000000 00:00 0   [vdso]"), None);
    }

    #[test]
    fn what_came_with_a_compiler_or_a_registry_is_nobodys_own() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tracer/locate.rs");
        assert!(is_own_source(&here));
        assert!(!is_own_source(Path::new("/rustc/0123/library/std/src/net/tcp.rs")));
        assert!(!is_own_source(&here.with_file_name("gone.rs")));
        assert!(!is_own_source(Path::new("src/lib.rs")));
        assert_eq!(home_of(&here), Path::new(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(home_of(Path::new("/home/ann/echo/main.c")), Path::new("/home/ann/echo"));
    }
}
