//! Judges one rule: binds its names to the objects of the run, and says what the first of them that breaks it did.

use super::run::{Bound, Place, Run, beginning};
use super::{Expect, Finding, Grade, Rule, Rules, checks, ends};
use crate::event::SocketId;
use crate::pattern::{ArgPattern, CallPattern, ResultValue};
use crate::scenario::texts::{self, Template, Texts};

/// The words that name objects. Standard streams are not among them: there is one of each.
const OBJECTS: [&str; 9] =
    ["listener", "conn", "sock", "pipe.r", "pipe.w", "eventfd", "timerfd", "signalfd", "epoll"];

/// More combinations than any rule of a lesson has in any run of one.
const COMBINATIONS: usize = 10_000;

/// What a rule finds, if it is broken: one finding, of the first objects that break it; and whether it is only that
/// something is not there which something else may have kept from coming about.
pub(super) fn judge(rule: &Rule, run: &Run<'_>, rules: &Rules) -> Option<(Finding, bool)> {
    let broken = match &rule.expect {
        Expect::Check(check) => {
            let (mut finding, absent) = checks::judge(*check, run, rules)?;
            finding.rule = rule.id.clone();
            finding.says = rule.says.clone();
            finding.hint = rule.hint.clone().or(finding.hint);
            return Some((finding, absent));
        }
        Expect::Prints(lines) => prints(run, lines),
        Expect::Order(patterns) => for_each(run, patterns, true, |patterns| order(run, patterns)),
        Expect::Call { what, given } => {
            let patterns: Vec<_> = [what].into_iter().chain(given).cloned().collect();
            for_each(run, &patterns, given.is_none(), |patterns| call(run, patterns))
        }
        Expect::Never { what, after } => {
            let patterns: Vec<_> = [what].into_iter().chain(after).cloned().collect();
            for_each(run, &patterns, false, |patterns| never(run, patterns))
        }
        Expect::Count { what, times } => {
            for_each(run, std::slice::from_ref(what), !times.allows(0), |patterns| {
                count(run, patterns, |n| times.allows(n))
            })
        }
    }?;
    let label = (rule.id.as_str(), rule.says.as_str(), rule.hint.as_deref());
    let absent = match broken.lacks {
        Lacks::Nothing => false,
        Lacks::Call => run.was_cut_off(),
        Lacks::Object => true,
    };
    let finding = run.finding(label, Grade::Broken, broken.did, &broken.rows, &broken.marked);
    Some((finding, absent))
}

/// How a rule is broken.
struct Broken {
    did: String,
    rows: Vec<usize>,
    marked: Vec<usize>,
    lacks: Lacks,
}

/// What is not there.
enum Lacks {
    /// Something is there that should not be.
    Nothing,
    Call,
    /// Not even what the rule is about.
    Object,
}

/// An object that a rule speaks of: the word, in the mouth of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    role: String,
    word: String,
}

/// Judges the patterns once for each choice of objects; gives the first that breaks the rule.
fn for_each(
    run: &Run<'_>,
    patterns: &[CallPattern],
    needed: bool,
    judge: impl Fn(&[Bound]) -> Option<Broken>,
) -> Option<Broken> {
    // A place that there is not was told of when the lesson was read; here it is text.
    let chosen = chosen_in(run);
    let patterns: Vec<CallPattern> = patterns
        .iter()
        .map(|it| texts::chosen(it, &chosen).unwrap_or_else(|_| it.clone()))
        .collect();
    let patterns = patterns.as_slice();
    let variables = variables(run, patterns);
    let choices = choices(run, &variables);
    if choices.is_empty() && needed {
        return Some(absent(run, patterns, &variables));
    }
    let several = choices.len() > 1;
    for choice in &choices {
        let bound: Vec<Bound> =
            patterns.iter().map(|pattern| bind(run, pattern, &variables, choice)).collect();
        if let Some(mut broken) = judge(&bound) {
            // Which of them, where there are several.
            if let (true, Some(id)) = (several, choice.last()) {
                let name = run.timeline.names.of(*id).unwrap_or("one");
                let which = if name.contains('#') { name.to_owned() } else { format!("{name}#1") };
                broken.did = format!("{which}: {}", broken.did);
            }
            return Some(broken);
        }
    }
    None
}

