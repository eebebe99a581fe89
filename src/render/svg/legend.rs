//! What the shapes of a picture mean, below its rows: of each that it has, and of no other.

use super::canvas::Canvas;
use super::plan::{ASIDE, MARGIN, Plan, SMALL, pixels};
use super::{Page, Shape, WORDS, failed};
use crate::event::{Reason, What};
use crate::timeline::{Holder, RowKind};

/// A shape of the picture, to be explained.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Call,
    Failed,
    Waits,
    ForEver,
    Ends,
    Killed,
    Signal,
    Stream,
    Datagram,
    Echo,
    Reset,
    Owned,
    Queued,
    Left,
}

impl Sign {
    const ALL: [(Sign, &str); 14] = [
        (Sign::Call, "a call"),
        (Sign::Failed, "a call that failed"),
        (Sign::Waits, "waits"),
        (Sign::ForEver, "waits for ever"),
        (Sign::Ends, "ends"),
        (Sign::Killed, "is ended"),
        (Sign::Signal, "a signal"),
        (Sign::Stream, "TCP"),
        (Sign::Datagram, "UDP"),
        (Sign::Echo, "ICMP"),
        (Sign::Reset, "refuses or resets"),
        (Sign::Owned, "a TCP socket over time"),
        (Sign::Queued, "not accepted yet"),
        (Sign::Left, "(no process has it any more)"),
    ];

    /// Whether the picture has it.
    fn occurs(self, plan: &Plan<'_>) -> bool {
        let kind = |is: fn(&RowKind) -> bool| plan.lines.iter().any(|line| is(&line.row.kind));
        let flies = |is: fn(What) -> bool| {
            plan.lines.iter().flat_map(|line| &line.arrows).any(|flight| is(flight.arrow.what))
        };
        let held =
            |holder| plan.rungs.iter().any(|rung| rung.now.holder == holder && !rung.now.is_gone());
        let stuck = plan.timeline.end.reason == Reason::Deadlock;
        match self {
            Sign::Call => true,
            Sign::Failed => plan.lines.iter().any(|line| failed(line)),
            Sign::Waits => !plan.waits.is_empty(),
            Sign::ForEver => stuck && kind(|kind| *kind == RowKind::Waits { for_ever: true }),
            Sign::Ends => kind(|kind| *kind == RowKind::Exit),
            Sign::Killed => kind(|kind| *kind == RowKind::Killed),
            Sign::Signal => kind(|kind| *kind == RowKind::Signal),
            Sign::Stream => {
                flies(|what| matches!(what, What::Syn | What::SynAck | What::Data | What::Fin))
            }
            Sign::Datagram => flies(|what| what == What::Datagram),
            Sign::Echo => flies(What::is_echo),
            Sign::Reset => flies(|what| matches!(what, What::Rst | What::Unreachable)),
            Sign::Owned => held(Holder::Process),
            Sign::Queued => held(Holder::Queue),
            Sign::Left => held(Holder::Kernel),
        }
    }
}

/// A sign with its place: the left edge and the line below the rows.
pub(super) struct Explained(Sign, &'static str, i32, i32);

/// The width of a sign beside its words.
const SIGN: i32 = 34;

impl Page<'_> {
    /// What is to be explained, and how many lines that takes.
    pub(super) fn legend(&self) -> (Vec<Explained>, i32) {
        let (mut x, mut line) = (MARGIN, 0);
        let mut all = Vec::new();
        for (sign, words) in Sign::ALL.into_iter().filter(|(sign, _)| sign.occurs(&self.plan)) {
            let wide = SIGN + pixels(words, SMALL) + 2 * ASIDE;
            if x + wide > self.plan.width - MARGIN && x > MARGIN {
                (x, line) = (MARGIN, line + 1);
            }
            all.push(Explained(sign, words, x, line));
            x += wide;
        }
        (all, line + 1)
    }

    pub(super) fn draw_legend(&mut self, top: i32, signs: &[Explained]) {
        for Explained(sign, words, x, line) in signs {
            let y = top + WORDS * line + 8;
            self.canvas.open("g", &[("class", &"legend")]);
            self.sign(*sign, x + 10, y);
            self.write("quiet", x + SIGN, y + 5, SMALL, words);
            self.canvas.close("g");
            self.canvas.end_line();
        }
    }

    /// A shape as the picture has it, round a middle.
    fn sign(&mut self, sign: Sign, x: i32, y: i32) {
        let bar = |canvas: &mut Canvas, class: &str, wide: i32| {
            canvas.open("g", &[("class", &class)]);
            canvas.empty(
                "rect",
                &[("x", &(x - wide / 2)), ("y", &(y - 9)), ("width", &wide), ("height", &18)],
            );
            canvas.close("g");
        };
        match sign {
            Sign::Call => self.shape(Shape::Dot, x, y),
            Sign::Failed => self.shape(Shape::Diamond, x, y),
            Sign::Ends => self.shape(Shape::Tick, x, y),
            Sign::Killed => self.shape(Shape::Cross, x, y),
            Sign::Signal => self.shape(Shape::Flash, x, y),
            Sign::Waits => bar(&mut self.canvas, "wait", 12),
            Sign::ForEver => bar(&mut self.canvas, "wait for-ever", 12),
            Sign::Owned => bar(&mut self.canvas, "state process", 4),
            Sign::Queued => bar(&mut self.canvas, "state queue", 4),
            Sign::Left => bar(&mut self.canvas, "state kernel", 4),
            Sign::Stream | Sign::Datagram | Sign::Echo | Sign::Reset => {
                let class = match sign {
                    Sign::Datagram | Sign::Echo => "arrow datagram",
                    Sign::Reset => "arrow reset",
                    _ => "arrow",
                };
                self.canvas.open("g", &[("class", &class)]);
                self.canvas
                    .empty("path", &[("class", &"shaft"), ("d", &format!("M{} {y}h22", x - 12))]);
                self.tip(x + 14, y, 1);
                self.canvas.close("g");
            }
        }
    }
}
