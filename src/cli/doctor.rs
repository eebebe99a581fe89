//! `lab doctor`: what this machine allows.

use clap::Args;

use crate::error::Result;
use crate::sandbox::doctor::{self, Check, Health};

use super::Outcome;
use super::output::to_stdout;

#[derive(Args)]
pub struct Doctor {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn go(&self) -> Result<Outcome> {
        let checks = doctor::examine();
        if self.json {
            let json = serde_json::json!({ "checks": checks });
            to_stdout(&format!("{json}\n"));
        } else {
            checks.iter().for_each(|check| to_stdout(&line(check)));
        }
        Ok(if doctor::can_record(&checks) { Outcome::Holds } else { Outcome::Broken })
    }
}

fn line(check: &Check) -> String {
    let word = match check.ok {
        Health::Good => "OK",
        Health::Bad => "MISSING",
        Health::Skipped => "-",
    };
    let mut text = format!("{word:8} {:22} {}\n", check.name, check.found);
    if check.ok != Health::Good {
        text.push_str(&format!("{:9}{}\n", "", check.means));
        if let Some(mend) = &check.mend {
            text.push_str(&format!("{:9}try: {mend}\n", ""));
        }
    }
    text
}
