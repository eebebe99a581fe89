//! The diagram of TCP's states, and which of its edges a socket took from one look to the next.
//!
//! The figure itself is `states.svg`; an edge's id there is `edge-` and the two states. A look at a socket comes after
//! a call, so it may have gone through a state that nobody saw: to ESTABLISHED by way of SYN-SENT, from CLOSE-WAIT to
//! its end by way of LAST-ACK. One such state in between is filled in, and no more: a longer way would be a guess.

/// The figure, to be set into a page.
pub(super) const FIGURE: &str = include_str!("states.svg");

/// The edges of the figure. Source: RFC 9293, figure 5. Where two ways are as long, the earlier one counts.
const EDGES: [(&str, &str); 20] = [
    ("CLOSED", "SYN-SENT"),
    ("CLOSED", "LISTEN"),
    ("LISTEN", "SYN-RECEIVED"),
    ("SYN-SENT", "ESTABLISHED"),
    ("SYN-SENT", "SYN-RECEIVED"),
    ("SYN-RECEIVED", "ESTABLISHED"),
    ("SYN-RECEIVED", "FIN-WAIT-1"),
    ("ESTABLISHED", "FIN-WAIT-1"),
    ("ESTABLISHED", "CLOSE-WAIT"),
    ("FIN-WAIT-1", "FIN-WAIT-2"),
    ("FIN-WAIT-1", "CLOSING"),
    ("FIN-WAIT-2", "TIME-WAIT"),
    ("CLOSING", "TIME-WAIT"),
    ("TIME-WAIT", "CLOSED"),
    ("CLOSE-WAIT", "LAST-ACK"),
    ("LAST-ACK", "CLOSED"),
    ("LISTEN", "CLOSED"),
    ("SYN-SENT", "CLOSED"),
    ("SYN-RECEIVED", "LISTEN"),
    ("LISTEN", "SYN-SENT"),
];

/// The edges from one state to another, with at most one state in between; none if there is no such way.
pub(super) fn way(from: &str, to: &str) -> Vec<String> {
    let id = |(from, to): &(&str, &str)| format!("{from}-{to}");
    if let Some(edge) = EDGES.iter().find(|edge| **edge == (from, to)) {
        return vec![id(edge)];
    }
    let out = EDGES.iter().filter(|(start, _)| *start == from);
    let two = out.flat_map(|first| EDGES.iter().map(move |second| (first, second)));
    let mut two = two.filter(|(first, second)| first.1 == second.0 && second.1 == to);
    two.next().map(|(first, second)| vec![id(first), id(second)]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_is_in_the_figure_and_nothing_else_is() {
        let svg = roxmltree::Document::parse(FIGURE).unwrap();
        let ids = |class: &str| -> Vec<&str> {
            let of_class = svg.descendants().filter(|it| it.attribute("class") == Some(class));
            of_class.filter_map(|it| it.attribute("id")).collect()
        };
        let mut drawn = ids("edge");
        drawn.sort_unstable();
        let mut known: Vec<_> =
            EDGES.iter().map(|(from, to)| format!("edge-{from}-{to}")).collect();
        known.sort_unstable();
        assert_eq!(drawn, known);
        for (from, to) in EDGES {
            for state in [from, to] {
                assert!(ids("state").contains(&format!("state-{state}").as_str()), "{state}");
            }
        }
        assert_eq!(ids("state").len(), 11);
    }

    #[test]
    fn a_state_that_nobody_saw_is_filled_in_and_two_are_not() {
        assert_eq!(way("CLOSED", "ESTABLISHED"), ["CLOSED-SYN-SENT", "SYN-SENT-ESTABLISHED"]);
        assert_eq!(
            way("LISTEN", "ESTABLISHED"),
            ["LISTEN-SYN-RECEIVED", "SYN-RECEIVED-ESTABLISHED"]
        );
        assert_eq!(
            way("FIN-WAIT-1", "TIME-WAIT"),
            ["FIN-WAIT-1-FIN-WAIT-2", "FIN-WAIT-2-TIME-WAIT"]
        );
        assert_eq!(way("FIN-WAIT-2", "TIME-WAIT"), ["FIN-WAIT-2-TIME-WAIT"]);
        assert_eq!(way("CLOSE-WAIT", "CLOSED"), ["CLOSE-WAIT-LAST-ACK", "LAST-ACK-CLOSED"]);
        for (from, to) in [("ESTABLISHED", "CLOSED"), ("UNCONN", "ESTABLISHED"), ("LISTEN", "")] {
            assert_eq!(way(from, to), Vec::<String>::new(), "{from} {to}");
        }
    }
}
