//! What is said to the kernel and by it, netlink(7), as a timeline has it.
//!
//! An answer in several parts comes in as many reads as the kernel likes: how long a message is differs between its versions, and
//! so does what fits into a read. So reads that follow each other are one row, up to the message that says that all is told.

use super::Row;
use crate::event::{Arg, Value};

/// A note on a row of which nobody can say how many reads it was.
const READS: &str = "in as many reads as it takes";

/// The flag of a message that is a part of an answer, NLM_F_MULTI.
const MULTI: u64 = 2;

/// Messages in the notation; `None` if these are none.
pub(super) fn said(items: &[Value]) -> Option<String> {
    if !are_messages(items) {
        return None;
    }
    let same = |a: &Value, b: &Value| kind(a) == kind(b) && is_part(a) && is_part(b);
    let whole = is_whole(items);
    let groups = items.chunk_by(same).map(|group| match (group, kind(&group[0])) {
        ([one], _) if !is_part(one) => message(one),
        ([_], Some("NLMSG_DONE")) => "NLMSG_DONE".into(),
        (_, name) if !whole => format!("{} …", name.unwrap_or("_")),
        ([_], name) => name.unwrap_or("_").into(),
        (group, name) => format!("{} × {}", group.len(), name.unwrap_or("_")),
    });
    Some(format!("[{}]", groups.collect::<Vec<_>>().join(", ")))
}

/// Whether a value is what a netlink socket has sent or received.
pub(super) fn are_messages(items: &[Value]) -> bool {
    items.first().is_some_and(|first| kind(first).is_some())
}

/// Whether the kernel tells of something in there: how long that is differs between its versions.
pub(super) fn tells(value: &Value) -> bool {
    let is_told = |part: &Value| {
        kind(part).is_some_and(|name| !matches!(name, "NLMSG_ERROR" | "NLMSG_DONE" | "NLMSG_NOOP"))
    };
    value.parts().any(is_told)
}

/// Puts the reads of one answer into one row. The first is `before`; whether the second belongs to it.
pub(super) fn joined(before: &mut Row, row: &Row) -> bool {
    let same = before.role == row.role
        && (before.process, before.thread, before.object) == (row.process, row.thread, row.object)
        && before.call == row.call
        && before.returned();
    let (Some(begun), Some(more)) = (found(before), found(row)) else { return false };
    let goes_on = begun.last().is_some_and(is_part) && !is_whole(begun);
    if !same || !goes_on || !more.iter().all(is_part) {
        return false;
    }
    let more = more.to_vec();
    for piece in &mut before.args {
        if let Some(items) = found_mut(&mut piece.value) {
            let begun = said(items).unwrap_or_default();
            items.extend(more);
            piece.text = piece.text.replacen(&begun, &said(items).unwrap_or_default(), 1);
            break;
        }
    }
    before.last_seq = row.last_seq;
    before.events.extend(&row.events);
    true
}

/// Says of a row with all parts of an answer that there may be several reads in it.
pub(super) fn note(row: &mut Row) {
    let is_all = |items: &[Value]| items.iter().all(is_part) && is_whole(items);
    if row.returned() && row.note.is_none() && found(row).is_some_and(is_all) {
        row.note = Some(READS.into());
    }
}

/// Whether nothing is to follow.
fn is_whole(items: &[Value]) -> bool {
    items.last().is_none_or(|last| !is_part(last) || kind(last) == Some("NLMSG_DONE"))
}

fn found(row: &Row) -> Option<&[Value]> {
    row.args.iter().flat_map(|piece| piece.value.parts()).find_map(|part| match part {
        Value::List { items } if are_messages(items) => Some(items.as_slice()),
        _ => None,
    })
}

fn found_mut(value: &mut Value) -> Option<&mut Vec<Value>> {
    match value {
        Value::List { items } => match are_messages(items) {
            true => Some(items),
            false => items.iter_mut().find_map(found_mut),
        },
        Value::Struct { fields } => fields.iter_mut().find_map(|field| found_mut(&mut field.value)),
        _ => None,
    }
}

