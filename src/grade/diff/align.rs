//! Which step of one run goes with which of the other.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::units::{Key, Outcome, Printed, Unit};

/// Two steps that go together, or one that has no counterpart.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub demo: Option<Unit>,
    pub yours: Option<Unit>,
    pub same: bool,
}

impl Pair {
    fn both(demo: &Unit, yours: &Unit, same: bool) -> Pair {
        Pair { demo: Some(demo.clone()), yours: Some(yours.clone()), same }
    }

    fn lacks(unit: &Unit) -> Pair {
        Pair { demo: Some(unit.clone()), yours: None, same: false }
    }

    fn adds(unit: &Unit) -> Pair {
        Pair { demo: None, yours: Some(unit.clone()), same: false }
    }
}

/// How many steps of two threads are the same.
pub fn likeness(demo: &[Unit], yours: &[Unit]) -> usize {
    let ops = capture_diff_slices(Algorithm::Myers, &keys(demo), &keys(yours));
    let same = |op: &DiffOp| match op {
        DiffOp::Equal { len, .. } => *len,
        _ => 0,
    };
    ops.iter().map(same).sum()
}

/// Aligns what two threads did, in order. Bytes of a stream may come in other pieces.
pub fn align(demo: &[Unit], yours: &[Unit]) -> Vec<Pair> {
    let (whole_demo, whole_yours) = (joined(demo), joined(yours));
    let same = |(one, other): (&Unit, &Unit)| one.key() == other.key();
    if whole_demo.len() == whole_yours.len() && whole_demo.iter().zip(&whole_yours).all(same) {
        let pairs = whole_demo.iter().zip(&whole_yours);
        return pairs.map(|(one, other)| Pair::both(one, other, true)).collect();
    }
    anchored(demo, yours, |demo, yours| {
        let (demo, yours) = (joined(demo), joined(yours));
        anchored(&demo, &yours, by_call)
    })
}

/// Pairs what is the same; `between` sees what lies between such pairs.
fn anchored(
    demo: &[Unit],
    yours: &[Unit],
    between: impl Fn(&[Unit], &[Unit]) -> Vec<Pair>,
) -> Vec<Pair> {
    let ops = capture_diff_slices(Algorithm::Myers, &keys(demo), &keys(yours));
    gaps(&ops, demo, yours, true, between)
}

/// Pairs the same call on the same object, however it went.
fn by_call(demo: &[Unit], yours: &[Unit]) -> Vec<Pair> {
    // What waits to the end goes with what the other did there.
    let call = |unit: &Unit| match unit.outcome {
        Outcome::Waits => (unit.waits_in().to_owned(), unit.object.clone()),
        _ => (unit.call.clone(), unit.object.clone()),
    };
    let calls = |units: &[Unit]| units.iter().map(call).collect::<Vec<_>>();
    let ops = capture_diff_slices(Algorithm::Myers, &calls(demo), &calls(yours));
    gaps(&ops, demo, yours, false, |demo, yours| {
        demo.iter().map(Pair::lacks).chain(yours.iter().map(Pair::adds)).collect()
    })
}

fn gaps(
    ops: &[DiffOp],
    demo: &[Unit],
    yours: &[Unit],
    same: bool,
    between: impl Fn(&[Unit], &[Unit]) -> Vec<Pair>,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    // Where the gap begins, in either.
    let (mut one, mut other) = (0, 0);
    for op in ops {
        if let DiffOp::Equal { old_index, new_index, len } = *op {
            pairs.extend(between(&demo[one..old_index], &yours[other..new_index]));
            for at in 0..len {
                pairs.push(Pair::both(&demo[old_index + at], &yours[new_index + at], same));
            }
            (one, other) = (old_index + len, new_index + len);
        }
    }
    pairs.extend(between(&demo[one..], &yours[other..]));
    pairs
}

/// Pieces of one stream one after the other, as one.
fn joined(units: &[Unit]) -> Vec<Unit> {
    let mut whole: Vec<Unit> = Vec::new();
    for unit in units {
        if !whole.last_mut().is_some_and(|last| last.join(unit)) {
            whole.push(unit.clone());
        }
    }
    whole
}

fn keys(units: &[Unit]) -> Vec<Key<'_>> {
    units.iter().map(Unit::key).collect()
}

/// Aligns what was printed, line by line. Who prints the same lines in another order prints the same.
pub fn prints(demo: &[Printed], yours: &[Printed]) -> Vec<Pair> {
    let unit = |printed: &Printed| Unit {
        step: printed.step,
        seq: printed.seq,
        call: "prints".into(),
        object: None,
        facts: vec![printed.compared()],
        data: None,
        outcome: Outcome::Done,
        stream: false,
        said: format!("`{}`", printed.line),
        text: format!("prints `{}`", printed.line),
    };
    let (demo, yours): (Vec<Unit>, Vec<Unit>) =
        (demo.iter().map(unit).collect(), yours.iter().map(unit).collect());
    let pairs = anchored(&demo, &yours, |demo, yours| {
        demo.iter().map(Pair::lacks).chain(yours.iter().map(Pair::adds)).collect()
    });
    one_for_another(without_the_moved(pairs))
}

/// Lines that come at another place are no other lines.
fn without_the_moved(mut pairs: Vec<Pair>) -> Vec<Pair> {
    let added = pairs.iter().filter(|pair| pair.demo.is_none());
    let added: Vec<Unit> = added.filter_map(|pair| pair.yours.clone()).collect();
    let mut taken: Vec<Unit> = Vec::new();
    for pair in &mut pairs {
        let Pair { demo: Some(lacking), yours: None, .. } = pair else { continue };
        let twin = added.iter().find(|it| it.facts == lacking.facts && !taken.contains(it));
        if let Some(twin) = twin {
            taken.push(twin.clone());
            (pair.yours, pair.same) = (Some(twin.clone()), true);
        }
    }
    pairs.retain(|pair| {
        pair.demo.is_some() || pair.yours.as_ref().is_none_or(|it| !taken.contains(it))
    });
    pairs
}

/// What stands in place of a line goes beside it.
fn one_for_another(pairs: Vec<Pair>) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    // Where the run of lines begins that one of them lacks.
    let mut from = 0;
    for pair in pairs {
        let lacking = out[from..].iter_mut().find(|it| it.yours.is_none());
        match (lacking, pair.same) {
            (Some(lacking), false) if pair.demo.is_none() => lacking.yours = pair.yours,
            (_, same) => {
                out.push(pair);
                from = if same { out.len() } else { from };
            }
        }
    }
    out
}
