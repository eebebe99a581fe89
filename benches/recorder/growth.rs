//! Ever longer recordings of one program: an event must not cost more because there are many.

use std::path::Path;

use crate::build;
use crate::cases::sum;
use crate::runner::{Runner, lines, transfers};
use crate::table::{Table, mebibytes, time};

pub fn table(folder: &Path) -> Table {
    let mut table = Table::new(&["events", "time", "an event", "most memory"]);
    for rounds in [2_500, 25_000, 250_000] {
        let program = [build(folder, "ping_pong"), rounds.to_string()];
        let out = folder.join("growth");
        let run = Runner::Lab.run(&program, &out, true);
        let events = lines(&out);
        assert_eq!(transfers(&out), sum(&run.said), "a call is lost");
        let each = run.time.as_secs_f64() * 1e6 / events as f64;
        table.row(vec![
            events.to_string(),
            time(run.time),
            format!("{each:.2} µs"),
            mebibytes(run.memory),
        ]);
    }
    table
}