fn field<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Struct { fields } = message else { return None };
    fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

fn kind(message: &Value) -> Option<&str> {
    match field(message, "nlmsg_type")? {
        Value::Named { text, .. } => Some(text),
        _ => None,
    }
}

fn is_part(message: &Value) -> bool {
    matches!(field(message, "nlmsg_flags"), Some(Value::Named { value, .. }) if value & MULTI != 0)
}

/// One message by itself: `{RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, seq 1}`.
fn message(message: &Value) -> String {
    let Value::Struct { fields } = message else { return "_".into() };
    let said = |arg: &Arg| match (arg.name.as_ref(), &arg.value) {
        ("nlmsg_flags", Value::Named { value: 0, .. }) => None,
        (_, Value::Named { text, .. }) => Some(text.clone()),
        ("IFA_ADDRESS", Value::Text { value }) => Some(value.clone()),
        (_, Value::Text { value }) => Some(format!("{value:?}")),
        (name, Value::Int { value }) => {
            Some(format!("{} {value}", name.rsplit('_').next().unwrap_or(name)))
        }
        _ => None,
    };
    format!("{{{}}}", fields.iter().filter_map(said).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::timeline::sample::{Sample, arg, fd, int, named};
    use crate::timeline::timeline;

    const WHO: (&str, u32, u32) = ("asker", 1, 1);

    fn part(kind: &str, flags: u64) -> Value {
        let fields =
            [("nlmsg_type", named(16, kind)), ("nlmsg_flags", named(flags, "NLM_F_MULTI"))];
        let fields = fields.into_iter().chain([("nlmsg_seq", int(1))]);
        Value::Struct { fields: fields.map(|(name, value)| arg(name, value)).collect() }
    }

    /// The rows of a program that reads these, each with a result of its own.
    fn rows(reads: &[&[(&str, u64)]]) -> Vec<String> {
        let mut s = Sample::new(None, &["asker"]);
        let kind = Kind::Socket {
            domain: "AF_NETLINK".into(),
            type_: "SOCK_RAW".into(),
            protocol: "NETLINK_ROUTE".into(),
        };
        let sock = s.object("asker", kind, None);
        for (read, ret) in reads.iter().zip(1000..) {
            let items = read.iter().map(|(kind, flags)| part(kind, *flags)).collect();
            let args = vec![
                arg("sockfd", fd(3, sock)),
                arg("buf", Value::List { items }),
                arg("len", int(8192)),
            ];
            s.event(WHO, "recv", args, Some(ret), "");
        }
        timeline(&s.0).rows.iter().map(Row::notation).collect()
    }

    #[test]
    fn an_answer_is_one_row_however_many_reads_it_took() {
        let (link, done) = (("RTM_NEWLINK", 2), ("NLMSG_DONE", 2));
        let all =
            ["recv(sock, [3 × RTM_NEWLINK, NLMSG_DONE], 8192) = n [in as many reads as it takes]"];
        assert_eq!(rows(&[&[link, link, link, done]]), all);
        assert_eq!(rows(&[&[link, link], &[link], &[done]]), all);
        assert_eq!(rows(&[&[link], &[link, link, done]]), all);
    }

    #[test]
    fn two_answers_are_two_rows_and_one_that_is_cut_off_has_no_number() {
        let (link, addr, done) = (("RTM_NEWLINK", 2), ("RTM_NEWADDR", 2), ("NLMSG_DONE", 2));
        assert_eq!(rows(&[&[link, done], &[addr, done]]).len(), 2);
        assert_eq!(rows(&[&[link, link]]), ["recv(sock, [RTM_NEWLINK …], 8192) = n"]);
    }

    #[test]
    fn a_message_by_itself_is_told_with_all_that_is_known_of_it() {
        let said = rows(&[&[("RTM_NEWLINK", 0)], &[("NLMSG_ERROR", 0)]]);
        assert_eq!(
            said,
            [
                "recv(sock, [{RTM_NEWLINK, seq 1}], 8192) = n",
                "recv(sock, [{NLMSG_ERROR, seq 1}], 8192) = 1001",
            ]
        );
    }
}