fn variables(run: &Run<'_>, patterns: &[CallPattern]) -> Vec<Variable> {
    let mut found: Vec<Variable> = Vec::new();
    for pattern in patterns {
        let role = pattern.role.clone().unwrap_or_else(|| run.role.to_owned());
        let mut words = Vec::new();
        pattern.args.iter().for_each(|arg| words_of(arg, &mut words));
        if let Some(ResultValue::Name(name)) = pattern.result.as_ref().map(|result| &result.value) {
            words.push(name);
        }
        for word in words.into_iter().filter(|word| OBJECTS.contains(word)) {
            let variable = Variable { role: role.clone(), word: word.to_owned() };
            if !found.contains(&variable) {
                found.push(variable);
            }
        }
    }
    // The listener first, so that what it gave is chosen among its own.
    found.sort_by_key(|variable| variable.word != "listener");
    found
}

fn words_of<'p>(arg: &'p ArgPattern, words: &mut Vec<&'p str>) {
    match arg {
        ArgPattern::Word(all) => {
            if let [word] = all.as_slice() {
                words.push(word);
            }
        }
        ArgPattern::List(items) => items.iter().for_each(|item| words_of(item, words)),
        ArgPattern::Ready { fd, .. } => words_of(fd, words),
        _ => {}
    }
}

/// Every way to choose an object for each variable; one empty way if there are none.
fn choices(run: &Run<'_>, variables: &[Variable]) -> Vec<Vec<SocketId>> {
    let mut choices: Vec<Vec<SocketId>> = vec![Vec::new()];
    for variable in variables {
        let mut longer = Vec::new();
        for choice in &choices {
            for (id, _) in objects(run, variable) {
                let object = run.timeline.names.object(id);
                let listener = object.and_then(|socket| socket.accepted_from);
                let chosen = variables
                    .iter()
                    .zip(choice)
                    .find(|(it, _)| it.word == "listener" && it.role == variable.role);
                let belongs = match (listener, chosen) {
                    (Some(listener), Some((_, chosen))) => listener == *chosen,
                    _ => true,
                };
                if belongs && longer.len() < COMBINATIONS {
                    let mut choice = choice.clone();
                    choice.push(id);
                    longer.push(choice);
                }
            }
        }
        choices = longer;
    }
    choices
}

/// The objects of this kind that the role made.
fn objects<'a>(run: &'a Run<'_>, variable: &Variable) -> Vec<(SocketId, &'a str)> {
    let names = &run.timeline.names;
    let is_kind = |name: &str| {
        let (stem, end) = parts(name);
        variable.word == format!("{stem}{end}")
    };
    let all = names.iter().filter(|(id, name)| {
        is_kind(name) && names.object(*id).is_some_and(|it| it.role == variable.role)
    });
    run.without_own_pairs(all.collect())
}

/// `pipe#2.r` → `pipe`, `.r`.
fn parts(name: &str) -> (&str, &str) {
    let (stem, end) = match name.find('.') {
        Some(dot) => name.split_at(dot),
        None => (name, ""),
    };
    (stem.split('#').next().unwrap_or(stem), end)
}

