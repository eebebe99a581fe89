//! The network that a run has to itself, beside loopback: interfaces to be found there, and what its kernel is not to know.
//!
//! Which interfaces there are, and which address families are to be had, is the machine's: it has cards, and modules. A lesson that
//! asks for either says what the answer is to be.

use serde::{Deserialize, Serialize};

use super::texts::{Template, Texts};
use crate::decode;
use crate::error::Error;
use crate::pattern;

/// As lesson.toml has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The names of interfaces, two by two the ends of one cable; there may be places in them for what the seed chooses.
    #[serde(default)]
    pub links: Vec<String>,
    /// Address families that socket(2) refuses, by name.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl Network {
    /// The names of the interfaces, chosen by `seed`. Fails if one has no other end, or cannot be a name.
    pub fn links(&self, seed: u64) -> Result<Vec<String>, Error> {
        /// With a zero byte, IFNAMSIZ. netdevice(7).
        const LONGEST: usize = 15;
        let texts = Texts::new(seed, "");
        if let (Some(last), 1) = (self.links.last(), self.links.len() % 2) {
            return Err(pattern::error_in(last, 0, "is a link without another end"));
        }
        let name = |link: &String| {
            let bytes = Template::read(link.as_bytes(), link)?.fill(&texts);
            let name = String::from_utf8_lossy(&bytes).into_owned();
            let is_one = (1..=LONGEST).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            let why = format!("is no link's name: up to {LONGEST} letters, digits, `-` and `_`");
            if is_one { Ok(name) } else { Err(pattern::error_in(link, 0, why)) }
        };
        self.links.iter().map(name).collect()
    }

    /// The numbers of the families that are not to be had. Fails if a name is none's.
    pub fn lacks(&self) -> Result<Vec<i32>, Error> {
        /// More than there are.
        const MOST: i32 = 128;
        let number = |name: &String| {
            let is_it = |number: &i32| decode::socket_domain(*number) == name.as_str();
            let unknown = || pattern::error_in(name, 0, "is no address family, such as `AF_TIPC`");
            (0..MOST).find(is_it).ok_or_else(unknown)
        };
        self.lacks.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(names: &[&str]) -> Network {
        Network { links: names.iter().map(|it| (*it).into()).collect(), lacks: Vec::new() }
    }

    #[test]
    fn the_seed_chooses_names_that_fit_an_interface() {
        let network = links(&["{word1:6}-1", "{word2:6}-2"]);
        let names = network.links(3).unwrap();
        assert!(names.iter().all(|name| name.len() == 8), "{names:?}");
        assert_ne!(network.links(4).unwrap(), names);
    }

    #[test]
    fn what_is_no_network_is_told() {
        let told = |network: Network| {
            network.links(1).err().or(network.lacks().err()).expect("an error").to_string()
        };
        assert!(told(links(&["near", "far", "odd"])).contains("`odd`"));
        assert!(told(links(&["near", "much-too-far-away"])).contains("is no link's name"));
        assert!(told(links(&["near", "../far"])).contains("is no link's name"));
        let lacks = vec!["AF_TIPC".into(), "AF_TIPSY".into()];
        assert!(told(Network { lacks, ..Network::default() }).contains("`AF_TIPSY`"));
        let tipc = Network { lacks: vec!["AF_TIPC".into()], ..Network::default() };
        assert_eq!(tipc.lacks().unwrap(), [libc::AF_TIPC]);
    }
}
