//! Grades answers to a lesson's questions by playing the demo that they are about.

use std::fs;
use std::path::Path;

use crate::catalogue::{Catalogue, Lesson, Prediction};
use crate::error::{Error, Result};
use crate::event::Recording;
use crate::grade::{
    About, Cell, Finding, Grade, Judgement, PREDICTIONS, Question, Verdict, answers, predictions,
};
use crate::play::{self, Request};
use crate::render::json;
use crate::timeline::{Timeline, timeline};
use crate::tracer;

use super::output::ColorChoice;
use super::run::{build_shipped, demo_run, parts};

/// A lesson's questions, and what answers them.
pub struct Predictor<'a> {
    lesson: &'a Lesson,
    questions: Vec<Question>,
    /// The demo that is asked about, ready to be played.
    demo: Request,
    /// What the questions about claims are about.
    kept: Recording,
}

impl<'a> Predictor<'a> {
    /// Builds the demo and reads the recording that the questions are about.
    ///
    /// Fails with [`Error::Lesson`] if either is missing or a question cannot be read.
    pub fn new(
        catalogue: &Catalogue,
        lesson: &'a Lesson,
        color: ColorChoice,
    ) -> Result<Predictor<'a>> {
        let Some(Prediction { of, recording }) = &lesson.prediction else {
            let why = format!("lesson {} has nothing to predict", lesson.name);
            return Err(Error::Usage { why, next: format!("lab run {}", lesson.number) });
        };
        let other = match of {
            Some(name) => {
                let found = catalogue.find_one(name.as_ref()).and_then(|it| catalogue.read(it));
                Some(found.map_err(|error| lesson.error_at(name, error.to_string()))?)
            }
            None => None,
        };
        let asked = other.as_ref().unwrap_or(lesson);
        let demo = asked.demo(None)?;
        let binary = build_shipped(catalogue.root(), asked, demo.program.as_ref(), color)?;
        let settings = tracer::Settings::default();
        let demo = demo_run(asked, demo, parts(demo, &binary), settings)?;
        let path = Path::new("lessons").join(&lesson.name).join(recording.as_ref());
        let bytes = lesson.shipped(recording.as_ref())?.ok_or_else(|| {
            let why = format!("the lesson has no file `{}`", recording.as_ref());
            lesson.error_at(recording, why)
        })?;
        let kept = json::parse(&bytes, &path)?;
        Ok(Predictor { lesson, questions: lesson.questions()?, demo, kept })
    }

    /// Judges the answers in this file of the lesson.
    pub fn judge(&self, file: &str) -> Result<Cell> {
        let path = self.lesson.folder.join(file);
        let shown = format!("lessons/{}/{file}", self.lesson.name);
        let text = fs::read_to_string(&path)
            .map_err(|error| Error::file("read", shown.as_ref(), &error))?;
        let mut lacking = Vec::new();
        let verdict = match answers(&text) {
            Err((line, why)) => Verdict {
                result: Judgement::Fail,
                findings: vec![unreadable(&format!("{shown}:{line}"), &why)],
            },
            Ok(answers) => match play::play(&self.demo, &mut |_| {}) {
                Err(error) => Verdict {
                    result: Judgement::Undetermined { why: error.to_string() },
                    findings: Vec::new(),
                },
                Ok(played) => {
                    lacking.clone_from(&played.isolation.lacking);
                    let (drawn, kept) = (timeline(&played), timeline(&self.kept));
                    let about = |question: &Question| -> (&Recording, &Timeline) {
                        match question.about {
                            About::Wrong(_) => (&self.kept, &kept),
                            _ => (&played, &drawn),
                        }
                    };
                    predictions(&self.questions, &answers, &shown, about)
                }
            },
        };
        Ok(Cell {
            scenario: PREDICTIONS.into(),
            weather: None,
            seed: 1,
            verdict,
            lacking,
            next: format!("lab check {}", self.lesson.number),
        })
    }
}

/// The file is no TOML: what it says nobody can read.
fn unreadable(place: &str, why: &str) -> Finding {
    Finding {
        rule: "reads".into(),
        grade: Grade::Broken,
        says: "the answers can be read".into(),
        did: why.into(),
        lines: Vec::new(),
        events: Vec::new(),
        peer: None,
        printed: None,
        source: Some(place.into()),
        hint: None,
    }
}