/// The pattern with each variable replaced by the one object that was chosen for it.
fn bind(
    run: &Run<'_>,
    pattern: &CallPattern,
    variables: &[Variable],
    choice: &[SocketId],
) -> Bound {
    let role = pattern.role.as_deref().unwrap_or(run.role);
    let chosen = |word: &str| -> Option<String> {
        let mut all = variables.iter().zip(choice);
        let (_, id) = all.find(|(it, _)| it.word == word && it.role == role)?;
        let name = run.timeline.names.of(*id)?;
        let (stem, end) = parts(name);
        // The first has no number in its name; `conn` would be all of them.
        Some(if name.contains('#') { name.to_owned() } else { format!("{stem}#1{end}") })
    };
    let mut bound = pattern.clone();
    bound.args.iter_mut().for_each(|arg| bind_argument(arg, &chosen));
    if let Some(result) = &mut bound.result
        && let ResultValue::Name(name) = &mut result.value
        && let Some(one) = chosen(name)
    {
        *name = one;
    }
    // The last is the rarest: what a listener gave, not the listener.
    let mut words = Vec::new();
    pattern.args.iter().for_each(|arg| words_of(arg, &mut words));
    if let Some(ResultValue::Name(name)) = pattern.result.as_ref().map(|result| &result.value) {
        words.push(name);
    }
    let mut all = variables.iter().zip(choice).rev();
    let object = all.find(|(it, _)| it.role == role && words.contains(&it.word.as_str()));
    Bound { pattern: bound, object: object.map(|(_, id)| *id) }
}

fn bind_argument(arg: &mut ArgPattern, chosen: &impl Fn(&str) -> Option<String>) {
    match arg {
        ArgPattern::Word(words) => {
            if let [word] = words.as_mut_slice()
                && let Some(one) = chosen(word)
            {
                *word = one;
            }
        }
        ArgPattern::List(items) => items.iter_mut().for_each(|item| bind_argument(item, chosen)),
        ArgPattern::Ready { fd, .. } => bind_argument(fd, chosen),
        _ => {}
    }
}

/// There is no object that the rule could speak of.
fn absent(run: &Run<'_>, patterns: &[CallPattern], variables: &[Variable]) -> Broken {
    let missing = variables.iter().find(|variable| objects(run, variable).is_empty());
    let missing = missing.map_or("such object", |variable| variable.word.as_str());
    let wanted = patterns.first().map(call_of).unwrap_or_default();
    let program = patterns.first().map_or(run.role, |pattern| run.program_of(pattern));
    let last = run.last_row_of(program);
    let so_far = run.so_far_of(program);
    let did = format!("{so_far}: there is no `{missing}` in this run; wanted `{wanted}`");
    Broken { did, rows: Vec::new(), marked: last.into_iter().collect(), lacks: Lacks::Object }
}

/// The first matches come in this order, and each has one.
fn order(run: &Run<'_>, patterns: &[Bound]) -> Option<Broken> {
    let mut places: Vec<Place> = Vec::new();
    for (n, pattern) in patterns.iter().enumerate() {
        let all = run.matches(pattern, false);
        let rows = || places.iter().map(|place| place.row).collect::<Vec<_>>();
        let before = places.last();
        let again = patterns[..n].contains(pattern);
        let found = match before {
            Some(before) if again => {
                all.iter().find(|place| (place.row, place.seq) > (before.row, before.seq))
            }
            _ => all.first(),
        };
        let Some(found) = found else {
            return Some(lacking(run, pattern, before, rows()));
        };
        if let Some(before) = before
            && (found.row, found.seq) < (before.row, before.seq)
        {
            let did = format!(
                "step {} was `{}`, before step {} (`{}`); wanted it after",
                step(run, found.row),
                text(run, found.row),
                step(run, before.row),
                text(run, before.row),
            );
            let (rows, marked) = (rows(), vec![found.row]);
            return Some(Broken { did, rows, marked, lacks: Lacks::Nothing });
        }
        places.push(*found);
    }
    None
}

/// Judges a wanted call, and what it is wanted for, if it is not wanted anyway.
fn call(run: &Run<'_>, patterns: &[Bound]) -> Option<Broken> {
    let (what, given) = (&patterns[0], patterns.get(1));
    let given = match given {
        Some(given) => Some(run.matches(given, false).into_iter().next()?),
        None => None,
    };
    let is_made = !run.matches(what, false).is_empty();
    let rows = given.iter().map(|place| place.row).collect();
    (!is_made).then(|| lacking(run, what, given.as_ref(), rows))
}

