//! A timeline as text for mermaid.
use crate::timeline::Timeline;
pub fn mermaid(_timeline: &Timeline) -> String {
    String::new()
}
