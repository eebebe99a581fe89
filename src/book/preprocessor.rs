//! The book's preprocessor, as mdBook knows one.

use std::fs;
use std::path::{Path, PathBuf};

use mdbook_preprocessor::PreprocessorContext;
use mdbook_preprocessor::book::Book as Chapters;

use super::{Book, Language, line_of};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};

/// Collects the texts of the chapters, of mdbook-i18n-helpers.
const TO_TRANSLATORS: &str = "xgettext";

/// Makes what stands in chapters for lessons and recordings.
pub struct Preprocessor {
    /// The repository, in which the lessons are.
    pub root: PathBuf,
}

impl mdbook_preprocessor::Preprocessor for Preprocessor {
    fn name(&self) -> &str {
        "lab"
    }

    /// Fails with the first chapter that cannot be made, the block's line in front.
    fn run(
        &self,
        context: &PreprocessorContext,
        mut chapters: Chapters,
    ) -> mdbook_preprocessor::errors::Result<Chapters> {
        let book = Book::of(&Catalogue::open(&self.root)?, language(context)?)?;
        let source = context.root.join(&context.config.book.src);
        let mut failed = None;
        chapters.for_each_chapter_mut(|chapter| {
            let Some(path) = chapter.source_path.as_ref().filter(|_| failed.is_none()) else {
                return;
            };
            let made = match context.renderer.as_str() {
                TO_TRANSLATORS => book.messages(path, &chapter.content),
                _ => book.chapter(path, &chapter.content),
            };
            match made {
                Ok(made) => chapter.content = made,
                Err(fault) => {
                    let line = in_file(&source.join(path), fault.part);
                    failed = Some(Error::Lesson { path: path.clone(), line, why: fault.why });
                }
            }
        });
        failed.map_or(Ok(chapters), |error| Err(error.into()))
    }
}

/// That of the book, if somebody has translated anything.
fn language(context: &PreprocessorContext) -> Result<Language> {
    let Some(name) = &context.config.book.language else { return Ok(Language::default()) };
    let po = context.root.join(format!("po/{name}.po"));
    if po.exists() { Language::read(&po) } else { Ok(Language::default()) }
}

/// The line of a block in the file that its author wrote: what is included there has more.
fn in_file(path: &Path, part: usize) -> usize {
    fs::read_to_string(path).map_or(1, |text| line_of(&text, part))
}