/// Nothing matched, where something should have.
fn lacking(run: &Run<'_>, pattern: &Bound, before: Option<&Place>, mut rows: Vec<usize>) -> Broken {
    let wanted = call_of(&pattern.pattern);
    let program = run.program_of(&pattern.pattern);
    // The same call with another result: what it did instead.
    let near = near_miss(run, pattern, before);
    let (did, marked) = match (before, near) {
        (_, Some(near)) => {
            (format!("step {} was `{}`; wanted `{wanted}`", step(run, near), text(run, near)), near)
        }
        (Some(before), None) => (
            format!(
                "step {} was `{}`, and nothing after it was `{wanted}`",
                step(run, before.row),
                text(run, before.row)
            ),
            before.row,
        ),
        (None, None) => {
            let did = format!("{}; wanted `{wanted}`", run.so_far_of(program));
            let marked = run.last_row_of(program).into_iter().collect();
            return Broken { did, rows, marked, lacks: Lacks::Call };
        }
    };
    // How it ended shows that nothing more came.
    rows.extend(run.last_row_of(program));
    rows.sort_unstable();
    Broken { did, rows, marked: vec![marked], lacks: Lacks::Call }
}

/// The last row that would match but for its result or its other arguments.
fn near_miss(run: &Run<'_>, pattern: &Bound, before: Option<&Place>) -> Option<usize> {
    let mut looser = pattern.clone();
    looser.pattern.result = None;
    looser.pattern.args = match looser.pattern.args.into_iter().next() {
        Some(first) => vec![first, ArgPattern::Rest],
        None => vec![ArgPattern::Rest],
    };
    let all = run.matches(&looser, true);
    let after = before.map_or(0, |before| before.row + 1);
    all.iter().rev().find(|place| place.row >= after).map(|place| place.row)
}

/// Nothing matches the first pattern, or nothing after the first match of the second.
fn never(run: &Run<'_>, patterns: &[Bound]) -> Option<Broken> {
    let (what, after) = patterns.split_first()?;
    let begin = match after.first() {
        Some(after) => Some(*run.matches(after, false).first()?),
        None => None,
    };
    let late = |place: &&Place| match begin {
        None => true,
        // A row that stands for several may be both.
        Some(begin) => {
            place.row > begin.row
                || place.row == begin.row && (place.seq > begin.seq || place.count > 1)
        }
    };
    let all = run.matches(what, true);
    let found = all.iter().find(late)?;
    let mut did = format!("step {} was `{}`", step(run, found.row), text(run, found.row));
    if let Some(begin) = begin {
        let (row, call) = (step(run, begin.row), text(run, begin.row));
        did.push_str(&format!(", after step {row} (`{call}`)"));
    }
    let rows = begin.iter().map(|begin| begin.row).collect();
    Some(Broken { did, rows, marked: vec![found.row], lacks: Lacks::Nothing })
}

fn count(run: &Run<'_>, patterns: &[Bound], allows: impl Fn(u64) -> bool) -> Option<Broken> {
    let what = patterns.first()?;
    let places = run.matches(what, false);
    let found: u64 = places.iter().map(|place| place.count).sum();
    if allows(found) {
        return None;
    }
    let wanted = call_of(&what.pattern);
    let rows: Vec<usize> = places.iter().map(|place| place.row).collect();
    if rows.is_empty() {
        return Some(lacking(run, what, None, rows));
    }
    let steps: Vec<String> = rows.iter().take(5).map(|row| step(run, *row).to_string()).collect();
    let times = if found == 1 { "once".to_owned() } else { format!("{found} times") };
    let noun = if steps.len() == 1 { "step" } else { "steps" };
    let did = format!("it did `{wanted}` {times} ({noun} {})", steps.join(", "));
    // The last is the one too many; of too few, the last after which one more was wanted.
    let marked = rows.last().copied().into_iter().collect();
    Some(Broken { did, rows, marked, lacks: Lacks::Nothing })
}

/// These lines are printed in this order.
fn prints(run: &Run<'_>, wanted: &[String]) -> Option<Broken> {
    let printed = run.output();
    let lines: Vec<&str> = printed.lines().map(|line| line.trim_end_matches('\r')).collect();
    let mut from = 0;
    for (n, written) in wanted.iter().enumerate() {
        let want = &filled(run, written);
        if let Some(role) = ends::lacking(want) {
            let did = format!("`{role}` got no address in this run that a line could name");
            let marked = run.last_row().into_iter().collect();
            return Some(Broken { did, rows: Vec::new(), marked, lacks: Lacks::Object });
        }
        let Some(at) = lines[from..].iter().position(|line| is_like(line, want)) else {
            let alike = lines.iter().filter(|line| is_like(line, want)).count();
            let earlier = lines[..from].iter().any(|line| is_like(line, want));
            // The line that is most like it, as what it printed instead: of those whose turn it was, if there are any.
            let left = if from < lines.len() { &lines[from..] } else { &lines[..] };
            let near = left
                .iter()
                .map(|line| (strsim::jaro_winkler(line, want), line))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let want = run.masked(want);
            let did = match near {
                // One that is asked for several times was not before its turn: there are too few of it.
                _ if earlier && wanted[..n].contains(written) => {
                    let asked = wanted.iter().filter(|other| *other == written).count();
                    let noun = if alike == 1 { "line" } else { "lines" };
                    format!("it printed {alike} {noun} `{want}`; wanted {asked}")
                }
                _ if earlier => format!("`{want}` was printed, but before its turn"),
                Some((_, line)) => {
                    let line = beginning(&run.masked(line));
                    format!("it printed `{line}`; wanted a line `{want}`")
                }
                None => format!("it printed nothing; wanted a line `{want}`"),
            };
            let rows: Vec<usize> = run.prints().collect();
            let marked = rows.last().copied().or_else(|| run.last_row());
            let marked = marked.into_iter().collect();
            return Some(Broken { did, rows, marked, lacks: Lacks::Call });
        };
        from += at + 1;
    }
    None
}

/// A wanted line with what the seed chose in its places, as the steps of the scenario have it, and the addresses of the run.
fn filled(run: &Run<'_>, line: &str) -> String {
    // A place that there is not was told of when the lesson was read; here it is text.
    let line = Template::read(line.as_bytes(), line).map_or_else(
        |_| line.to_owned(),
        |template| String::from_utf8_lossy(&template.fill(&chosen_in(run))).into_owned(),
    );
    ends::filled(run.recording, &line)
}

/// What the seed of this run chose.
fn chosen_in(run: &Run<'_>) -> Texts {
    Texts::new(run.recording.seed.unwrap_or_default(), "")
}

/// Whether a line is this one, where `..` stands for any part of it.
fn is_like(line: &str, want: &str) -> bool {
    let parts: Vec<&str> = want.split("..").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return line == want };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn step(run: &Run<'_>, row: usize) -> usize {
    run.timeline.rows.get(row).map_or(0, |row| row.step)
}

fn text(run: &Run<'_>, row: usize) -> String {
    run.timeline.rows.get(row).map(|row| row.notation()).unwrap_or_default()
}

/// A pattern without its role, as the lesson writes it.
fn call_of(pattern: &CallPattern) -> String {
    let text = pattern.text.trim();
    let bare = match &pattern.role {
        Some(role) => text.strip_prefix(role.as_str()),
        None => text.strip_prefix('_'),
    };
    let bare = bare.map(str::trim_start).and_then(|text| text.strip_prefix(':'));
    bare.map_or(text, str::trim_start).to_owned()
}
